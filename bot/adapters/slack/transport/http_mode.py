"""HTTP mode: receives Slack's signed requests."""

from __future__ import annotations

import asyncio

import structlog
from aiohttp import web
from slack_bolt.adapter.aiohttp import to_aiohttp_response
from slack_bolt.app.async_app import AsyncApp
from slack_bolt.request.async_request import AsyncBoltRequest
from slack_sdk.signature import SignatureVerifier

from bot.adapters.protocol import AdapterError
from bot.adapters.slack.transport.socket_mode import dispatch
from bot.adapters.slack.transport.timing import Timing

_log = structlog.get_logger(__name__)

EVENTS_PATH = "/slack/events"
HEALTH_PATH = "/health"
MAX_BODY_BYTES = 1024 * 1024
"""Largest request body; Slack's largest is a form's state, some hundred kilobytes."""
_SHUTDOWN_TIMEOUT_S = 3.0
_MAX_BACKLOG_CONNECTIONS = 1024
"""Connections that may wait to be accepted; a further one is retried by its sender."""


class HttpEndpoint:
    """A server for events, commands and interactions, all at `EVENTS_PATH`.

    What is not signed with `secret` within the last five minutes is refused before it is read.
    """

    def __init__(self, app: AsyncApp, secret: str, host: str, port: int, timing: Timing) -> None:
        self._app = app
        self._verifier = SignatureVerifier(secret)
        self._host = host
        self._port = port
        self._body_timeout_s = timing.request
        self.address: str | None = None
        """Address that the server listens on; None while it does not."""

    async def serve(self) -> None:
        """Serve until cancelled, then finish pending requests. Raises `AdapterError`."""
        application = web.Application(client_max_size=MAX_BODY_BYTES)
        application.router.add_post(EVENTS_PATH, self._request)
        application.router.add_get(HEALTH_PATH, self._health)
        runner = web.AppRunner(application, access_log=None, shutdown_timeout=_SHUTDOWN_TIMEOUT_S)
        await runner.setup()
        try:
            try:
                site = web.TCPSite(runner, self._host, self._port, backlog=_MAX_BACKLOG_CONNECTIONS)
                await site.start()
            except OSError as exc:
                raise AdapterError(
                    f"Slack's requests cannot be received at {self._host}:{self._port} "
                    f"({exc.strerror}): set slack.host and slack.port in config.yaml."
                ) from exc
            port = runner.addresses[0][1]
            self.address = f"http://{self._host}:{port}"
            _log.info("slack.server_started", at=self.address)
            await asyncio.Event().wait()
        finally:
            self.address = None
            await runner.cleanup()

    async def _health(self, request: web.Request) -> web.Response:
        return web.json_response({"ok": True})

    async def _request(self, request: web.Request) -> web.Response:
        try:
            async with asyncio.timeout(self._body_timeout_s):
                body = (await request.read()).decode()
        except TimeoutError:
            return web.Response(status=408)
        except UnicodeDecodeError:
            return web.Response(status=400)
        if not self._is_signed(request, body):
            _log.info("slack.request_refused", bytes=len(body))
            return web.Response(status=401)
        try:
            headers = {name: [value] for name, value in request.headers.items()}
            bolt_request = AsyncBoltRequest(body=body, query=request.query_string, headers=headers)
            answer: web.Response = await to_aiohttp_response(
                await dispatch(self._app, bolt_request)
            )
            return answer
        except Exception:  # noqa: BLE001  # a request's top: Slack sends it again
            _log.exception("slack.request_failed")
            return web.Response(status=500)

    def _is_signed(self, request: web.Request, body: str) -> bool:
        """Whether the signature is valid; checked before Bolt reads the body."""
        stamp = request.headers.get("X-Slack-Request-Timestamp", "")
        signature = request.headers.get("X-Slack-Signature", "")
        if not (stamp.isascii() and stamp.isdecimal() and len(stamp) < 20 and signature.isascii()):
            return False
        return self._verifier.is_valid(body, stamp, signature)
