"""The calls of one server that have not ended, each with its clock and what the server asks
meanwhile.

A call's clock stands still while a person is asked. A server of the older protocol does not say
which call its question is about; it is put to somebody only where there is just one, since nobody
must read what is meant for another. After a server has asked for the first time, its calls go one
after another.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any, Final, TypeAlias

from mcp import Client
from mcp.shared.dispatcher import ProgressFnT
from mcp_types import CallToolResult, ElicitRequestParams, ElicitResult

from bot.mcp.errors import IS_ASKING, ServerUnavailable
from bot.skills.inquiry import INQUIRY_LIFETIME_S, MAX_INQUIRIES_PER_CALL

_LEEWAY_S: Final = 30.0

Ask: TypeAlias = Callable[[ElicitRequestParams], Awaitable[tuple[str, Mapping[str, Any] | None]]]
"""Puts a server's question to the person whom a call is for; returns the action of the protocol,
and what was filled in."""


class CallTimedOut(Exception):
    """A server did not answer a call in its time."""


@dataclass(slots=True)
class Reply:
    """What came of a call. `problem` is what the server said instead of a result. `declined` is how
    often it wanted to know something that was put to nobody."""

    result: CallToolResult | None = None
    problem: str = ""
    declined: int = 0


@dataclass(slots=True, eq=False)
class InFlight:
    """One call, which may take `timeout_s` seconds besides the time for which `ask` waits."""

    timeout_s: float
    ask: Ask | None = None
    reply: Reply = field(default_factory=Reply)
    _clock: asyncio.Timeout | None = None
    _asked: int = 0
    _asking: set[asyncio.Task[Any]] = field(default_factory=set)
    _one_question: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def run(
        self, client: Client, tool: str, given: Mapping[str, Any], progress: ProgressFnT
    ) -> Reply:
        """Call a tool. Raises `CallTimedOut`, and what the SDK raises."""
        longest = self.timeout_s + MAX_INQUIRIES_PER_CALL * INQUIRY_LIFETIME_S + _LEEWAY_S
        current = _current.set(self)
        try:
            async with asyncio.timeout(self.timeout_s) as self._clock:
                self.reply.result = await client.call_tool(
                    tool, dict(given), read_timeout_seconds=longest, progress_callback=progress
                )
        except TimeoutError as error:
            raise CallTimedOut from error
        finally:
            self._clock = None
            _current.reset(current)
            for task in self._asking:
                task.cancel()
        return self.reply

    async def put(self, params: ElicitRequestParams) -> ElicitResult:
        """Put a question to the person, one after another; a server that has asked too often is
        refused."""
        self._asked += 1
        if self.ask is None or self._clock is None or self._asked > MAX_INQUIRIES_PER_CALL:
            self.reply.declined += 1
            return ElicitResult(action="decline")
        task = asyncio.ensure_future(self._put(self.ask, params))
        self._asking.add(task)
        try:
            await asyncio.wait([task])
        finally:
            task.cancel()
            self._asking.discard(task)
        if task.cancelled():  # the call has ended meanwhile
            return ElicitResult(action="cancel")
        return task.result()

    async def _put(self, ask: Ask, params: ElicitRequestParams) -> ElicitResult:
        async with self._one_question:
            with self._paused():
                action, content = await ask(params)
        filled = None if content is None else dict(content)
        return ElicitResult.model_validate({"action": action, "content": filled})

    @contextmanager
    def _paused(self) -> Iterator[None]:
        """The clock of the call stands still."""
        clock, now = self._clock, asyncio.get_running_loop().time
        ends_at = clock.when() if clock is not None else None
        if clock is None or ends_at is None or clock.expired():
            yield
            return
        left = ends_at - now()
        clock.reschedule(None)
        try:
            yield
        finally:
            if clock is self._clock:
                clock.reschedule(now() + left)


_current: ContextVar[InFlight | None] = ContextVar("call_in_flight", default=None)
"""The call that a question is about, where the protocol tells: the answer to a call is then the
question."""


class CallsInFlight:
    """The calls of one connection."""

    def __init__(self, server: str) -> None:
        self._server = server
        self._calls: list[InFlight] = []
        self._asks = False
        self._one_call = asyncio.Lock()

    def __bool__(self) -> bool:
        return bool(self._calls)

    @asynccontextmanager
    async def hold(self, call: InFlight) -> AsyncIterator[None]:
        """A call is in flight. Raises `ServerUnavailable` where it must wait for another, and that
        takes too long."""
        async with AsyncExitStack() as stack:
            if self._asks:
                try:
                    await asyncio.wait_for(self._one_call.acquire(), call.timeout_s)
                except TimeoutError:
                    raise ServerUnavailable(self._server, IS_ASKING) from None
                stack.callback(self._one_call.release)
            self._calls.append(call)
            stack.callback(self._calls.remove, call)
            yield

    async def elicit(self, context: Any, params: ElicitRequestParams) -> ElicitResult:
        """A server asks a person something in the middle of a call."""
        call = _current.get()
        if call is None:
            self._asks = True
            call = self._calls[0] if len(self._calls) == 1 else None
        if call is not None:
            return await call.put(params)
        for one in self._calls:
            one.reply.declined += 1
        return ElicitResult(action="decline")
