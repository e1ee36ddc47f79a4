"""A request with its way back: created on the event loop, computed by the owner thread."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

from backends.base import ChatRequest, Chunk
from backends.errors import BackendError
from backends.llama_cpp.templates import Prompt

Outcome = Chunk | BackendError
"""What the owner thread sends back: pieces of the stream, or the error that ends it."""


@dataclass(slots=True, eq=False)
class Job:
    """A request with its prompt, and the way back to its caller.

    `inbox` and `arrived` belong to the event loop. `cancelled` is set there and only read by the
    owner thread, between rounds. The inbox is bounded by the answer's own length.
    """

    request: ChatRequest
    prompt: Prompt
    loop: asyncio.AbstractEventLoop
    arrived: asyncio.Event = field(default_factory=asyncio.Event)
    inbox: list[Outcome] = field(default_factory=list)
    cancelled: bool = False
    submitted: float = field(default_factory=time.monotonic)
    load_s: float = 0.0

    @property
    def person(self) -> str:
        """The person that admission is fair by; requests without one share a name."""
        return self.request.person or ""

    def receive(self, outcome: Outcome) -> None:
        """Take an outcome (on the event loop) and wake the caller."""
        self.inbox.append(outcome)
        self.arrived.set()


def deliver(outbox: Sequence[tuple[Job, Outcome]]) -> None:
    """Hand a round's outcomes to their callers: one wake-up for each event loop.

    Called by the owner thread.
    """
    loops: dict[asyncio.AbstractEventLoop, list[tuple[Job, Outcome]]] = {}
    for entry in outbox:
        loops.setdefault(entry[0].loop, []).append(entry)
    for loop, entries in loops.items():
        try:
            loop.call_soon_threadsafe(_receive_all, entries)
        except RuntimeError:  # the loop is closed: nobody waits for these any more
            for job, _ in entries:
                job.cancelled = True


def _receive_all(entries: Sequence[tuple[Job, Outcome]]) -> None:
    for job, outcome in entries:
        job.receive(outcome)
