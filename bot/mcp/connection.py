"""One server of tools while it is in use: one task starts it, owns it and ends it.

The SDK's client must be left by the task that entered it, and a second cancellation on the way out
would leave the server running; so nobody but the owner touches it, and calls only use it.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from typing import Any, Final

import httpx2
import structlog
from mcp import Client, MCPError
from mcp.shared.dispatcher import ProgressFnT
from mcp_types import (
    CONNECTION_CLOSED,
    INVALID_PARAMS,
    METHOD_NOT_FOUND,
    REQUEST_TIMEOUT,
    Implementation,
    ToolListChangedNotification,
)
from mcp_types.version import MODERN_PROTOCOL_VERSIONS

from bot.catalogue.sentence import say
from bot.config.mcp import ToolServerSettings
from bot.mcp.calls_in_flight import Ask, CallsInFlight, CallTimedOut, InFlight, Reply
from bot.mcp.endpoint import EndpointState, connect_to
from bot.mcp.errors import HAS_ENDED, HAS_FAILED, LoginWanted, ServerUnavailable, explain
from bot.mcp.listing_request import ask_for_tools
from bot.mcp.process import GRACE_S, ServerProcess, run_server
from bot.skills.tool import OutcomeUnknown

log = structlog.get_logger(__name__)

START_S: Final = 30.0
"""How long a server may take to start and to name its tools, in seconds."""
_FIRST_PAUSE_S: Final = 0.5
_LONGEST_PAUSE_S: Final = 60.0
_MOST_FAILURES: Final = 10
"""More are not counted: the pause is the longest by then."""
_PATIENCE_S: Final = 3.0
"""How long a call waits for a pause to end, in seconds."""
_RELIST_PAUSE_S: Final = 2.0
_ENDING_S: Final = 0.5
_NOT_DONE: Final = frozenset({METHOD_NOT_FOUND, INVALID_PARAMS})
"""Errors that a server answers before it does anything."""

OnListed = Callable[[Sequence[Any]], Awaitable[None]]


class ServerConnection:
    """Starts a server when it is first needed, stops it when it is not used any more, and starts it
    again, after a pause, where it has ended by itself.

    `given` are the values of its secrets. `on_listed` is told what it says of its tools, whenever
    it is started and whenever that changes.
    """

    def __init__(
        self,
        name: str,
        settings: ToolServerSettings,
        given: Mapping[str, str],
        on_listed: OnListed,
        auth: httpx2.Auth | None = None,
        start_s: float = START_S,
    ) -> None:
        self._start_s = start_s
        self._name, self._settings, self._given = name, settings, given
        self._on_listed, self._auth = on_listed, auth
        self._owner: asyncio.Task[None] | None = None
        self._ready: asyncio.Future[Client] | None = None
        self._wake = asyncio.Event()
        self._stopping = self._list_changed = False
        self._process, self._endpoint = ServerProcess(), EndpointState()
        self._listed: list[Any] | None = None
        self._calls = CallsInFlight(name)
        self._last_used = time.monotonic()
        self._failures = 0
        self._retry_at = 0.0

    @property
    def last_words(self) -> str:
        """The end of what its process wrote to standard error."""
        return self._process.last_words

    @property
    def running(self) -> bool:
        """Whether it is started, or being started."""
        return self._owner is not None and not self._owner.done()

    async def start(self) -> None:
        """Start it, unless it runs. Raises `ServerUnavailable`."""
        await self._client()

    async def call(
        self, tool: str, given: Mapping[str, Any], progress: ProgressFnT, ask: Ask | None = None
    ) -> Reply:
        """Call a tool. `ask` puts what the server wants to know meanwhile to the person. Raises
        `ServerUnavailable` where nothing was done, and `OutcomeUnknown`."""
        call = InFlight(self._settings.timeout_s, ask)
        async with self._calls.hold(call):
            try:
                client = await self._client()
                reply = await call.run(client, tool, given, progress)
                self._failures = 0
                return reply
            except MCPError as error:
                if error.code in _NOT_DONE:
                    call.reply.problem = error.message
                    return call.reply
                raise await self._unknown(error) from error
            except ServerUnavailable:
                raise
            except CallTimedOut as error:
                raise OutcomeUnknown(self._too_late()) from error
            except Exception as error:  # it went out: what came back makes no sense
                log.warning("mcp.answer_unreadable", server=self._name, error=type(error).__name__)
                words = say("{server} gave no answer that can be read.", server=self._name)
                raise OutcomeUnknown(words) from error
            finally:
                self._last_used = time.monotonic()

    def _too_late(self) -> str:
        seconds = self._settings.timeout_s
        return say("{server} took longer than {s:g} s.", server=self._name, s=seconds)

    async def _unknown(self, error: MCPError) -> Exception:
        """What a call without a result means: it may have been done all the same."""
        if self._endpoint.unauthorized:
            return LoginWanted(self._name, by_person=self._settings.login)
        if error.code == REQUEST_TIMEOUT:
            words = self._too_late()
        elif error.code == CONNECTION_CLOSED:
            if self._owner is not None:  # so that the next call does not meet one that is ending
                await asyncio.wait([self._owner], timeout=_ENDING_S)
            words = say("{server} ended in the middle of it.", server=self._name)
        else:
            words = say("{server} reported an error.", server=self._name)
        return OutcomeUnknown(words)

    async def aclose(self) -> None:
        """Stop it. It can be started again."""
        owner = self._owner
        if owner is None or owner.done():
            return
        self._stopping = True
        self._wake.set()
        if self._ready is None or not self._ready.done():
            owner.cancel()  # while it connects it does not look at anything else
        try:
            done, _ = await asyncio.wait([owner], timeout=2 * GRACE_S + 1)
        except asyncio.CancelledError:
            self._process.kill()
            raise
        if not done:
            self._process.kill()
            owner.cancel()
            await asyncio.wait([owner], timeout=GRACE_S)

    # --- the owner ----------------------------------------------------------------------------

    async def _client(self) -> Client:
        """The client of the running server; it is started where it does not run."""
        if self._owner is not None and (self._stopping or self._process.ended.is_set()):
            await asyncio.wait([self._owner])
        if not self.running:
            await self._wait_out_the_pause()
        if self._ready is None or not self.running:
            self._begin()
        assert self._ready is not None
        self._last_used = time.monotonic()
        return await asyncio.shield(self._ready)

    async def _wait_out_the_pause(self) -> None:
        pause = self._retry_at - time.monotonic()
        if pause > _PATIENCE_S:
            raise ServerUnavailable(self._name, HAS_FAILED)
        if pause > 0:
            await asyncio.sleep(pause)

    def _begin(self) -> None:
        self._ready = asyncio.get_running_loop().create_future()
        self._ready.add_done_callback(_look_at)
        self._wake, self._stopping, self._list_changed = asyncio.Event(), False, False
        self._listed = None
        self._process, self._endpoint = ServerProcess(), EndpointState()
        self._owner = asyncio.create_task(self._own(self._ready), name=f"mcp {self._name}")

    async def _own(self, ready: asyncio.Future[Client]) -> None:
        """Start the server, keep it while it is used, and end it."""
        failure = ServerUnavailable(self._name, HAS_ENDED)
        try:
            async with asyncio.timeout(self._start_s) as limit, self._open() as client:
                await self._list(client)
                limit.reschedule(None)
                self._last_used = time.monotonic()
                ready.set_result(client)
                log.info("mcp.started", server=self._name)
                await self._keep(client)
        except Exception as error:  # noqa: BLE001 - whatever a server or the SDK comes up with
            failure = explain(self._name, error, self._settings.command or "it", self._start_s)
        finally:
            ended_by_us = self._stopping
            if not ready.done():
                wanted = self._endpoint.unauthorized
                ready.set_exception(
                    LoginWanted(self._name, by_person=self._settings.login) if wanted else failure
                )
            if not ended_by_us:
                pause = min(_FIRST_PAUSE_S * 2**self._failures, _LONGEST_PAUSE_S)
                self._failures = min(self._failures + 1, _MOST_FAILURES)
                self._retry_at = time.monotonic() + pause
                log.warning("mcp.ended", server=self._name, why=failure.why, said=self.last_words)

    def _open(self) -> Client:
        one = self._settings
        if one.command is not None:
            environment = {**one.variables, **{name: self._given[name] for name in one.env}}
            streams = run_server(self._process, one.command, one.args, environment, one.cwd)
        else:
            assert one.url is not None
            headers = {header: self._given[name] for header, name in one.headers.items()}
            streams = connect_to(self._endpoint, one.url, headers, self._auth)
        return Client(
            streams,
            read_timeout_seconds=self._start_s,
            client_info=Implementation(name="parlance", version="0"),
            elicitation_callback=self._calls.elicit,
            message_handler=self._hear,
            cache=None,
        )

    async def _keep(self, client: Client) -> None:
        """Return when the server is to be stopped or has ended."""
        watch = asyncio.create_task(self._watch(client))
        try:
            while not self._stopping and not self._process.ended.is_set():
                if self._list_changed:
                    self._list_changed = False
                    await self._list(client)
                    await self._pause(_RELIST_PAUSE_S)
                    continue
                left = self._last_used + self._settings.idle_s - time.monotonic()
                if left <= 0 and not self._calls:
                    self._stopping = True
                    log.info("mcp.stopped", server=self._name)
                    return
                await self._pause(max(left, 1.0))
        finally:
            watch.cancel()
            await asyncio.wait([watch])

    async def _pause(self, seconds: float) -> None:
        """Wait until something has happened, or for so long."""
        with suppress(TimeoutError):
            await asyncio.wait_for(self._wake.wait(), seconds)
        self._wake.clear()

    async def _watch(self, client: Client) -> None:
        """Wake the owner when the process ends, or a server of the newer protocol changes tools."""
        ended = asyncio.create_task(self._process.ended.wait())
        try:
            tools = client.server_capabilities.tools
            newer = client.protocol_version in MODERN_PROTOCOL_VERSIONS
            if newer and tools is not None and tools.list_changed:
                with suppress(Exception):  # it is told without, when it is next started
                    async with client.listen(tools_list_changed=True) as changes:
                        self._note_change()  # what changed before it listened is not told again
                        async for _ in changes:
                            self._note_change()
            await ended
            self._wake.set()
        finally:
            ended.cancel()

    # --- what the server says -----------------------------------------------------------------

    async def _list(self, client: Client) -> None:
        found = await ask_for_tools(client, self._start_s)
        if found != self._listed:
            self._listed = found
            await self._on_listed(found)

    async def _hear(self, message: Any) -> None:
        if isinstance(message, ToolListChangedNotification):
            self._note_change()

    def _note_change(self) -> None:
        self._list_changed = True
        self._wake.set()


def _look_at(ready: asyncio.Future[Client]) -> None:
    """Nobody may be waiting for it any more; it is no fault that nobody looks at its error."""
    if not ready.cancelled():
        ready.exception()
