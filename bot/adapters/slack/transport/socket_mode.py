"""Socket Mode: keeps a connection, and opens the next one before the last is closed.

It replaces the SDK's own client, which retries a refused address (its ticket is valid once), takes
an opened socket for a greeted one, acknowledges an envelope on another socket than it came by, and
closes the old socket before there is a new one.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Any, NoReturn, TypeAlias

import aiohttp
import structlog
from slack_bolt.request.async_request import AsyncBoltRequest
from slack_bolt.response import BoltResponse
from slack_sdk.socket_mode.request import SocketModeRequest
from slack_sdk.socket_mode.response import SocketModeResponse
from slack_sdk.web.async_client import AsyncWebClient

from bot.adapters.backoff import Backoff
from bot.adapters.slack.transport.errors import FAILURES, error_of
from bot.adapters.slack.transport.timing import Timing
from bot.adapters.slack.transport.tokens import retry_after, token_error
from bot.errors import AdapterError

_log = structlog.get_logger(__name__)

Dispatch: TypeAlias = Callable[[AsyncBoltRequest], Awaitable[BoltResponse]]
"""Handles a request of Slack, and returns what is answered to it."""

_REPLACE_REASONS = frozenset({"refresh_requested", "warning"})
"""Reasons for which Slack asks for a new connection while the old one still works."""
_MAX_PENDING_ACKS = 5000
_ACK_TIMEOUT_S = 3.0
"""Longest wait for pending acknowledgements of a closing connection; Slack waits no longer."""
_CLOSE_TIMEOUT_S = 1.0


class ConnectionRejected(ConnectionError):
    """Slack did not greet the connection, or ends it; `str(exc)` is the reason."""


class SocketConnection:
    """A greeted connection: reads envelopes, and acknowledges each on the same socket."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse, dispatch: Dispatch) -> None:
        self._socket = socket
        self._dispatch = dispatch
        self._acks: set[asyncio.Task[None]] = set()
        self._goodbye: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self._reader = asyncio.create_task(self._read(), name="slack socket")

    @property
    def open(self) -> bool:
        """Whether envelopes can still arrive."""
        return not (self._reader.done() or self._goodbye.done())

    async def wait_closed(self) -> str:
        """Wait until Slack ends the connection or the socket closes; returns the reason."""
        ends: tuple[asyncio.Future[Any], ...] = (self._reader, self._goodbye)
        await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
        if self._goodbye.done():
            return self._goodbye.result()
        self._reader.result()
        return f"closed ({self._socket.close_code})"

    async def close(self) -> None:
        """Finish pending acknowledgements, then close the socket."""
        if self._acks:
            await asyncio.wait(self._acks, timeout=_ACK_TIMEOUT_S)
        tasks = (self._reader, *self._acks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self._socket.close()

    async def _read(self) -> None:
        async for message in self._socket:
            if message.type is aiohttp.WSMsgType.TEXT:
                self._take(message.data)

    def _take(self, data: str) -> None:
        frame = parse_frame(data)
        if frame.get("type") == "disconnect":
            if not self._goodbye.done():
                self._goodbye.set_result(str(frame.get("reason", "no reason")))
            return
        if frame.get("type") == "hello":
            return
        envelope = isinstance(frame.get("payload"), dict)
        request = SocketModeRequest.from_dict(frame) if envelope else None
        if request is None:
            _log.warning("slack.frame_ignored", chars=len(data))
        elif len(self._acks) >= _MAX_PENDING_ACKS:
            _log.error("slack.envelope_rejected", waiting=len(self._acks))  # Slack sends it again
        else:
            task = asyncio.create_task(self._answer(request), name="slack envelope")
            self._acks.add(task)
            task.add_done_callback(self._acks.discard)

    async def _answer(self, request: SocketModeRequest) -> None:
        try:
            headers: dict[str, Any] = {}
            if request.retry_attempt is not None:
                headers["x-slack-retry-num"] = str(request.retry_attempt)
                headers["x-slack-retry-reason"] = str(request.retry_reason)
            bolt_request = AsyncBoltRequest(
                mode="socket_mode", body=request.payload, headers=headers
            )
            response = await self._dispatch(bolt_request)
            if response.status == 200:
                answer = SocketModeResponse(request.envelope_id, _payload(response))
                await self._socket.send_json(answer.to_dict())
        except (aiohttp.ClientError, ConnectionError) as exc:
            _log.info("slack.acknowledgement_failed", error=type(exc).__name__)  # it comes again
        except Exception:  # noqa: BLE001  # a task's top: one envelope must not end the others
            _log.exception("slack.envelope_failed", kind=request.type)


class SocketMode:
    """Keeps a connection whose requests `dispatch` handles; `check_token` verifies the bot
    token."""

    def __init__(
        self,
        dispatch: Dispatch,
        web: AsyncWebClient,
        session: aiohttp.ClientSession,
        timing: Timing,
        check_token: Callable[[], Awaitable[Any]],
    ) -> None:
        self._dispatch = dispatch
        self._web = web
        self._session = session
        self._timing = timing
        self._check_token = check_token
        self._backoff = Backoff(timing.backoff_base, timing.backoff_cap)
        self._connections: list[SocketConnection] = []
        self._draining = asyncio.Event()

    def drain(self) -> None:
        """Take no more envelopes: Slack sends them over the other connections of the app."""
        self._draining.set()

    @property
    def connected(self) -> bool:
        """Whether a greeted connection is open."""
        return any(connection.open for connection in self._connections)

    async def serve(self) -> NoReturn:
        """Stay connected until `drain` or cancelled. Raises `AdapterError` if only an operator can
        help."""
        connecting = asyncio.create_task(self._stay_connected(), name="slack connections")
        draining = asyncio.create_task(self._draining.wait(), name="slack drain")
        try:
            await asyncio.wait((connecting, draining), return_when=asyncio.FIRST_COMPLETED)
            if connecting.done():
                connecting.result()
        finally:
            for task in (connecting, draining):
                task.cancel()
            await asyncio.gather(connecting, draining, return_exceptions=True)
            await self._close_connections()
        await asyncio.Event().wait()  # answers go on over the Web API
        raise AssertionError("nothing ends the wait")

    async def _stay_connected(self) -> NoReturn:
        while True:
            try:
                wait = await self._serve_once()
            except AdapterError:
                raise
            except Exception as exc:  # noqa: BLE001  # the next connection may do better
                wait = self._handle_failure(exc)
            await asyncio.sleep(wait)

    async def _serve_once(self) -> float:
        """Hold one connection from start to end; returns the seconds to wait before the next."""
        connection = await self._open()
        self._backoff.record_opened()
        _log.info("slack.connected")
        self._connections.append(connection)
        await self._close_connections(keep=1)
        reason = await connection.wait_closed()
        moving = reason in _REPLACE_REASONS
        if not moving:
            await self._close_connections()
            await self._verify_token()
        wait = self._backoff.delay(moving=moving)
        hint = "is Socket Mode switched off in the app's settings?"
        _log.info(
            "slack.reconnecting",
            reason=reason,
            retry_s=round(wait, 1),
            **({"hint": hint} if reason == "link_disabled" else {}),
        )
        return wait

    def _handle_failure(self, exc: Exception) -> float:
        if isinstance(exc, FAILURES) and (final := token_error(exc, "app")) is not None:
            raise final from exc
        wait = max(self._backoff.delay(), retry_after(exc))
        _log.warning(
            "slack.connection_lost",
            error=str(exc) if isinstance(exc, ConnectionRejected) else error_of(exc),
            retry_s=round(wait, 1),
            exc_info=None if isinstance(exc, FAILURES) else exc,
        )
        return wait

    async def _verify_token(self) -> None:
        """Raise `AdapterError` if the app was removed, as reconnecting would be useless."""
        try:
            async with asyncio.timeout(self._timing.handshake):
                await self._check_token()
        except FAILURES as exc:
            if (final := token_error(exc, "bot")) is not None:
                raise final from exc

    async def _open(self) -> SocketConnection:
        async with asyncio.timeout(self._timing.handshake):
            answer = await self._web.apps_connections_open(app_token=str(self._web.token))
            socket = await self._session.ws_connect(
                str(answer["url"]),
                heartbeat=self._timing.ping_interval,
                proxy=self._web.proxy,
                ssl=True if self._web.ssl is None else self._web.ssl,
                timeout=aiohttp.ClientWSTimeout(ws_close=_CLOSE_TIMEOUT_S),
            )
            try:
                await _wait_for_hello(socket)
            except BaseException:
                await socket.close()
                raise
        return SocketConnection(socket, self._dispatch)

    async def _close_connections(self, *, keep: int = 0) -> None:
        """Close all connections but the latest `keep`."""
        while len(self._connections) > keep:
            await self._connections[0].close()
            del self._connections[0]


async def _wait_for_hello(socket: aiohttp.ClientWebSocketResponse) -> None:
    """Wait for Slack's hello. Raises `ConnectionRejected`."""
    async for message in socket:
        frame = parse_frame(message.data) if message.type is aiohttp.WSMsgType.TEXT else {}
        if frame.get("type") == "hello":
            return
        if frame.get("type") == "disconnect":
            raise ConnectionRejected(str(frame.get("reason")))
    raise ConnectionRejected(f"closed before hello ({socket.close_code})")


def parse_frame(data: str) -> dict[str, Any]:
    """Parse a frame; an empty mapping if it is not a JSON object."""
    try:
        frame = json.loads(data)
    except ValueError:
        return {}
    return frame if isinstance(frame, dict) else {}


def _payload(response: BoltResponse) -> dict[str, Any] | None:
    if not response.body:
        return None
    kind = response.headers.get("content-type", [""])[0]
    if kind.startswith("application/json"):
        loaded: dict[str, Any] = json.loads(response.body)
        return loaded
    return {"text": response.body}
