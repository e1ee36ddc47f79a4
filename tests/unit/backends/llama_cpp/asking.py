"""A short way to ask an engine."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any

from backends.base import ChatMessage, ChatRequest, Chunk, Sampling, Usage
from backends.llama_cpp import LlamaCppBackend

Make = Callable[..., LlamaCppBackend]


@dataclass(frozen=True, slots=True)
class Told:
    """A drained answer."""

    text: str
    finish: str
    usage: Usage
    chunks: tuple[Chunk, ...]


async def tell(
    backend: LlamaCppBackend,
    *texts: str,
    system: str | None = None,
    conversation: str | None = None,
    person: str | None = None,
    deadline_s: float | None = None,
    **sampling: Any,
) -> Told:
    """Ask with alternating user and assistant texts; greedy and short unless told otherwise."""
    messages = [] if system is None else [ChatMessage("system", system)]
    for number, text in enumerate(texts):
        messages.append(ChatMessage("assistant" if number % 2 else "user", text))
    options = {"temperature": 0.0, "max_tokens": 12, **sampling}
    request = ChatRequest(
        tuple(messages),
        Sampling(**options),
        conversation=conversation,
        person=person,
        deadline_s=deadline_s,
    )
    async with aclosing(backend.chat(request)) as stream:
        chunks = [chunk async for chunk in stream]
    assert chunks[-1].usage is not None
    return Told(
        "".join(chunk.text for chunk in chunks),
        str(chunks[-1].finish),
        chunks[-1].usage,
        tuple(chunks),
    )
