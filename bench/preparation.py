"""A prepared copy of the default model's file beside the file as it came.

Both are loaded at once and measured in turns, so that a machine that is busy with something else is
busy with it for both. The copy is made whether or not it is faster here; what `prepare: auto` would
decide has a row of its own.
"""

from __future__ import annotations

import asyncio
import math
import shutil
import statistics
import sys
import tempfile
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import psutil

from backends.base import ChatMessage, Sampling
from backends.files.store import ModelStore
from backends.llama_cpp import LlamaCppOptions
from backends.llama_cpp.preparation import Preparation, prepare_file
from bench.engine_load import (
    GREEDY,
    SAMPLED,
    SHA256,
    SOURCE,
    THREADS,
    answer,
    engine,
    stories,
    together,
)
from bench.rows import Row

_TEXT = Path(__file__).parents[1] / "docs" / "security.md"
_CHUNK_TOKENS = 512
_SCORED_FROM = 64
"""Tokens of a chunk that are only read: a beginning says little about a model."""
_LONG = "The keeper lights the lamp every evening before the sun has set. " * 40


async def rows(quick: bool = False) -> list[Row]:
    """Measure everything; `quick` takes fewer repetitions."""
    source = await asyncio.to_thread(ModelStore().fetch, SOURCE, SHA256)
    with tempfile.TemporaryDirectory(prefix="parlance-bench-") as folder:
        original = Path(shutil.copy2(source, folder))
        made = await _prepare(original, "q8_0")
        tried = await _prepare(original, "auto")
        (copy, *_) = original.parent.glob("*.prepared-*.gguf")
        table = [
            Row("making the copy", made.seconds, "s", "", None),
            Row("more on the disk", made.bytes / 1e6, "MB", "", None),
            Row("kept by `prepare: auto`: 1, not: 0", float(tried.kept), "", "", None),
        ]
        table += await _speed(original, copy, repeats=1 if quick else 5)
        table += await _perplexities(original, copy, chunks=4 if quick else 16)
        table += [
            Row(f"resident, loaded and used, {name}", await _resident(path), "MB", "", None)
            for name, path in (("as it came", original), ("copy", copy))
        ]
    return table


async def _prepare(original: Path, how: str) -> Preparation:
    """What becomes of a copy; the other way's is left there by taking its place apart."""
    place = original.parent / how
    place.mkdir()
    apart = Path(shutil.copy2(original, place))
    options = LlamaCppOptions.model_validate(
        {"source": f"file:{apart}", "n_threads": THREADS, "prepare": how}
    )
    prepared = await prepare_file(options, ModelStore())
    assert prepared is not None
    if how == "q8_0":
        for path in place.glob("*.prepared-*.gguf"):
            path.rename(original.parent / path.name)
    shutil.rmtree(place)
    return prepared


async def _speed(original: Path, copy: Path, repeats: int) -> list[Row]:
    """How many times as fast the copy is: 1 and 8 users, and a long prompt."""
    ratios: dict[str, list[float]] = {}
    async with engine(original) as came, engine(copy) as prepared:
        for at in range(repeats):
            for name, sampling in (("greedy", GREEDY), ("sampled", SAMPLED)):
                for users in (1, 8):
                    pair = [came, prepared][:: 1 if at % 2 else -1]
                    number = 100 * at + 10 * users
                    loads = {
                        id(one): await together(
                            partial(answer, one), stories(users, number), sampling
                        )
                        for one in pair
                    }
                    gain = loads[id(prepared)].rate / loads[id(came)].rate
                    ratios.setdefault(f"{users} users, {name}", []).append(gain)
            long = [ChatMessage("user", f"{at} {_LONG} Summarise this.")]
            short = Sampling(temperature=0.0, max_tokens=2)
            waits = [(await answer(one, long, short)).first_s for one in (came, prepared)]
            ratios.setdefault("reading a prompt", []).append(waits[0] / waits[1])
    least = {"8 users, greedy": 1.3, "8 users, sampled": 1.3}
    table = []
    for name, found in ratios.items():
        value, aim = statistics.median(found), least.get(name)
        told = f"at least {aim:g} x" if aim else ""
        row = Row(
            f"{name}: copy beside as it came", value, "x", told, value >= aim if aim else None
        )
        table.append(row)
    return table


async def _perplexities(original: Path, copy: Path, chunks: int) -> list[Row]:
    found = [await asyncio.to_thread(_perplexity, path, chunks) for path in (original, copy)]
    ratio = found[1] / found[0]
    return [
        Row("perplexity, as it came", found[0], "", "", None),
        Row("perplexity, copy", found[1], "", "", None),
        Row("perplexity, copy beside as it came", ratio, "x", "at most 1.005 x", ratio <= 1.005),
    ]


def _perplexity(path: Path, chunks: int) -> float:
    """The perplexity of a page of the documentation, in chunks that are read apart."""
    from backends.llama_cpp.native import Model
    from backends.llama_cpp.native_library import lib

    model = Model(path, LlamaCppOptions(source=f"file:{path}"))
    tokens = model.tokenize(_TEXT.read_text("utf-8"))
    params = lib.llama_context_default_params()
    params.n_ctx = params.n_batch = params.n_ubatch = _CHUNK_TOKENS
    params.n_threads = params.n_threads_batch = THREADS
    context = lib.llama_init_from_model(model.handle, params)
    batch = lib.llama_batch_init(_CHUNK_TOKENS, 0, 1)
    losses: list[float] = []
    starts = range(0, min(len(tokens) - _CHUNK_TOKENS, chunks * _CHUNK_TOKENS), _CHUNK_TOKENS)
    for start in starts:
        chunk = tokens[start : start + _CHUNK_TOKENS]
        losses += _losses(lib, context, batch, chunk, model.n_vocab)
    lib.llama_batch_free(batch)
    lib.llama_free(context)
    model.close()
    return math.exp(statistics.mean(losses))


def _losses(
    lib: Any, context: Any, batch: Any, tokens: Sequence[int], vocabulary: int
) -> list[float]:
    """How unlikely each token was, as the negative logarithm."""
    lib.llama_memory_clear(lib.llama_get_memory(context), True)
    batch.n_tokens = len(tokens)
    for at, token in enumerate(tokens):
        batch.token[at], batch.pos[at] = token, at
        batch.n_seq_id[at], batch.seq_id[at][0], batch.logits[at] = 1, 0, True
    assert lib.llama_decode(context, batch) == 0
    found = []
    for at in range(_SCORED_FROM, len(tokens) - 1):
        row: npt.NDArray[np.float64] = np.ctypeslib.as_array(
            lib.llama_get_logits_ith(context, at), (vocabulary,)
        ).astype(np.float64)
        top = float(row.max())
        found.append(top + math.log(float(np.exp(row - top).sum())) - float(row[tokens[at + 1]]))
    return found


async def _resident(path: Path) -> float:
    """Megabytes that a process takes with the model, after eight answers at once."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "bench.preparation", str(path)), stdout=asyncio.subprocess.PIPE
    )
    output, _ = await process.communicate()
    return float(output.splitlines()[-1])


async def _say_resident(path: Path) -> None:
    async with engine(path, cache_tokens=2048) as backend:
        short = Sampling(temperature=0.0, max_tokens=16)
        await together(partial(answer, backend), stories(8, 1), short)
        sys.stdout.write(f"{psutil.Process().memory_info().rss / 1e6}\n")


if __name__ == "__main__":
    asyncio.run(_say_resident(Path(sys.argv[1])))
