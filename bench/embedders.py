"""Another embedder than the default one, and what each thing done for it is worth.

    EMBEDDER="SOURCE TOKENIZER_SOURCE" python -m bench retrieval

adds its figures (sources as config.yaml writes them, already fetched; an ONNX model); without it
the row is left open. Each figure is also taken without what stands before its texts, with the mean
of its tokens where it reads the first, and on its own scale of cosines.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

from backends.files.store import ModelStore, default_root
from backends.onnx.embedder import OnnxEmbedder, OnnxOptions
from backends.onnx.families import find_family
from bench.documents import ROOT, Corpus, drain, opened, written
from bench.rows import Row
from bot.knowledge.retrieval.calibration import DEFAULT_SCALE
from bot.knowledge.retrieval.embedder import Embedder, create_embedder
from bot.knowledge.retrieval.evaluation import evaluate
from bot.knowledge.retrieval.golden import load_golden

GOLDEN = ROOT / "tests" / "golden" / "parlance.yaml"
_OPEN = "not measured: no other embedder is configured"


@asynccontextmanager
async def _embedder(source: str, tokenizer: str, without: str) -> AsyncIterator[Embedder]:
    """The embedder, without one of the things that are done for it, or with all of them."""
    keys = {"source": source, "tokenizer_source": tokenizer}
    if without == "pooling":
        keys["pooling"] = "mean"
    backend = OnnxEmbedder("other", OnnxOptions.model_validate(keys), ModelStore(default_root()))
    none = "" if without == "prefixes" else None
    try:
        made = await create_embedder(
            backend, names=[source], query_prefix=none, passage_prefix=none
        )
        yield replace(made, scale=DEFAULT_SCALE) if without == "scale" else made
    finally:
        await backend.aclose()


async def rows(corpus: Corpus | None, *, quick: bool) -> list[Row]:
    """Its figures over XQuAD and over the project's own pages; `quick` takes each only once."""
    sources = os.environ.get("EMBEDDER", "").split()
    if len(sources) != 2:
        return [Row("another embedder: nDCG@10", None, "", _OPEN, None)]
    family = find_family(sources[0])
    apart = {
        "": "another embedder",
        "prefixes": "… with nothing before its texts",
        "pooling": "… with the mean of its tokens",
        "scale": "… on its own scale",
    }
    if not (family.query_prefix or family.passage_prefix):
        del apart["prefixes"]
    if family.pooling == "mean":
        del apart["pooling"]
    found: list[Row] = []
    for without, what in list(apart.items())[: 1 if quick else None]:
        async with _embedder(sources[0], sources[1], without) as embedder:
            found += await _measured(what, corpus, embedder)
    return found


async def _measured(what: str, corpus: Corpus | None, embedder: Embedder) -> list[Row]:
    with tempfile.TemporaryDirectory() as name:
        async with opened(Path(name), embedder) as service:
            await drain(service.add(str(ROOT / "docs")))
            own = await evaluate(service, load_golden(GOLDEN, half="test"))
    figures = {
        "own golden set, test half: nDCG@10": own.ndcg_at_10,
        "own golden set, test half: abstention F1": own.abstention_f1,
    }
    if corpus is not None:
        with tempfile.TemporaryDirectory() as name:
            async with opened(Path(name), embedder) as service:
                folder = written(Path(name) / "xquad", dict(enumerate(corpus.paragraphs)))
                await drain(service.add(str(folder)))
                found = await evaluate(service, [golden for golden, _ in corpus.golden()])
        figures["XQuAD hit@1"] = found.hit_at_1
        figures["XQuAD nDCG@10"] = found.ndcg_at_10
    return [Row(f"{what}, {label}", round(v, 4), "", "", None) for label, v in figures.items()]
