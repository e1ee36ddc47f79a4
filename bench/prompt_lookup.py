"""Prompt lookup drafts beside writing without them, on the same file, prompts and seeds.

    DRAFT_MODEL=model.gguf python -m bench drafting

measures another file than the default model. Prompts are read before, so that the figures are those
of writing; the two take turns, so that a machine that is busy with something else is busy for both.
"""

from __future__ import annotations

import asyncio
import os
import statistics
import tempfile
import time
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, cast

from backends.base import (
    Backend,
    Capabilities,
    ChatMessage,
    ChatRequest,
    Chunk,
    Sampling,
    Usage,
)
from backends.files.catalog import DEFAULT_MODELS
from backends.files.store import ModelStore
from backends.llama_cpp import LlamaCppBackend
from bench.asking import make_context
from bench.documents import drain, opened, real_embedder, written, xquad
from bench.engine_load import SHA256, SOURCE, engine
from bench.rows import Row
from bot.answering.grounded_answer import answer_from
from bot.skills.services import Searching

_QUESTIONS = 50
_PARAGRAPHS = 60
"""The paragraphs of those questions, and as many again."""
_TOKENS = 96
_LARGE_PARAMETERS = 10**9
_MAX_USERS = 8
_OPEN = "not measured: the English part of XQuAD is not there"
Prompt = tuple[ChatMessage, ...]


@dataclass
class Recorder:
    """Stands for a model that is asked, and keeps what it was asked."""

    backend: Backend
    prompts: list[Prompt] = field(default_factory=list)

    @property
    def name(self) -> str:
        return self.backend.name

    async def capabilities(self) -> Capabilities:
        """Those of the model, but as one that is large enough to be asked."""
        return replace(await self.backend.capabilities(), parameters=_LARGE_PARAMETERS)

    async def count(self, messages: Sequence[ChatMessage]) -> int:
        return await self.backend.count(messages)

    async def chat(self, request: ChatRequest) -> AsyncGenerator[Chunk, None]:
        self.prompts.append(tuple(request.messages))
        yield Chunk(text="Yes [1].")
        yield Chunk(finish="stop", usage=Usage())


async def rows(quick: bool = False) -> list[Row]:
    """Answers from documents, passages that are repeated, and stories; for 1 user and for 8."""
    named = os.environ.get("DRAFT_MODEL")
    path = Path(named) if named else await asyncio.to_thread(ModelStore().fetch, SOURCE, SHA256)
    settings = {"context": 2048, "cache_tokens": 20480}
    async with (
        engine(path, **settings) as drafting,
        engine(path, prompt_lookup=False, **settings) as plain,
    ):
        documents = await _document_prompts(drafting)
        if documents is None:
            return [Row("answers from documents", None, "", _OPEN, None)]
        few, others = (8, 8) if quick else (_QUESTIONS, 16)
        table: list[Row] = []
        for name, prompts, targets in (
            ("answers from documents", documents[:few], (1.4, 1.1)),
            (
                "a passage repeated",
                [_repeated(prompt) for prompt in documents[:others]],
                (None, None),
            ),
            ("stories", [_story(n) for n in range(others)], (0.99, 0.99)),
        ):
            for users, least in zip((1, _MAX_USERS), targets, strict=True):
                table += await _compare(drafting, plain, name, prompts, users, least)
    return table


async def _document_prompts(backend: LlamaCppBackend) -> list[Prompt] | None:
    """What `/ask` asks a model, of the first questions of a corpus; None if it is not there."""
    corpus = xquad()
    if corpus is None:
        return None
    with tempfile.TemporaryDirectory() as name:
        async with real_embedder() as embedder, opened(Path(name), embedder) as service:
            texts = dict(enumerate(corpus.paragraphs[:_PARAGRAPHS]))
            await drain(service.add(str(written(Path(name) / "texts", texts))))
            recorder = Recorder(backend)
            context = make_context(service, cast(Any, recorder), Searching(reader="off"))
            family = (await recorder.capabilities()).family
            system = context.prompts.render("system", family, persona="", several=False)
            for question, _ in corpus.questions[:_QUESTIONS]:
                found = replace(await service.search(question), evidence=True)
                async with aclosing(answer_from(context, question, found, system=system)) as answer:
                    async for _ in answer:
                        pass
    return recorder.prompts


def _repeated(prompt: Prompt) -> Prompt:
    """A prompt that wants a passage back word for word, as an edit of a text does."""
    passage = prompt[-1].content.split("\n\n")[0]
    return (ChatMessage("user", f"Repeat this text word for word:\n{passage}"),)


def _story(number: int) -> Prompt:
    return (ChatMessage("user", f"Tell me a long story about the number {number}."),)


async def _compare(
    drafting: LlamaCppBackend,
    plain: LlamaCppBackend,
    name: str,
    prompts: Sequence[Prompt],
    users: int,
    least: float | None,
) -> list[Row]:
    """The same answers by both, `users` at a time."""
    seconds: dict[LlamaCppBackend, float] = {drafting: 0.0, plain: 0.0}
    tokens = dict.fromkeys(seconds, 0)
    ratios: list[float] = []
    before = drafting.stats()
    for start in range(0, len(prompts) - users + 1, users):
        some = prompts[start : start + users]
        rates: dict[LlamaCppBackend, float] = {}
        for backend in (drafting, plain) if start // users % 2 else (plain, drafting):
            for number, one in enumerate(some, start):
                await _write(backend, one, number, 1)
            began = time.perf_counter()
            told = await asyncio.gather(
                *(_write(backend, one, n, _TOKENS) for n, one in enumerate(some, start))
            )
            took = time.perf_counter() - began
            seconds[backend] += took
            tokens[backend] += sum(told)
            rates[backend] = sum(told) / took
        ratios.append(rates[drafting] / rates[plain])
    after = drafting.stats()
    drafted = after.drafted_tokens - before.drafted_tokens
    accepted = after.accepted_tokens - before.accepted_tokens
    whole = tokens[drafting] / seconds[drafting] / (tokens[plain] / seconds[plain])
    what = f"{name}, {users} users" if users > 1 else f"{name}, 1 user"
    reached = None if least is None else whole >= least
    target = "" if least is None else f"at least {least:g} x"
    hits = 100 * accepted / drafted if drafted else None
    return [
        Row(f"{what}: tokens/s beside without", whole, "x", target, reached),
        Row(f"{what}: the same, median of loads", statistics.median(ratios), "x", "", None),
        Row(f"{what}: tokens that were drafted", 100 * accepted / tokens[drafting], "%", "", None),
        Row(f"{what}: drafted tokens accepted", hits, "%", "", None),
        Row(f"{what}: tokens of an answer", tokens[plain] / len(ratios) / users, "", "", None),
    ]


async def _write(backend: LlamaCppBackend, prompt: Prompt, seed: int, most: int) -> int:
    """Answer a prompt as the default model is set up for documents, in a conversation of the seed's
    number; return the tokens written.
    """
    known = DEFAULT_MODELS[0].sampling
    close = known.close if known is not None and known.close is not None else Sampling()
    sampling = replace(close, seed=seed, max_tokens=most)
    request = ChatRequest(prompt, sampling, conversation=f"{seed}")
    count = 0
    async with aclosing(backend.chat(request)) as stream:
        async for chunk in stream:
            if chunk.usage is not None:
                count = chunk.usage.completion_tokens
    return count
