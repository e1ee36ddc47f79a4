"""The server: the Web API over HTTP, Socket Mode over a WebSocket, and faults on demand."""

from __future__ import annotations

import asyncio
import itertools
import json
import re
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from aiohttp import ClientSession, WSMsgType, web

from tests.fakes.slack.methods import Methods
from tests.fakes.slack.posting import signed, written
from tests.fakes.slack.rate_tiers import RateTiers, refusal
from tests.fakes.slack.rules import Wrong, check_call, check_error, check_previews
from tests.fakes.slack.state import Call, Fault, Workspace, method_matches
from tests.until import PATIENCE_S, until


class FakeSlack:
    """`async with FakeSlack() as slack`: point the clients at `slack.api_url`.

    Every call is recorded in `calls` and validated; what was wrong with one is in `wrong`, which a
    test's fixture asserts to be empty. `acks` maps an envelope's id to when it was acknowledged.
    With `tiers` calls beyond Slack's rate limits are refused. `timeline` tells what was shown when.
    """

    def __init__(self, *, tiers: RateTiers | None = None) -> None:
        self.tiers = tiers
        self.workspace = Workspace()
        self.timeline = self.workspace.timeline
        self.methods = Methods(self.workspace)
        self.calls: list[Call] = []
        self.wrong: list[str] = []
        self.acks: dict[str, tuple[float, Any]] = {}
        self.sent: dict[str, float] = {}
        self.responses: list[dict[str, Any]] = []
        self.refuse_sockets = False
        self.over = -1
        """The connection over which events come, as an index of those that are open."""
        self.refusals = 0
        self.greets = True
        """Whether a new connection is greeted; without that it hangs."""
        self.answers_pings = True
        self.events_url = ""
        """Where events are posted (HTTP mode); empty: they go over the sockets."""
        self.tokens = {"xoxb-test-bot-token", "xapp-test-app-token", "xoxe.xoxp-test-config"}
        self.spread = False
        """Whether events go to all open sockets in turn, as Slack does; else to the newest."""
        self.connections = 0
        self._faults: list[Fault] = []
        self._holds: dict[str, bool] = {}
        self._held_texts: dict[str, bool] = {}
        self._released = asyncio.Event()
        self.held = asyncio.Event()
        self._sockets: list[web.WebSocketResponse] = []
        self._transports: dict[web.WebSocketResponse, asyncio.Transport] = {}
        self._ids = itertools.count(1)
        self._runner: web.AppRunner | None = None
        self.port = 0

    @property
    def api_url(self) -> str:
        return f"http://127.0.0.1:{self.port}/api/"

    @property
    def open_connections(self) -> int:
        """How many Socket Mode connections are open."""
        return len(self._sockets)

    async def __aenter__(self) -> FakeSlack:
        app = web.Application(client_max_size=64 * 1024 * 1024)
        app.router.add_route("*", "/api/{method}", self._api)
        app.router.add_get("/link", self._link)
        app.router.add_post("/respond/{id}", self._respond)
        app.router.add_post("/upload/{id}", self._upload)
        app.router.add_get("/files/{id}", self._download)
        app.router.add_get("/signin", self._sign_in)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.5)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", self.port)
        await site.start()
        self.port = self._runner.addresses[0][1]
        return self

    async def __aexit__(self, *exc: object) -> None:
        assert self._runner is not None
        for socket in self._sockets:
            await socket.close()
        await self._runner.cleanup()

    # --- faults ---------------------------------------------------------------------------------

    def hold_next(self, method: str, *, done: bool) -> None:
        """Answer the next call of a method when `heal` is called, and set `held` before: after it
        was done, or without doing it."""
        self.held.clear()
        self._released.clear()
        self._holds[method] = done

    def heal(self) -> None:
        """Forget the faults that are still to come."""
        self._faults.clear()
        self._holds.clear()
        self._held_texts.clear()
        self._released.set()

    def hold_text(self, text: str, *, done: bool) -> None:
        """Answer the next call that shows a text when `heal` is called, as `hold_next` does."""
        self.held.clear()
        self._released.clear()
        self._held_texts[text] = done

    def _take_held_text(self, shown: str) -> bool | None:
        found = next((text for text in self._held_texts if text in shown), None)
        return None if found is None else self._held_texts.pop(found)

    def fail_next(
        self,
        method: str,
        *,
        error: str = "",
        status: int = 200,
        retry_after: float | None = None,
        times: int = 1,
        page: tuple[str, str] | None = None,
        cut: bool = False,
    ) -> None:
        """Answer the next calls of a method (a regular expression) with an error; with `cut` the
        call is done, and the connection is cut before the answer."""
        if error and re.fullmatch(r"[\w.]+", method):
            check_error(method, error)
        self._faults.append(Fault(method, times, status, error, retry_after, page, cut))

    async def drop_sockets(self) -> None:
        """Cut every Socket Mode connection without a word."""
        sockets, self._sockets = self._sockets, []
        for socket in sockets:
            self._transports.pop(socket).abort()

    async def say_disconnect(self, reason: str = "refresh_requested") -> None:
        """Ask every client to connect again, as Slack does before it restarts a server."""
        for socket in self._sockets:
            await socket.send_json({"type": "disconnect", "reason": reason, "debug_info": {}})

    async def send_garbage(self, frame: str = "{not json") -> None:
        """A frame that is not JSON, or another that means nothing."""
        for socket in self._sockets:
            await socket.send_str(frame)

    # --- what people do -------------------------------------------------------------------------

    async def event(
        self, event: Mapping[str, Any], *, event_id: str | None = None, retry: int = 0
    ) -> str:
        """Deliver an event of the Events API; returns its event id."""
        event_id = event_id or f"Ev{next(self._ids)}"
        payload = {
            "token": "x", "team_id": "T1", "api_app_id": "A1", "type": "event_callback",
            "event_id": event_id, "event_time": int(time.time()), "event": dict(event),
            "authorizations": [{"team_id": "T1", "user_id": "UBOT", "is_bot": True}],
        }  # fmt: skip
        extra = {"retry_attempt": retry, "retry_reason": "timeout" if retry else ""}
        await self.deliver("events_api", payload, extra)
        return event_id

    async def press_slacks_stop(self, channel: str, thread: str, user: str) -> None:
        """Press the Stop that Slack itself shows in a session."""
        streams = [
            m
            for m in self.workspace.messages.values()
            if m.streaming and (m.channel, m.thread_ts) == (channel, thread)
        ]
        for message in streams:
            message.streaming, message.stopped = False, True
        await self.event({
            "type": "agent_session_stopped", "channel": channel, "thread_ts": thread, "user": user,
            "event_ts": self.workspace.ts(), "streaming_message_ts": [m.ts for m in streams],
        })  # fmt: skip

    async def deliver(
        self, kind: str, payload: Mapping[str, Any], extra: Mapping[str, Any] | None = None
    ) -> str:
        """Send an envelope over one of the connections, or post it; returns the envelope's id."""
        if self.events_url:
            return await self._post(kind, payload, int((extra or {}).get("retry_attempt", 0)))
        await self.until(lambda: bool(self._sockets))
        envelope = f"env-{next(self._ids)}"
        frame = {
            "envelope_id": envelope, "type": kind, "payload": dict(payload),
            "accepts_response_payload": kind != "events_api", **(extra or {}),
        }  # fmt: skip
        self.sent[envelope] = time.monotonic()
        if self.spread:
            self._sockets.insert(0, self._sockets.pop())
        await self._sockets[self.over].send_json(frame)
        return envelope

    async def _post(self, kind: str, payload: Mapping[str, Any], retry: int) -> str:
        envelope = f"env-{next(self._ids)}"
        body, content_type = written(kind, payload)
        headers = {"Content-Type": content_type, **signed(body)}
        if retry:
            headers |= {"X-Slack-Retry-Num": str(retry), "X-Slack-Retry-Reason": "http_timeout"}
        self.sent[envelope] = time.monotonic()
        async with (
            ClientSession() as session,
            session.post(self.events_url, data=body, headers=headers) as answer,
        ):
            if answer.status == 200:
                self.acks[envelope] = (time.monotonic(), await answer.text())
        return envelope

    def response_url(self) -> str:
        """A new response URL for a command or an action."""
        return f"http://127.0.0.1:{self.port}/respond/{next(self._ids)}"

    async def until(
        self, true: Callable[..., Any], what: str = "", within_s: float = PATIENCE_S
    ) -> Any:
        """Wait for something to be so; an AssertionError tells how the last messages end."""

        def said() -> str:
            public = [m for m in self.workspace.by("UBOT") if m.ephemeral_to is None]
            return f"{what}; the last messages end with {[m.shown[-200:] for m in public[-4:]]}"

        return await until(true, said, within_s)

    # --- the wire -------------------------------------------------------------------------------

    async def _api(self, request: web.Request) -> web.Response:
        method = request.match_info["method"]
        arguments = await _arguments(request)
        self.calls.append(Call(method, arguments, time.monotonic()))
        try:
            check_call(method, arguments)
            check_previews(method, arguments)
        except Wrong as exc:
            self.wrong.append(str(exc))
        done = self._holds.pop(method, None)
        if done is None and self._held_texts:
            done = self._take_held_text(str(arguments))
        if done is False:
            await self._hold()
            raise web.HTTPServiceUnavailable
        answer = self._answer(request, method, arguments)
        if done:
            await self._hold()
        return answer

    async def _hold(self) -> None:
        self.held.set()
        await self._released.wait()

    def _answer(
        self, request: web.Request, method: str, arguments: Mapping[str, Any]
    ) -> web.Response:
        token = request.headers.get("Authorization", "").removeprefix("Bearer ")
        token = token or str(arguments.get("token", ""))
        if token not in self.tokens:
            return web.json_response({"ok": False, "error": "invalid_auth"})
        if (method == "apps.connections.open") != token.startswith("xapp-"):
            return web.json_response({"ok": False, "error": "not_allowed_token_type"})
        if self.tiers and (wait := self.tiers.refuse(method, arguments)) is not None:
            self.calls[-1] = replace(self.calls[-1], limited=True)
            self.timeline.add("refused", "UBOT", "", "", method)
            body, headers = refusal(wait)
            return web.json_response(body, status=429, headers=headers)
        fault = self._fault(method)
        if fault is not None and not fault.cut:
            if fault.page is not None:
                kind, text = fault.page
                return web.Response(text=text, content_type=kind, status=fault.status)
            headers = {} if fault.retry_after is None else {"Retry-After": f"{fault.retry_after:g}"}
            error = fault.error or ("ratelimited" if fault.status == 429 else "internal_error")
            body = {"ok": False, "error": error}
            return web.json_response(body, status=fault.status, headers=headers)
        if method == "apps.connections.open":
            return web.json_response({"ok": True, "url": f"ws://127.0.0.1:{self.port}/link"})
        handler = self.methods.find(method)
        if handler is None:
            self.wrong.append(f"{method}: not a method of this server")
            return web.json_response({"ok": False, "error": "unknown_method"})
        body = handler(arguments)
        if fault is not None and request.transport is not None:
            request.transport.abort()
        text = json.dumps(body).replace("{base}", f"http://127.0.0.1:{self.port}")
        return web.json_response(text=text, headers={"X-OAuth-Scopes": self.methods.scopes})

    def _fault(self, method: str) -> Fault | None:
        for fault in self._faults:
            if fault.times > 0 and method_matches(fault.method, method):
                fault.times -= 1
                return fault
        return None

    async def _link(self, request: web.Request) -> web.WebSocketResponse:
        if self.refuse_sockets:
            self.refusals += 1
            raise web.HTTPServiceUnavailable
        socket = web.WebSocketResponse(autoping=self.answers_pings)
        await socket.prepare(request)
        if not self.greets:
            self.refusals += 1
            await socket.receive()
            return socket
        hello = {"num_connections": 1, "connection_info": {"app_id": "A1"}}
        await socket.send_json({"type": "hello", "debug_info": {"host": "h"}, **hello})
        assert isinstance(request.transport, asyncio.Transport)
        self._transports[socket] = request.transport
        self._sockets.append(socket)
        self.connections += 1
        try:
            async for frame in socket:
                if frame.type is WSMsgType.TEXT:
                    ack = json.loads(frame.data)
                    self.acks[ack["envelope_id"]] = (time.monotonic(), ack.get("payload"))
        finally:
            self._transports.pop(socket, None)
            if socket in self._sockets:
                self._sockets.remove(socket)
        return socket

    async def _respond(self, request: web.Request) -> web.Response:
        self.responses.append(await request.json())
        return web.Response(text="ok")

    async def _upload(self, request: web.Request) -> web.Response:
        self.workspace.files[request.match_info["id"]] = await request.read()
        return web.Response(text="OK")

    async def _download(self, request: web.Request) -> web.Response:
        if request.headers.get("Authorization", "") != "Bearer xoxb-test-bot-token":
            raise web.HTTPFound("/signin")
        id_ = request.match_info["id"]
        if (elsewhere := self.workspace.redirects.get(id_)) is not None:
            raise web.HTTPFound(elsewhere)
        return web.Response(body=self.workspace.files[id_])

    async def _sign_in(self, request: web.Request) -> web.Response:
        return web.Response(text="<html>Sign in</html>", content_type="text/html")


async def _arguments(request: web.Request) -> dict[str, Any]:
    if request.content_type == "application/json":
        body = await request.text()
        return dict(json.loads(body)) if body else {}
    return {**request.query, **{key: str(value) for key, value in (await request.post()).items()}}
