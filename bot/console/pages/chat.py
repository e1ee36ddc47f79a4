"""The chat: one conversation of the person who looks, as it grows."""

from __future__ import annotations

import asyncio
import re
import secrets
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, Final, get_args
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import BaseRoute

from bot.adapters.silent_sink import SilentSink
from bot.catalogue.sentence import say
from bot.commands.checks import Asker
from bot.console.chat.adapter import attachment_of
from bot.console.chat.conversation import Conversation
from bot.console.chat.entries import PICTURES
from bot.console.chat.service import ChatService
from bot.console.cookies import cookie_of
from bot.console.forms import form_of, upload_of
from bot.console.site import CONSOLE_PATH, Site, go_to
from bot.console.visit import Visit
from bot.errors import NotFound, UsageError
from bot.events import ActionCall, CommandCall, Message
from bot.sign_in.places import console_place
from bot.types import ActionName, ConversationKey, File

CHAT_PATH: Final = f"{CONSOLE_PATH}/chat"
MAX_STREAMS: Final = 300
"""Streams of all people together."""
MAX_LISTED: Final = 12
"""Earlier conversations that are listed."""
NO_THREAD: Final = "0" * 12
"""An id that stands for a conversation which is not begun."""
_THREAD: Final = re.compile(r"[0-9a-f]{12}(?:\.[12])?")
GONE_CHAT: Final = say("There is no such conversation, or it is not yours.")
_NO_FILE: Final = say("I keep files for a while only; this one is gone.")
_ACTIONS: Final[Mapping[str, ActionName]] = {
    name: name for name in get_args(ActionName) if name not in ("share", "stop")
}
_MAX_VALUE_CHARACTERS: Final = 300
_PATIENCE_S: Final = 2.0
"""Longest wait for what a button tells, before the page is shown again."""


class ChatPages:
    """The page of a conversation, and what its forms do: all of it goes through the core, as what
    people write on any platform does."""

    def __init__(self, site: Site, chat: ChatService) -> None:
        self._site = site
        self._chat = chat
        self._core = site.app.core
        self._max_file_bytes = site.app.services.max_attachment_bytes
        self._streams = 0

    def routes(self) -> Sequence[BaseRoute]:
        """The routes of these pages."""
        route = self._site.route
        return [
            route("/chat", self._newest),
            route("/chat/new", self._new),
            route("/chat/new", self._begin, method="POST", files=True),
            route("/chat/{thread}", self._show),
            route("/chat/{thread}", self._ask, method="POST", files=True),
            route("/chat/{thread}/events", self._events),
            route("/chat/{thread}/press", self._press, method="POST"),
            route("/chat/{thread}/choose", self._choose, method="POST"),
            route("/chat/{thread}/files/{file}", self._file),
        ]

    # --- which conversation -----------------------------------------------------------------------

    def place(self, visit: Visit, thread: str) -> ConversationKey:
        """The conversation of that id of whoever looks. Raises `NotFound` for what is no id."""
        if _THREAD.fullmatch(thread) is None:
            raise NotFound(GONE_CHAT)
        return console_place(visit.session.visitor.place, thread)

    async def find(self, request: Request, visit: Visit) -> Conversation:
        """The conversation that an address names. Raises `NotFound` unless it is theirs."""
        return await self.open(visit, request.path_params["thread"])

    async def open(self, visit: Visit, thread: str) -> Conversation:
        """The conversation of that id. Raises `NotFound` unless it is theirs."""
        found = await self._chat.elsewhere.find(self.place(visit, thread))
        if found is None or found.person not in ("", visit.asker.author.key):
            raise NotFound(GONE_CHAT)
        return found

    async def _earlier(self, visit: Visit) -> list[dict[str, Any]]:
        """The conversations of whoever looks, the last first; not those of two models."""
        channel = self.place(visit, NO_THREAD).scope("channel")
        listed: dict[str, dict[str, Any]] = {}
        for one in self._chat.conversations.beneath(channel):
            first = next((entry for entry in one if entry.view is None), None)
            text = first.text if first is not None else ""
            listed[one.thread] = {"thread": one.thread, "text": text, "at": None}
        person = visit.asker.author.key
        for begun in await self._chat.turns.begun(channel, person, limit=2 * MAX_LISTED):
            thread = ConversationKey.parse(begun.key).thread or ""
            shown = {"thread": thread, "text": begun.text, "at": begun.last_at}
            listed[thread] = (
                shown if thread not in listed else listed[thread] | {"at": begun.last_at}
            )
        single = [one for one in listed.values() if "." not in one["thread"]]
        return single[:MAX_LISTED]

    # --- pages ------------------------------------------------------------------------------------

    async def _newest(self, _: Request, visit: Visit) -> Response:
        earlier = await self._earlier(visit)
        return go_to(f"{CHAT_PATH}/{earlier[0]['thread'] if earlier else 'new'}")

    async def _new(self, _: Request, visit: Visit) -> Response:
        values = await self.values(visit, self.place(visit, NO_THREAD))
        return self._site.page(
            visit, "chat.html", conversation=None, action=f"{CHAT_PATH}/new",
            earlier=await self._earlier(visit), **values,
        )  # fmt: skip

    async def _show(self, request: Request, visit: Visit) -> Response:
        conversation = await self.find(request, visit)
        html, state = await conversation.html()
        return self._site.page(
            visit, "chat.html", conversation=conversation, entries=html, state=state,
            action=f"{CHAT_PATH}/{conversation.thread}", earlier=await self._earlier(visit),
            **await self.values(visit, conversation.key),
        )  # fmt: skip

    async def values(self, visit: Visit, key: ConversationKey) -> dict[str, Any]:
        """What every page of the chat shows: commands, models, how the bot behaves here."""
        app, asker = self._site.app, _here(visit, key)
        author = asker.author
        commands = await self._core.commands_for(author, key, direct=True)
        able = {command.name for command in commands}
        here = asker.here
        chooses = (
            "model" in able
            and (await app.services.authorize(asker, f"model.use:{here}", key)).allowed
        )
        settings = await self._core.policy.channel_settings(key, author.key)
        return {
            "commands": commands,
            "models": app.services.models.names() if chooses else (),
            "model": (await app.services.models.current(key, author.key))[0],
            "asked_model": "",
            "persona": settings.persona if "settings" in able else None,
            "max_chars": app.installation.config.limits.max_message_chars,
        }

    async def _events(self, request: Request, visit: Visit) -> Response:
        conversation = await self.find(request, visit)
        if self._streams >= MAX_STREAMS:
            words = say("Too many pages are open just now; this one does not change by itself.")
            return self._site.refuse(503, say("Too many pages are open"), words, visit)
        cookie, person = cookie_of(request), visit.asker.author.key

        async def is_in() -> bool:
            again = await self._site.visits.find(cookie)
            return isinstance(again, Visit) and again.asker.author.key == person

        async def counted() -> AsyncGenerator[bytes, None]:
            self._streams += 1
            try:
                left_s = (visit.session.ends_at - datetime.now(UTC)).total_seconds()
                async for event in conversation.events(seen, left_s, is_in):
                    yield event
            finally:
                self._streams -= 1

        seen = request.headers.get("last-event-id") or request.query_params.get("seen", "")
        headers = {"cache-control": "no-store", "x-accel-buffering": "no"}
        return StreamingResponse(counted(), media_type="text/event-stream", headers=headers)

    async def _file(self, request: Request, visit: Visit) -> Response:
        conversation = await self.find(request, visit)
        file = conversation.file(request.path_params["file"])
        if file is None:
            raise NotFound(_NO_FILE)
        shown = file.content_type in PICTURES
        named = f"filename*=UTF-8''{quote(file.name, safe='')}"
        return Response(
            file.data,
            headers={
                "content-type": file.content_type if shown else "application/octet-stream",
                "content-disposition": f"{'inline' if shown else 'attachment'}; {named}",
                "cache-control": "no-store",
            },
        )

    # --- what people do ---------------------------------------------------------------------------

    async def _begin(self, request: Request, visit: Visit) -> Response:
        key = self.place(visit, secrets.token_hex(6))
        await self.hand_over(request, visit, key)
        return go_to(f"{CHAT_PATH}/{key.thread}")

    async def _ask(self, request: Request, visit: Visit) -> Response:
        conversation = await self.find(request, visit)
        model = await self.hand_over(request, visit, conversation.key)
        if not _is_partial(request):
            return go_to(f"{CHAT_PATH}/{conversation.thread}#end")
        values = await self.values(visit, conversation.key) | {"asked_model": model}
        return self._site.page(
            visit, "chat_composer.html", conversation=conversation,
            action=f"{CHAT_PATH}/{conversation.thread}", **values,
        )  # fmt: skip

    async def hand_over(
        self, request: Request, visit: Visit, key: ConversationKey, model: str | None = None
    ) -> str:
        """Hand a message over; returns the model that it names."""
        form = form_of(request)
        text = form.get("text", "").replace("\r\n", "\n").strip()
        sent = [
            (File(one.name, await one.read(self._max_file_bytes), one.content_type or ""), one.size)
            for one in upload_of(request).files
        ]
        if not (text or sent):
            raise UsageError(say("Your message is empty; ask me something."))
        model = form.get("model", "").strip() if model is None else model
        message = Message(
            secrets.token_hex(12),
            key,
            visit.asker.author,
            text,
            direct=True,
            attachments=tuple(replace(attachment_of(file), size=size) for file, size in sent),
            model=model,
        )
        conversation = await self._chat.conversations.begin(key, visit.asker.author.key)
        kept = [file for file, size in sent if size <= self._max_file_bytes]
        await self._chat.adapter.ask(self._core, conversation, message, kept)
        return model

    async def _press(self, request: Request, visit: Visit) -> Response:
        """Press a button: its action, the answer that it is under, and its value, with bars
        between."""
        conversation = await self.find(request, visit)
        name, _, rest = form_of(request).get("press", "").partition("|")
        turn, _, value = rest.partition("|")
        if name == "stop":
            await self._stop(conversation, visit)
            return _back(request, conversation)
        entry = conversation.find(turn)
        action = _ACTIONS.get(name)
        if action is None or entry is None or len(value) > _MAX_VALUE_CHARACTERS:
            raise NotFound(GONE_CHAT)
        call = ActionCall(
            secrets.token_hex(12), conversation.key, visit.asker.author, action, turn, value,
            direct=True,
        )  # fmt: skip
        if action in ("resume", "answer", "accept"):
            person = visit.asker.author.key
            await self._site.changes.add(person, say("answered what I asked"), turn)
        change = conversation.next_change
        await self._chat.adapter.press(self._core, conversation, call)
        if not _is_partial(request):  # whoever has no script sees what came of it at once
            with suppress(TimeoutError):
                async with asyncio.timeout(_PATIENCE_S):
                    await change.wait()
        return _back(request, conversation)

    async def _stop(self, conversation: Conversation, visit: Visit) -> None:
        """Stop what is being answered; the answer itself says so."""
        for entry in [one for one in conversation if one.view and one.view.state == "working"]:
            assert entry.view is not None
            call = ActionCall(
                secrets.token_hex(12), conversation.key, visit.asker.author, "stop",
                entry.view.turn, direct=True,
            )  # fmt: skip
            await self._core.accept(call, SilentSink())

    async def _choose(self, request: Request, visit: Visit) -> Response:
        """Choose the model or the persona, by the commands that do it in a chat."""
        conversation = await self.find(request, visit)
        form = form_of(request)
        calls: list[tuple[str, dict[str, str]]] = []
        if form.get("what") == "model":
            calls = [("model", {"action": "use", "name": form.get("model", ""), "scope": "here"})]
        elif form.get("what") == "persona":
            value = form.get("persona", "").strip()
            given = {"action": "set", "value": value} if value else {"action": "clear"}
            calls = [("settings", {**given, "name": "persona", "scope": "here"})]
        for name, options in calls:
            person = visit.asker.author.key
            await self._site.changes.add(person, say("chose how I answer them"), name)
            call = CommandCall(
                secrets.token_hex(12), conversation.key, visit.asker.author, name, options,
                direct=True,
            )  # fmt: skip
            await self._chat.adapter.call(self._core, conversation, call)
        return _back(request, conversation)


def _here(visit: Visit, key: ConversationKey) -> Asker:
    """Whoever looks, in a conversation of theirs."""
    return replace(visit.asker, conversation=key, direct=True)


def _is_partial(request: Request) -> bool:
    """Whether a script asks, which shows what changed by itself."""
    return request.headers.get("hx-request") == "true"


def _back(request: Request, conversation: Conversation) -> Response:
    """The answer to a form: the page again, for whom no script shows what changed."""
    if _is_partial(request):
        return Response(status_code=204)
    pair, dot, _ = conversation.thread.partition(".")
    return go_to(f"{CHAT_PATH}/{f'beside/{pair}' if dot else conversation.thread}#end")
