"""Socket Mode: one connection held for ever, and the next one open before the last is closed.

It stands in for the SDK's own client, which tries a refused address again (its ticket is good for
one try), takes an opened socket for a greeted one, answers an envelope on another socket than it
came by, and lets the old socket go before there is a new one.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Any, NoReturn

import aiohttp
import structlog
from slack_bolt.app.async_app import AsyncApp
from slack_bolt.request.async_request import AsyncBoltRequest
from slack_bolt.response import BoltResponse
from slack_sdk.socket_mode.request import SocketModeRequest
from slack_sdk.socket_mode.response import SocketModeResponse
from slack_sdk.web.async_client import AsyncWebClient

from bot.adapters.protocol import AdapterError
from bot.adapters.slack.transport.backoff import Backoff
from bot.adapters.slack.transport.errors import FAILURES, error_of
from bot.adapters.slack.transport.timing import Timing
from bot.adapters.slack.transport.tokens import refusal, retry_after

_log = structlog.get_logger(__name__)

_MOVES = frozenset({"refresh_requested", "warning"})
"""Why Slack asks for a new connection while the old one still works for some seconds."""
_MOST_ANSWERS = 5000
_ANSWER_S = 3.0
"""Longest wait for what a closing connection still has to acknowledge: Slack waits no longer."""
_CLOSE_S = 1.0


class Unwelcome(ConnectionError):
    """Slack did not greet us, or says goodbye; `str(exc)` is its reason."""


async def dispatch(app: AsyncApp, request: AsyncBoltRequest) -> BoltResponse:
    """Have Bolt handle a request. An event that nobody listens to is fine: Slack sends more kinds
    than we asked for, and must not send them again."""
    response: BoltResponse = await app.async_dispatch(request)
    if response.status == 404 and request.body.get("type") == "event_callback":
        return BoltResponse(status=200, body="")
    return response


class SocketConnection:
    """One greeted connection: reads envelopes, and acknowledges each on the socket it came by."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse, app: AsyncApp) -> None:
        self._socket = socket
        self._app = app
        self._answers: set[asyncio.Task[None]] = set()
        self._goodbye: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self._reading = asyncio.create_task(self._read(), name="slack socket")

    async def over(self) -> str:
        """Wait until Slack says goodbye or the socket is closed; returns why."""
        ends: tuple[asyncio.Future[Any], ...] = (self._reading, self._goodbye)
        await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
        if self._goodbye.done():
            return self._goodbye.result()
        self._reading.result()
        return f"closed ({self._socket.close_code})"

    async def close(self) -> None:
        """Acknowledge what is being worked on, then hang up."""
        if self._answers:
            await asyncio.wait(self._answers, timeout=_ANSWER_S)
        tasks = (self._reading, *self._answers)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self._socket.close()

    async def _read(self) -> None:
        async for message in self._socket:
            if message.type is aiohttp.WSMsgType.TEXT:
                self._take(message.data)

    def _take(self, data: str) -> None:
        frame = parsed(data)
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
        elif len(self._answers) >= _MOST_ANSWERS:
            _log.error("slack.too_busy", waiting=len(self._answers))  # Slack sends it again
        else:
            task = asyncio.create_task(self._answer(request), name="slack envelope")
            self._answers.add(task)
            task.add_done_callback(self._answers.discard)

    async def _answer(self, request: SocketModeRequest) -> None:
        try:
            headers: dict[str, Any] = {}
            if request.retry_attempt is not None:
                headers["x-slack-retry-num"] = str(request.retry_attempt)
                headers["x-slack-retry-reason"] = str(request.retry_reason)
            asked = AsyncBoltRequest(mode="socket_mode", body=request.payload, headers=headers)
            response = await dispatch(self._app, asked)
            if response.status == 200:
                answer = SocketModeResponse(request.envelope_id, _payload(response))
                await self._socket.send_json(answer.to_dict())
        except (aiohttp.ClientError, ConnectionError) as exc:
            _log.info("slack.not_acknowledged", error=type(exc).__name__)  # it comes again
        except Exception:  # noqa: BLE001  # a task's top: one envelope must not end the others
            _log.exception("slack.envelope_failed", kind=request.type)


class SocketMode:
    """Holds a connection for `app`. `welcome` looks whether the bot token is still good."""

    def __init__(
        self,
        app: AsyncApp,
        web: AsyncWebClient,
        session: aiohttp.ClientSession,
        timing: Timing,
        welcome: Callable[[], Awaitable[Any]],
    ) -> None:
        self._app = app
        self._web = web
        self._session = session
        self._timing = timing
        self._welcome = welcome
        self._backoff = Backoff(timing.backoff_base, timing.backoff_cap)
        self._links: list[SocketConnection] = []

    async def serve(self) -> NoReturn:
        """Be connected until cancelled. Raises `AdapterError` where only an operator can help."""
        try:
            while True:
                try:
                    wait = await self._once()
                except AdapterError:
                    raise
                except Exception as exc:  # noqa: BLE001  # the next connection may do better
                    wait = self._failed(exc)
                await asyncio.sleep(wait)
        finally:
            await self._hang_up()

    async def _once(self) -> float:
        """One connection, from its opening to its end; returns how long to wait for the next."""
        link = await self._open()
        self._backoff.opened()
        _log.info("slack.connected")
        self._links.append(link)
        await self._hang_up(but=1)
        reason = await link.over()
        moving = reason in _MOVES
        if not moving:
            await self._hang_up()
            await self._look_at_token()
        wait = self._backoff.delay(moving=moving)
        hint = "is Socket Mode switched off in the app's settings?"
        _log.info(
            "slack.reconnecting",
            reason=reason,
            retry_s=round(wait, 1),
            **({"hint": hint} if reason == "link_disabled" else {}),
        )
        return wait

    def _failed(self, exc: Exception) -> float:
        if isinstance(exc, FAILURES) and (final := refusal(exc, "app")) is not None:
            raise final from exc
        wait = max(self._backoff.delay(), retry_after(exc))
        _log.warning(
            "slack.connection_lost",
            error=str(exc) if isinstance(exc, Unwelcome) else error_of(exc),
            retry_s=round(wait, 1),
            exc_info=None if isinstance(exc, FAILURES) else exc,
        )
        return wait

    async def _look_at_token(self) -> None:
        """An app that was removed is disconnected, and could connect again in vain."""
        try:
            async with asyncio.timeout(self._timing.handshake):
                await self._welcome()
        except FAILURES as exc:
            if (final := refusal(exc, "bot")) is not None:
                raise final from exc

    async def _open(self) -> SocketConnection:
        async with asyncio.timeout(self._timing.handshake):
            answer = await self._web.apps_connections_open(app_token=str(self._web.token))
            socket = await self._session.ws_connect(
                str(answer["url"]),
                heartbeat=self._timing.ping_interval,
                proxy=self._web.proxy,
                ssl=True if self._web.ssl is None else self._web.ssl,
                timeout=aiohttp.ClientWSTimeout(ws_close=_CLOSE_S),
            )
            try:
                await _greeted(socket)
            except BaseException:
                await socket.close()
                raise
        return SocketConnection(socket, self._app)

    async def _hang_up(self, *, but: int = 0) -> None:
        """Close all connections but the latest ones."""
        while len(self._links) > but:
            await self._links[0].close()
            del self._links[0]


async def _greeted(socket: aiohttp.ClientWebSocketResponse) -> None:
    """Wait for Slack's hello. Raises `Unwelcome`."""
    async for message in socket:
        frame = parsed(message.data) if message.type is aiohttp.WSMsgType.TEXT else {}
        if frame.get("type") == "hello":
            return
        if frame.get("type") == "disconnect":
            raise Unwelcome(str(frame.get("reason")))
    raise Unwelcome(f"closed before hello ({socket.close_code})")


def parsed(data: str) -> dict[str, Any]:
    """A frame; empty for what is no JSON object."""
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
