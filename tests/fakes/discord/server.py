"""The server: REST and gateway on one port, people who write and press, and faults on demand."""

from __future__ import annotations

import asyncio
import json
import re
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import yarl
from aiohttp import web

import discord
from tests.fakes.discord import forms
from tests.fakes.discord.gateway import MESSAGE_CONTENT, Gateway
from tests.fakes.discord.rate_limits import Buckets, Verdict
from tests.fakes.discord.rest import Rest
from tests.fakes.discord.spec import problems
from tests.fakes.discord.state import (
    ADA,
    APPLICATION,
    BOT,
    CHANNEL,
    DIRECT,
    EPHEMERAL,
    GUILD,
    PUBLIC_THREAD,
    Call,
    Json,
    Unknown,
    World,
)
from tests.until import PATIENCE_S, until

_OPTION_TYPES = {str: 3, int: 4, bool: 5, float: 10}


@dataclass
class Fault:
    """What the next matching requests get instead of an answer."""

    method: str
    path: re.Pattern[str]
    status: int
    times: int
    retry_after: float | None
    via: bool
    code: int
    after: bool


class FakeDiscord:
    """`async with FakeDiscord() as fake:` serves; `with fake.address():` points discord.py at it.

    Every request is recorded in `calls` and validated; what was wrong with one is in `wrong`.
    The forms that were opened are in `forms`, and what was shown when in `timeline`. With `limits`
    requests beyond Discord's rate limits are refused.
    """

    def __init__(self, *, validate: bool = True, limits: Buckets | None = None) -> None:
        self.validate = validate
        self.limits = limits
        self.world = World()
        self.gateway = Gateway(self.world, lambda: f"ws://127.0.0.1:{self.port}/gateway")
        self.rest = Rest(self.world, self.gateway, lambda: f"http://127.0.0.1:{self.port}")
        self.calls: list[Call] = []
        self.timeline = self.world.timeline
        self.wrong = self.rest.wrong
        self.forms = self.rest.forms
        self.port = 0
        self.delay_s = 0.0
        self._faults: list[Fault] = []
        self._holds: dict[str, bool] = {}
        self._held_texts: dict[str, bool] = {}
        self._released = asyncio.Event()
        self.held = asyncio.Event()
        self._runner: web.AppRunner | None = None

    async def __aenter__(self) -> FakeDiscord:
        app = web.Application(client_max_size=64 * 1024 * 1024)
        app.router.add_route("*", "/api/v10/{path:.*}", self._serve)
        app.router.add_get("/gateway", self.gateway.serve)
        app.router.add_get("/cdn/{id}/{name}", self._download)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.2)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", self.port).start()
        self.port = self._runner.addresses[0][1]
        return self

    async def __aexit__(self, *exc: object) -> None:
        assert self._runner is not None
        self.gateway.drop()
        await self._runner.cleanup()

    @contextmanager
    def address(self) -> Iterator[None]:
        """Point discord.py, whose addresses are the process's, at this server."""
        route = discord.http.Route
        socket = discord.gateway.DiscordWebSocket
        before = route.BASE, socket.DEFAULT_GATEWAY
        route.BASE = f"http://127.0.0.1:{self.port}/api/v10"
        socket.DEFAULT_GATEWAY = yarl.URL(f"ws://127.0.0.1:{self.port}/gateway")
        try:
            yield
        finally:
            route.BASE, socket.DEFAULT_GATEWAY = before

    # --- serving --------------------------------------------------------------------------------

    async def _serve(self, request: web.Request) -> web.StreamResponse:
        body, files = await self._body(request)
        path = "/" + request.match_info["path"]
        query = dict(request.query)
        call = Call(request.method, path, body, time.monotonic(), files=files, query=query)
        self.calls.append(call)
        if self.validate:
            self.wrong += problems(call.method, call.path, call.body)
        if self.delay_s:
            await asyncio.sleep(self.delay_s)
        return await self._respond(request, call)

    async def _respond(self, request: web.Request, call: Call) -> web.StreamResponse:
        public = re.match(r"/(interactions|webhooks)/", call.path)
        if not public and request.headers.get("Authorization") != f"Bot {self.gateway.token}":
            return self._json(call, 401, {"message": "401: Unauthorized", "code": 0})
        verdict = self.limits.count(call.method, call.path) if self.limits else Verdict({})
        if verdict.retry_after is not None:
            self.timeline.add("refused", "parlance", "", "", f"{call.method} {call.path}")
            return self._json(call, 429, verdict.body, verdict.headers)
        held = self._holds.pop(call.path, None) if call.method == "POST" else None
        if held is None and self._held_texts:
            held = self._take_held_text(str(call.body))
        if held is False:
            await self._hold()
            return self._json(call, 503, {})
        answer = await self._answer(call)
        if held:
            await self._hold()
        answer.headers.update(verdict.headers)
        return answer

    async def _hold(self) -> None:
        self.held.set()
        await self._released.wait()

    async def _answer(self, call: Call) -> web.Response:
        fault = next((f for f in self._faults if self._hits(f, call)), None)
        if fault is not None:
            fault.times -= 1
            if not fault.times:
                self._faults.remove(fault)
            if fault.after:
                await self.rest.answer(call)  # it has happened, and nobody hears of it
            return self._fail(call, fault)
        try:
            answer = await self.rest.answer(call)
        except Unknown as exc:
            return self._json(call, exc.status, {"message": str(exc), "code": exc.code})
        return self._json(call, 204 if answer is None else 200, answer)

    @staticmethod
    def _hits(fault: Fault, call: Call) -> bool:
        return fault.method == call.method and fault.path.search(call.path) is not None

    def _fail(self, call: Call, fault: Fault) -> web.Response:
        headers = {"Via": "1.1 discord"} if fault.via else {}
        body: Json = {"message": "made to fail", "code": fault.code}
        if fault.status == 429:
            body |= {"retry_after": fault.retry_after or 0.05, "global": False}
        return self._json(call, fault.status, body, headers)

    @staticmethod
    def _json(
        call: Call, status: int, body: Any, headers: Mapping[str, str] | None = None
    ) -> web.Response:
        call.status = status
        if status == 204:
            return web.Response(status=204)
        # discord.py reads JSON only where the type is exactly this, without a charset.
        kind = {"Content-Type": "application/json", **(headers or {})}
        return web.Response(status=status, body=json.dumps(body).encode(), headers=kind)

    @staticmethod
    async def _body(request: web.Request) -> tuple[Any, dict[str, bytes]]:
        if not request.can_read_body:
            return None, {}
        if request.content_type == "application/json":
            return await request.json(), {}
        body: Any = None
        files: dict[str, bytes] = {}
        async for part in await request.multipart():
            data = await part.read()  # type: ignore[union-attr]  # discord.py nests nothing
            if part.name == "payload_json":  # type: ignore[union-attr]
                body = json.loads(data)
            else:
                files[part.filename or "file"] = bytes(data)  # type: ignore[union-attr]
        return body, files

    async def _download(self, request: web.Request) -> web.StreamResponse:
        data = self.world.files.get(int(request.match_info["id"]))
        return web.Response(status=404) if data is None else web.Response(body=data)

    # --- faults, and waiting --------------------------------------------------------------------

    def heal(self) -> None:
        """Forget the faults that are still to come."""
        self._faults.clear()
        self._holds.clear()
        self._held_texts.clear()
        self._released.set()

    def hold_next(self, path: str, *, done: bool) -> None:
        """Answer the next POST to a path when `heal` is called, and set `held` before: after it was
        done, or without doing it."""
        self.held.clear()
        self._released.clear()
        self._holds[path] = done

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
        path: str,
        status: int,
        *,
        retry_after: float | None = None,
        times: int = 1,
        via: bool = True,
        code: int = 0,
        after: bool = False,
    ) -> None:
        """Make the next requests fail; with `after` they take effect all the same."""
        fault = Fault(method, re.compile(path), status, times, retry_after, via, code, after)
        self._faults.append(fault)

    async def until(
        self, true: Callable[[], Any], what: str = "", within_s: float = PATIENCE_S
    ) -> Any:
        """Wait for something to be so; an AssertionError tells the last requests."""

        def said() -> str:
            return f"{what}; {[(c.method, c.path, c.status) for c in self.calls[-12:]]}"

        return await until(true, said, within_s)

    def requests(self, method: str, path: str) -> list[Call]:
        """The requests whose path holds a pattern."""
        return [c for c in self.calls if c.method == method and re.search(path, c.path)]

    # --- people ---------------------------------------------------------------------------------

    async def say(
        self,
        text: str,
        *,
        channel: int = CHANNEL,
        author: int = ADA,
        mention: bool = False,
        attachments: Sequence[Json] = (),
        reply_to: int | None = None,
        **more: Any,
    ) -> int:
        """Somebody writes; returns the message's id."""
        if mention:
            text = f"<@{BOT}> {text}".strip()
        kind = self.world.channels[channel]["type"]
        message = self.world.add_message(
            channel, author, text, attachments=list(attachments), **more
        )
        mentioned = {int(n) for n in re.findall(r"<@!?(\d+)>", text)}
        if reply_to is not None:
            earlier = self.world.messages.get(reply_to)
            message |= {
                "type": 19,
                "message_reference": {"message_id": str(reply_to), "channel_id": str(channel)},
                "referenced_message": earlier,
            }
            if earlier is not None:
                mentioned.add(int(earlier["author"]["id"]))
        users = self.world.users
        message["mentions"] = [users[n] for n in sorted(mentioned) if n in users]
        await self._tell("MESSAGE_CREATE", message, kind)
        return int(message["id"])

    async def edit(self, number: int, text: str) -> None:
        """Somebody changes what they wrote."""
        message = self.world.message(number)
        self.world.change_message(number, time.monotonic(), content=text)
        kind = self.world.channels[int(message["channel_id"])]["type"]
        await self._tell("MESSAGE_UPDATE", message, kind)

    async def delete(self, number: int) -> None:
        """Somebody deletes a message."""
        message = self.world.remove_message(number)
        gone = {"id": str(number), "channel_id": message["channel_id"]}
        direct = self.world.channels[int(message["channel_id"])]["type"] == DIRECT
        where = {} if direct else {"guild_id": str(GUILD)}
        await self.gateway.dispatch("MESSAGE_DELETE", {**gone, **where}, direct=direct)

    async def delete_thread(self, number: int) -> None:
        """Somebody deletes a thread, with all that is in it."""
        thread = self.world.channels.pop(number)
        for message in self.world.in_channel(number):
            self.world.remove_message(int(message["id"]))
        about = {k: thread[k] for k in ("id", "guild_id", "parent_id", "type")}
        await self.gateway.dispatch("THREAD_DELETE", about)

    async def _tell(self, name: str, message: Json, kind: int) -> None:
        """Announce a message as Discord would: its text only to those who may read it."""
        direct = kind == DIRECT
        seen = dict(message)
        if not direct:
            seen |= {"guild_id": str(GUILD)}
            author = int(message["author"]["id"])
            if "member" not in seen:
                member = self.world.member(author)
                seen["member"] = {**member, "roles": seen.pop("roles", member["roles"])}
        named = any(m["id"] == str(BOT) for m in message["mentions"])
        intents = self.gateway.session.intents
        if not (direct or named or intents & MESSAGE_CONTENT):
            seen |= {"content": "", "attachments": []}
        await self.gateway.dispatch(name, seen, direct=direct)

    async def command(
        self,
        name: str,
        options: Mapping[str, Any] | None = None,
        *,
        channel: int = CHANNEL,
        user: int = ADA,
        focused: str | None = None,
        target: int | None = None,
        file: Json | None = None,
        may: int | None = None,
    ) -> str:
        """Somebody calls a command (or completes, or uses a menu); returns the token.

        `may` are their permissions in that channel.
        """
        given = [
            {"name": n, "type": _OPTION_TYPES[type(v)], "value": v}
            | ({"focused": True} if n == focused else {})
            for n, v in (options or {}).items()
        ]
        data: Json = {"id": "900", "name": name, "type": 1 if target is None else 3}
        if target is None:
            data["options"] = given
            if file is not None:
                given.append({"name": "file", "type": 11, "value": file["id"]})
                data["resolved"] = {"attachments": {file["id"]: file}}
        else:
            message = self.world.message(target)
            data |= {"target_id": str(target), "resolved": {"messages": {str(target): message}}}
        more: Json = {}
        if may is not None:
            more = {"member": {**self.world.member(user), "permissions": str(may)}}
        return await self._interact(4 if focused else 2, data, channel, user, more)

    async def press(
        self,
        label: str,
        *,
        message: int | None = None,
        user: int = ADA,
        custom_id: str = "",
        channel: int | None = None,
    ) -> str:
        """Somebody presses a button, the latest with that label; returns the token.

        `channel` is where the message stands, if somebody could take it elsewhere.
        """
        found = [
            (m, button)
            for m in sorted(self.world.messages.values(), key=lambda m: int(m["id"]))
            if message is None or int(m["id"]) == message
            for row in m["components"]
            for button in row["components"]
            if button.get("label") == label or (custom_id and button["custom_id"] == custom_id)
        ]
        if not found:
            raise AssertionError(f"there is no button {label!r}")
        shown, button = found[-1]
        data = {"custom_id": button["custom_id"], "component_type": 2}
        channel = channel or int(shown["channel_id"])
        more = {"message": {k: v for k, v in shown.items() if k not in {"edits", "interaction"}}}
        return await self._interact(3, data, channel, user, more, pressed=int(shown["id"]))

    async def submit(
        self,
        typed: Mapping[str, Any] | None = None,
        *,
        files: Mapping[str, Sequence[Json]] | None = None,
        form: Json | None = None,
        user: int = ADA,
    ) -> str:
        """Somebody fills in a form, the one that was opened last, and sends it; returns the token.

        `typed` is by field: text, choices as a list, a tick. The others stay as they were.
        """
        opened = form or self.forms[-1]
        data = forms.sent(opened, typed or {}, files or {})
        return await self._interact(5, data, opened["channel"], user)

    async def _interact(
        self,
        kind: int,
        data: Json,
        channel: int,
        user: int,
        more: Json | None = None,
        **kept: Any,
    ) -> str:
        number = self.world.snowflake()
        token = f"tok{number}"
        place = self.world.channels[channel]
        context = self.world.context(channel)
        direct = context > 0
        who: Json = {"user": self.world.users[user]}
        if not direct:
            who = {"member": self.world.member(user), "guild_id": str(GUILD)}
        allowed = str(self.world.bot_permissions)
        self.world.interactions[token] = {
            "id": number,
            "type": kind,
            "channel": channel,
            "sent": time.monotonic(),
            **kept,
        }
        event = {
            "id": str(number),
            "application_id": str(APPLICATION),
            "type": kind,
            "token": token,
            "version": 1,
            "channel_id": str(channel),
            "channel": {**place, "permissions": allowed},
            "data": data,
            "locale": "en-US",
            "entitlements": [],
            "authorizing_integration_owners": {"0": str(GUILD)},
            "context": context,
            "app_permissions": allowed,
            "attachment_size_limit": 10_485_760,
            **who,
            **(more or {}),
        }
        if self.world.no_context:
            del event["context"]
        self.world.interactions[token]["event"] = event
        await self.gateway.dispatch("INTERACTION_CREATE", event, direct=direct)
        return token

    async def redeliver(self, token: str) -> None:
        """Tell of an interaction once more."""
        event = self.world.interactions[token]["event"]
        await self.gateway.dispatch("INTERACTION_CREATE", event, direct="member" not in event)

    # --- what people see ------------------------------------------------------------------------

    def from_bot(self, channel: int | None = None, *, private: bool = False) -> list[Json]:
        """The bot's messages, oldest first; those for one person alone with `private`."""
        found = [
            m
            for m in self.world.messages.values()
            if m["author"]["id"] == str(BOT)
            and bool(m["flags"] & EPHEMERAL) == private
            and (channel is None or int(m["channel_id"]) == channel)
        ]
        return sorted(found, key=lambda m: int(m["id"]))

    def threads(self) -> list[Json]:
        """The threads there are."""
        return [c for c in self.world.channels.values() if c["type"] == PUBLIC_THREAD]

    def buttons(self, message: Json) -> list[str]:
        """The labels of a message's buttons."""
        return [b.get("label", "") for row in message["components"] for b in row["components"]]
