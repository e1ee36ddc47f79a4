"""The messages of one reply on Matrix: posted, edited, taken back, with reactions as buttons."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, Literal, TypeAlias

import structlog

from bot.api import (
    ConversationKey,
    Core,
    EditBudget,
    File,
    Limits,
    MessagePort,
    MessageSink,
    Notice,
    PortError,
    Replies,
    View,
    notice_text,
    say,
    translate,
)
from plugins.matrix.account import Account
from plugins.matrix.button_row import ButtonRow
from plugins.matrix.errors import MatrixError, as_port_errors
from plugins.matrix.files import file_content
from plugins.matrix.render import (
    CUT_OFF_TEXT,
    MAX_PAGE_CHARS,
    Payload,
    edit_content,
    escape,
    relation,
    render,
)

_log = structlog.get_logger(__name__)

_Mark = Literal["seen", "done", "failed"]
_MARKS: Mapping[_Mark, str] = {"seen": "👀", "done": "✅", "failed": "⚠️"}
_KEY_LIFE = timedelta(hours=12)
"""How long the same key surely is the same event; homeservers keep it for a day."""
_TYPING_MS = 20_000
_MAX_FILE_BYTES = 50 * 1024 * 1024
_MAX_NAME_CHARS = 100
_UNKNOWN = Payload("")
"""What another process may have posted."""


class MatrixPort(MessagePort[Payload]):
    """Posts in a room or thread, or to the asker alone where it may not write there. What is for
    them alone goes to the room that the bot has with them alone, where there is one; else it stands
    in the room for a minute.

    `prompt` is the id of the question's event; empty for a reply that no message asked for.
    """

    def __init__(
        self,
        account: Account,
        conversation: ConversationKey,
        *,
        asker: str = "",
        prompt: str = "",
    ) -> None:
        self._account = account
        self._conversation = conversation
        self._room = conversation.channel
        self._prompt = prompt
        self._asker = asker
        self._turn = ""
        self._locale: str | None = None
        self._began = False
        """Whether something of the reply may stand in the room."""
        self._marks: dict[str, str] = {}
        self._tried: dict[str, Payload] = {}
        self._buttons = ButtonRow(account)
        self.direct = account.rooms.is_direct(self._room)
        self._alone = None if self.direct else account.rooms.direct_with(asker)
        timing = account.timing
        self.limits = Limits(
            max_chars=MAX_PAGE_CHARS,
            edit_interval_s=timing.edit_interval,
            max_file_bytes=account.max_file_bytes or _MAX_FILE_BYTES,
            ephemeral=self._alone is not None,
            reactions=bool(prompt),
            typing=True,
            files="apart",
        )

    def render(self, view: View) -> Sequence[Payload]:
        return render(view, private=self.limits.ephemeral and not self.direct)

    async def prepare(self, view: View) -> None:
        self._turn, self._locale = view.turn, view.locale

    async def post(self, message: Payload, key: str) -> str:
        earlier = self._tried.setdefault(key, message)
        with as_port_errors():
            id_ = await self._post_where_it_may(message, key, final=not message.status)
        del self._tried[key]
        if earlier != message:  # its earlier form may stand there
            await self.edit(id_, message)
        return id_

    async def _post_where_it_may(self, message: Payload, key: str, *, final: bool) -> str:
        """Post in the room, or to the asker alone if the bot may not write there."""
        try:
            id_ = await self._post(message, key, self._room, final=final)
        except MatrixError as exc:
            if exc.code != "M_FORBIDDEN" or self._began or self.direct or not self._asker:
                raise
            await self._move_to_asker(key)
            id_ = await self._post(message, key, self._room, final=final)
        self._began = True
        return id_

    async def _move_to_asker(self, key: str) -> None:
        """Go on in the direct room with the asker, and tell them why."""
        account = self._account
        name = escape(account.rooms.name_of(self._room)[:_MAX_NAME_CHARS])
        self._room = await account.rooms.open_direct(self._asker, account.budget)
        self.direct = True
        words = say("I may not write in {room}, so I answer here.", room=name)
        reason = Payload(notice_text(Notice(words), self._locale))
        await account.budget.end()
        await self._post(reason, f"{key}.why", self._room, final=True)

    async def _post(self, message: Payload, key: str, room: str, *, final: bool) -> str:
        content = message.content(self._turn, self._conversation)
        if room == self._conversation.channel:
            content |= relation(self._conversation.thread, self._prompt)
        id_ = await self._account.client.send(room, content, key)
        self._buttons.show(room, id_, message.emojis, final=final)
        return id_

    def expect(self, key: str, since: datetime) -> bool:
        self._began = True
        if known := datetime.now(UTC) - since < _KEY_LIFE:
            self._tried[key] = _UNKNOWN
        return known

    async def edit(self, message_id: str, message: Payload) -> None:
        content = edit_content(message.content(self._turn, self._conversation), message_id)
        with as_port_errors():
            await self._account.client.send(self._room, content, uuid.uuid4().hex)
        self._buttons.show(self._room, message_id, message.emojis, final=not message.status)

    async def delete(self, message_id: str) -> None:
        self._buttons.forget(message_id)
        with as_port_errors():
            await self._account.homeserver.redact(self._room, message_id)

    async def ephemeral(self, message: Payload) -> None:
        key = uuid.uuid4().hex
        with as_port_errors():
            if self._alone is not None:
                await self._post(message, key, self._alone, final=True)
                return
            id_ = await self._post_where_it_may(message, key, final=True)
        if not self.direct:
            self._account.background_tasks.start(self._remove_later(id_), "private reply")

    async def _remove_later(self, message_id: str) -> None:
        await asyncio.sleep(self._account.timing.private_life)
        await self._account.budget.end()
        await self._account.homeserver.redact(self._room, message_id)

    async def upload(self, file: File) -> None:
        with as_port_errors():
            content = await file_content(self._account, self._room, file)
            if self._room == self._conversation.channel:
                content |= relation(self._conversation.thread, self._prompt)
            await self._account.budget.end()
            await self._account.client.send(self._room, content, uuid.uuid4().hex)

    async def react(self, mark: _Mark, instead_of: _Mark | None) -> None:
        homeserver, room = self._account.homeserver, self._conversation.channel
        with as_port_errors():
            if instead_of is not None and (before := self._marks.pop(instead_of, "")):
                await self._account.budget.end()
                await homeserver.redact(room, before)
            await self._account.budget.end()
            self._marks[mark] = await homeserver.react(room, self._prompt, _MARKS[mark])

    async def typing(self) -> None:
        with as_port_errors():
            await self._account.set_typing(self._room, _TYPING_MS)

    def budget(self, method: str, message_id: str = "") -> EditBudget | None:
        """All events of an account count together."""
        return self._account.budget

    def address(self, message_ids: Sequence[str]) -> Mapping[str, str]:
        if not message_ids:
            return {}
        return {"room": self._room, "messages": ",".join(message_ids)}

    def cut_off(self, shown: Payload | None) -> Payload:
        reason = translate(CUT_OFF_TEXT, self._locale)
        text = f"{shown.text}\n\n{reason}" if shown is not None else reason
        ends = shown.ends if shown is not None else 0
        return Payload(text.strip(), ends=ends)


ReplySink: TypeAlias = MessageSink[Payload]


def make_sink(
    account: Account,
    replies: Replies,
    conversation: ConversationKey,
    *,
    asker: str = "",
    prompt: str = "",
    **more: Any,
) -> ReplySink:
    """The reply to an event; `more` goes to `MessageSink`."""
    return MessageSink(
        MatrixPort(account, conversation, asker=asker, prompt=prompt),
        replies,
        conversation,
        account.timing,
        options=account.settings,
        background=account.background_tasks.start,
        **more,
    )


async def tell(
    account: Account, core: Core, conversation: ConversationKey, asker: str, notice: Notice
) -> None:
    """Tell a person alone something that belongs to no answer, in the language of the place; a
    failure is logged."""
    port = MatrixPort(account, conversation, asker=asker)
    locale = await core.find_language(conversation)
    said = replace(notice, text=translate(notice.text, locale))
    try:
        for message in port.render(View("", notices=(said,), state="refused", locale=locale)):
            await account.budget.end()
            await port.ephemeral(message)
    except PortError as exc:
        _log.info("matrix.notice_failed", error=str(exc)[:200])
