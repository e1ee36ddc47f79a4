"""HTTP mode: receives Slack's signed requests."""

from __future__ import annotations

import asyncio
from typing import NoReturn

import structlog
from slack_bolt.request.async_request import AsyncBoltRequest
from slack_sdk.signature import SignatureVerifier

from bot.adapters.slack.transport.socket_mode import Dispatch
from bot.adapters.slack.transport.timing import Timing
from bot.http.messages import HttpError, Message, Receive, Request, Response, Send, endpoint

_log = structlog.get_logger(__name__)

EVENTS_PATH = "/slack/events"
MAX_BODY_BYTES = 1024 * 1024
"""Largest request body; Slack's largest is a form's state, some hundred kilobytes."""
_SHUTDOWN_TIMEOUT_S = 3.0
_JSON_TYPE = "application/json"
"""Content type of events; commands and interactions come as forms."""


class HttpEndpoint:
    """The ASGI app for events, commands and interactions, to be mounted at `EVENTS_PATH`.

    What is not signed with `secret` within the last five minutes is refused before it is parsed.
    While no app is served, requests are answered with 503: Slack sends events again. So are events
    after `drain`; commands and buttons, which Slack sends once, are handled until the end.
    """

    def __init__(self, secret: str, timing: Timing) -> None:
        self._verifier = SignatureVerifier(secret)
        self._body_timeout_s = timing.request
        self._dispatch: Dispatch | None = None
        self._draining = False
        self._pending = 0
        self._idle = asyncio.Event()
        self._idle.set()
        self._answer_at_path = endpoint("POST", self._answer)

    @property
    def serving(self) -> bool:
        """Whether requests are taken."""
        return self._dispatch is not None

    def drain(self) -> None:
        """Leave events to another process from now on."""
        self._draining = True

    async def serve(self, dispatch: Dispatch) -> NoReturn:
        """Have the requests handled until cancelled, then finish pending ones."""
        self._dispatch = dispatch
        try:
            await asyncio.Event().wait()
            raise AssertionError("nothing ends the wait")
        finally:
            self._dispatch = None
            try:
                async with asyncio.timeout(_SHUTDOWN_TIMEOUT_S):
                    await self._idle.wait()
            except TimeoutError:
                _log.warning("slack.requests_abandoned", pending=self._pending)

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        self._pending += 1
        self._idle.clear()
        try:
            await self._answer_at_path(scope, receive, send)
        finally:
            self._pending -= 1
            if not self._pending:
                self._idle.set()

    async def _answer(self, request: Request) -> Response:
        dispatch = self._dispatch
        if dispatch is None:
            return Response(503)
        try:
            body = (await request.body(MAX_BODY_BYTES, self._body_timeout_s)).decode()
        except UnicodeDecodeError:
            raise HttpError(400) from None
        if not self._is_signed(request, body):
            _log.info("slack.request_refused", bytes=len(body))
            return Response(401)
        if self._draining and request.header("content-type").startswith(_JSON_TYPE):
            return Response(503)
        headers = {name: list(values) for name, values in request.headers.items()}
        answer = await dispatch(AsyncBoltRequest(body=body, query=request.query, headers=headers))
        return Response(answer.status, answer.body.encode(), answer.headers)

    def _is_signed(self, request: Request, body: str) -> bool:
        """Whether the signature is valid; checked before Bolt reads the body."""
        stamp = request.header("x-slack-request-timestamp")
        signature = request.header("x-slack-signature")
        if not (stamp.isascii() and stamp.isdecimal() and len(stamp) < 20 and signature.isascii()):
            return False
        return self._verifier.is_valid(body, stamp, signature)
