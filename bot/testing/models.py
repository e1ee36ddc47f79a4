"""Models for tests: scripted backends; no model is loaded."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import replace

from backends.base import (
    Backend,
    Capabilities,
    ChatMessage,
    ChatRequest,
    Chunk,
    ReaderCurve,
)
from backends.notations.reader import AnswerReader
from bot.types import ConversationKey, Scope
from bot.values import ModelInfo


class ScriptedModels:
    """The backends of a test as models; choices are kept by scope, as the real ones are.

    Thoughts before an answer (`<think>…</think>`) are told apart as they are of real models;
    `show_thoughts` is what `thinking: show` is there.
    """

    show_thoughts = False

    def __init__(self, *backends: Backend) -> None:
        self.backends = {backend.name: backend for backend in backends}
        self.chosen: dict[str, str] = {}
        self.reads: dict[str, bool] = {}
        self.curves: dict[str, ReaderCurve] = {}

    def names(self) -> Sequence[str]:
        return list(self.backends)

    async def current(
        self, conversation: ConversationKey, person: str | None = None
    ) -> tuple[str, Scope]:
        for scope, key in conversation.scopes(person):
            if key in self.chosen:
                return self.chosen[key], scope
        return next(iter(self.backends)), "default"

    async def use(self, name: str, scope: Scope, conversation: ConversationKey, by: str) -> None:
        self.chosen[conversation.scope(scope, by)] = name

    async def describe(self) -> Sequence[ModelInfo]:
        return [
            ModelInfo(
                name,
                f"Speaks {name}",
                "scripted",
                "ready",
                vision=(await backend.capabilities()).vision,
            )
            for name, backend in self.backends.items()
        ]

    async def capabilities(self, model: str) -> Capabilities:
        found = await self.backends[model].capabilities()
        reads = self.reads.get(model, found.reads)
        return replace(found, reads=reads, reader_curve=self.curves.get(model))

    async def found_reading(
        self, model: str, *, reads: bool, curve: ReaderCurve | None = None
    ) -> None:
        self.reads[model] = reads
        if curve is not None:
            self.curves[model] = curve

    async def count(self, model: str, messages: Sequence[ChatMessage]) -> int:
        return await self.backends[model].count(messages)

    async def chat(self, model: str, request: ChatRequest) -> AsyncGenerator[Chunk, None]:
        reader = AnswerReader(request.tools, keep=self.show_thoughts)
        async with aclosing(self.backends[model].chat(request)) as chunks:
            async for chunk in chunks:
                async for piece in reader.read(chunk):
                    yield piece
