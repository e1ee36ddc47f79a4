"""A scripted model that writes as many words as it is asked for, and notes when it has done so.

A question names itself and the length of its answer: `q7, 200 words`.
"""

from __future__ import annotations

import re
import time
from collections.abc import AsyncGenerator
from contextlib import aclosing

from backends.base import Backend, ChatRequest, Chunk, Engine, EngineContext
from backends.scripted.backend import ScriptedBackend, ScriptedOptions

_QUESTION = re.compile(r"(q\d+), (\d+) words")
_ends: dict[str, float] = {}


def question(number: int, words: int) -> str:
    """What to ask, so that the answer has so many words."""
    return f"q{number}, {words} words"


def answer(words: int) -> list[str]:
    """The words of an answer."""
    return [f"w{n:03}" for n in range(words)]


def take_ends() -> dict[str, float]:
    """When the model's answers ended, by the question's name, on the clock of `time.monotonic`."""
    found = dict(_ends)
    _ends.clear()
    return found


class TimedBackend(ScriptedBackend):
    """Notes when an answer ended."""

    async def chat(self, request: ChatRequest) -> AsyncGenerator[Chunk, None]:
        name, _ = _read(request)
        async with aclosing(super().chat(request)) as chunks:
            async for chunk in chunks:
                if chunk.finish is not None:
                    _ends[name] = time.monotonic()
                yield chunk


def _read(request: ChatRequest) -> tuple[str, int]:
    """The question's name and the length of its answer."""
    found = _QUESTION.search(request.messages[-1].content)
    return (found[1], int(found[2])) if found else ("", 1)


def _create(name: str, options: ScriptedOptions, context: EngineContext) -> Backend:
    return TimedBackend(name, options, answer=lambda request: " ".join(answer(_read(request)[1])))


ENGINE = Engine("timed", ScriptedOptions, _create)
