"""A request's place in the queue of a model."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable
from dataclasses import dataclass, field
from typing import TypeVar

from backends.base import Progress
from backends.errors import BackendError, DeadlineExceeded
from backends.pool.replica import Replica

T = TypeVar("T")

_ROUND_TOKENS = 512.0
"""Written tokens that one round of the fair queue stands for."""
_PROMPT_TOKENS_PER_WRITTEN_TOKEN = 8.0
"""Tokens of a prompt that cost as much as one written token."""


@dataclass(eq=False, slots=True)
class Ticket:
    """One request's place: in the queue while `replica` is None, in a slot afterwards."""

    number: int
    flow: str
    person: str | None
    channel: str | None
    conversation: str | None
    prompt_tokens: int
    max_tokens: int
    ends: float
    entered: float
    background: bool = False
    """Nobody waits for it now: questions go first."""
    replica: Replica | None = None
    error: BackendError | None = None
    tried: set[int] = field(default_factory=set)
    started: float = 0.0
    progress: Progress | None = None
    news: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def queue_s(self) -> float:
        return max(0.0, self.started - self.entered)

    async def wait_for(self, awaited: Awaitable[T]) -> T:
        """Await something until the request's end. Raises `DeadlineExceeded` after it."""
        try:
            async with asyncio.timeout(max(0.0, self.ends - time.monotonic())):
                return await awaited
        except TimeoutError:
            raise DeadlineExceeded("The answer was not complete in time.") from None

    def cost(self, written: int) -> float:
        """Rounds that the request is worth with so many written tokens."""
        return max(
            1.0, (written + self.prompt_tokens / _PROMPT_TOKENS_PER_WRITTEN_TOKEN) / _ROUND_TOKENS
        )
