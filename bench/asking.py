"""What stands around a search: earlier questions, a model that rewrites, a reranker, an answer.

    RERANKER="SOURCE TOKENIZER_SOURCE" python -m bench retrieval

adds the figures of a cross-encoder (sources as config.yaml writes them, already fetched); without
it its rows are left open. A larger chat model of the catalogue is measured too where it is fetched.
"""

from __future__ import annotations

import asyncio
import os
import re
import tempfile
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, aclosing, asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast

import yaml

from backends.base import Backend, EngineContext
from backends.errors import BackendError
from backends.files.catalog import CATALOG, CHAT_FILE
from backends.files.store import ModelStore, default_root
from backends.llama_cpp import ENGINE as LLAMA_CPP
from backends.onnx.reranker import OnnxReranker, RerankerOptions
from bench.documents import ROOT, drain, opened
from bench.rows import Row
from bot.answering.grounded_answer import answer_from
from bot.answering.query_rewriting import search_for
from bot.commands.checks import Asker
from bot.events import Message
from bot.history.protocol import StoredMessage
from bot.knowledge.retrieval.embedder import Embedder
from bot.knowledge.retrieval.evaluation import Evaluation, evaluate
from bot.knowledge.retrieval.golden import Golden, load_golden
from bot.knowledge.retrieval.reranking import Reranker, create_reranker
from bot.knowledge.service import KnowledgeService
from bot.prompting.templates import JinjaPrompts
from bot.skills.context import Context
from bot.skills.services import Searching, Services
from bot.testing.models import ScriptedModels
from bot.turns.turn import Turn
from bot.types import Author, ConversationKey, Explanation, Source, Text
from bot.values import SearchResult

GOLDEN = ROOT / "tests" / "golden" / "parlance.yaml"
FOLLOW_UPS = ROOT / "tests" / "golden" / "followups.yaml"
LANGUAGES = ROOT / "tests" / "golden" / "languages.yaml"
_CITED = re.compile(r"\[(\d{1,3})\]")
_PLACE = ConversationKey("terminal", "local", "bench")
_ASKER = Author("terminal", "operator", "Bench")
OPEN = "not measured: no reranker is configured"


@dataclass(frozen=True, slots=True)
class Asking:
    """A search as a skill makes it, with a model's help; `evaluate` measures it."""

    service: KnowledgeService
    context: Context

    async def search(
        self,
        query: str,
        *,
        bases: Sequence[str] | None = None,
        limit: int = 8,
        before: Sequence[str] = (),
    ) -> SearchResult:
        history = [_said(number, text) for number, text in enumerate(before)]
        return await search_for(
            self.context, query, bases=[self.service.default_base], history=history
        )

    async def check_support(self, answer: str, passages: Any) -> Any:
        return await self.service.check_support(answer, passages)


def _said(number: int, text: str) -> StoredMessage:
    return StoredMessage(f"q{number}", str(_PLACE), "user", text, _ASKER.key, datetime.now(UTC))


def asking_services(
    models: ScriptedModels, knowledge: KnowledgeService, searching: Searching
) -> Services:
    """The services of a bot that only answers from documents."""
    nobody: Any = None  # nothing asks the services that are left out
    return Services(
        models=models,
        history=nobody,
        knowledge=knowledge,
        web=nobody,
        prompts=JinjaPrompts([ROOT / "plugins" / "prompts"]),
        turns=nobody,
        commands=(),
        searching=searching,
    )


def make_context(service: KnowledgeService, model: Backend, searching: Searching) -> Context:
    services = asking_services(ScriptedModels(model), service, searching)
    event = Message("m", _PLACE, _ASKER, "", direct=True)
    return Context(Turn("t", event, Asker(_ASKER, _PLACE, True, True)), services)


@asynccontextmanager
async def chat_models() -> AsyncIterator[dict[str, Backend]]:
    """The default model, and the largest other one of the catalogue that is fetched, by name."""
    store = ModelStore(default_root())
    await asyncio.to_thread(store.fetch, CHAT_FILE.source, CHAT_FILE.sha256)
    files = {"the default model": CHAT_FILE}
    for model in sorted(CATALOG, key=lambda model: model.memory_mb):
        if model.purpose == "chat" and not model.default:
            try:
                store.path(model.files[0].source, model.files[0].sha256)
            except BackendError:
                continue
            files = {"the default model": CHAT_FILE, model.name: model.files[0]}
    async with AsyncExitStack() as stack:
        made: dict[str, Backend] = {}
        for name, file in files.items():
            options = LLAMA_CPP.options.model_validate(
                {"source": file.source, "sha256": file.sha256, "context": 2048, "parallel": 1}
            )
            backend = LLAMA_CPP.create("default", options, EngineContext(store, lambda _: None))
            stack.push_async_callback(backend.aclose)
            made[name] = backend
        yield made


@asynccontextmanager
async def open_reranker() -> AsyncIterator[Reranker | None]:
    """The cross-encoder that RERANKER names, if it names one."""
    sources = os.environ.get("RERANKER", "").split()
    if len(sources) != 2:
        yield None
        return
    options = RerankerOptions(source=sources[0], tokenizer_source=sources[1])
    backend = OnnxReranker("reranker", options, ModelStore(default_root()))
    try:
        with tempfile.TemporaryDirectory() as folder:
            yield create_reranker("reranker", backend, Path(folder))
    finally:
        await backend.aclose()


async def rows(embedder: Embedder, *, quick: bool) -> list[Row]:
    """Every row of this page."""
    conversations = [golden for golden in load_golden(FOLLOW_UPS) if golden.half == "test"]
    answerable = [golden for golden in load_golden(GOLDEN, half="test") if golden.documents]
    few = answerable[:: 9 if quick else 1]
    some = conversations[::4] if quick else conversations
    with tempfile.TemporaryDirectory() as name:
        root = Path(name)
        async with AsyncExitStack() as stack:
            service = await stack.enter_async_context(opened(root, embedder))
            models = await stack.enter_async_context(chat_models())
            reranker = await stack.enter_async_context(open_reranker())
            await drain(service.add(str(ROOT / "docs")))
            found = await _reranked(root, embedder, reranker, answerable)
            for model, backend in models.items():
                found += await _cited(service, model, backend, answerable[:: 18 if quick else 4])
                found += await _multiplied(service, model, backend, few)
            await drain(service.add(str(_texts(root))))
            found += await _follow_ups(service, conversations)
            for model, backend in models.items():
                found += await _rewritten(service, model, backend, some)
    return found


def _texts(root: Path) -> Path:
    """The short documents in other languages, as a folder."""
    folder = root / "texts"
    folder.mkdir()
    for number, document in enumerate(yaml.safe_load(LANGUAGES.read_text(encoding="utf-8"))):
        (folder / f"text-{number:02}.md").write_text(document["text"], encoding="utf-8")
    return folder


async def _follow_ups(service: KnowledgeService, asked: Sequence[Golden]) -> list[Row]:
    """Questions that lean on the one before, looked up alone and together with it."""
    alone = await evaluate(service, [replace(golden, before=()) for golden in asked])
    together = await evaluate(service, asked)
    return [
        *_three("follow-ups, test half: looked up alone", alone),
        *_three("follow-ups, test half: with the question before", together, above=alone),
        _gate("follow-ups, test half: abstention F1 alone", alone),
        _gate("follow-ups, test half: abstention F1 with the question before", together, alone),
    ]


async def _rewritten(
    service: KnowledgeService, model: str, backend: Backend, asked: Sequence[Golden]
) -> list[Row]:
    """The same, made to stand alone by a model first."""
    plain = await evaluate(service, asked)
    context = make_context(service, backend, Searching(rewrite=True, deadline_s=60))
    measured = await evaluate(cast(Any, Asking(service, context)), asked)
    what = f"follow-ups, rewritten by {model}"
    return [*_three(what, measured, beside=plain), _wait(what, measured)]


async def _multiplied(
    service: KnowledgeService, model: str, backend: Backend, asked: Sequence[Golden]
) -> list[Row]:
    """Own golden set, with the model's other wordings beside each question."""
    plain = await evaluate(service, asked)
    context = make_context(service, backend, Searching(multi_query=True, deadline_s=60))
    measured = await evaluate(cast(Any, Asking(service, context)), asked)
    what = f"own golden set, with other wordings by {model}"
    return [*_three(what, measured, beside=plain), _wait(what, measured)]


async def _reranked(
    root: Path, embedder: Embedder, reranker: Reranker | None, asked: Sequence[Golden]
) -> list[Row]:
    """Own golden set, with a cross-encoder."""
    what = "own golden set, reranked"
    if reranker is None:
        return [Row(f"{what}: hit@1", None, "", OPEN, None)]
    async with opened(root, embedder) as plain_service:
        plain = await evaluate(plain_service, asked)
    async with opened(root, embedder, reranker=reranker) as service:
        measured = await evaluate(service, asked)
    return [*_three(what, measured, beside=plain), _wait(what, measured)]


async def _cited(
    service: KnowledgeService, model: str, backend: Backend, asked: Sequence[Golden]
) -> list[Row]:
    """Answers by a real model: where their citations point, and whether that bears them out."""
    context = make_context(service, backend, Searching())
    shown = good = 0

    async def answer(question: str, found: SearchResult) -> tuple[str, Sequence[Source]]:
        nonlocal shown, good
        text, given = "", tuple[Source, ...]()
        family = (await context.models.capabilities("default")).family
        system = context.prompts.render("system", family, persona="", several=False)
        found = replace(found, passages=found.passages[:8])
        async with aclosing(answer_from(context, question, found, system=system)) as parts:
            async for part in parts:
                if isinstance(part, Text):
                    text += part.delta
                elif isinstance(part, Explanation):
                    given = part.passages
        numbers = [int(number) for number in _CITED.findall(text)]
        shown += len(numbers)
        good += sum(number in {source.number for source in given} for number in numbers)
        return text, given

    measured = await evaluate(service, asked, answer=answer)
    share = 100 * good / shown if shown else None
    return [
        Row(
            f"citations of {model} that point to a passage that was given ({shown} seen)",
            share,
            "%",
            "≥ 100",
            share == 100 if share is not None else None,
        ),
        Row(
            f"citation precision of {model}, {len(asked)} questions",
            measured.citation_precision,
            "",
            "",
            None,
        ),
    ]


def _three(
    what: str,
    measured: Evaluation,
    *,
    above: Evaluation | None = None,
    beside: Evaluation | None = None,
) -> list[Row]:
    """hit@1, MRR and nDCG; `above` has to be reached, `beside` is what it is without."""
    made = []
    for label, name in (("hit@1", "hit_at_1"), ("MRR@10", "mrr_at_10"), ("nDCG@10", "ndcg_at_10")):
        value, target, ok = round(getattr(measured, name), 4), "", None
        if above is not None:
            least = getattr(above, name)
            target, ok = f"≥ {least:.3f}", value >= least - 1e-4
        if beside is not None:
            target = f"{value - getattr(beside, name):+.3f}"
        made.append(Row(f"{what}: {label}", value, "", target, ok))
    return made


def _gate(what: str, measured: Evaluation, above: Evaluation | None = None) -> Row:
    value = round(measured.abstention_f1, 4)
    if above is None:
        return Row(what, value, "", "", None)
    return Row(what, value, "", f"≥ {above.abstention_f1:.3f}", value >= above.abstention_f1 - 1e-4)


def _wait(what: str, measured: Evaluation) -> Row:
    return Row(f"{what}: a search, p50", round(measured.p50_ms, 1), "ms", "", None)
