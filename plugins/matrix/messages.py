"""Turns people's messages into questions: whether one is for the bot, and where it is answered."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import Any

from bot.api import (
    BUSY,
    Answer,
    Author,
    ConversationKey,
    Core,
    Inbox,
    Incoming,
    Message,
    Notice,
    Refusal,
    say,
)
from plugins.matrix.account import Account
from plugins.matrix.events import Said, called_command, without_name
from plugins.matrix.files import attachment
from plugins.matrix.history import History
from plugins.matrix.offers import Offers
from plugins.matrix.port import ReplySink, make_sink, tell
from plugins.matrix.settings import PLATFORM

UNREADABLE = say(
    "I could not read your message, as its key did not reach me. Please send it again, or begin a "
    "new chat with me."
)
_UNREADABLE_PAUSE_S = 3600.0


class Messages:
    """The messages of an account's rooms. The id of a question is that of its event."""

    def __init__(self, core: Core, account: Account, history: History) -> None:
        self._core = core
        self._account = account
        self._history = history
        self._told_unreadable: dict[str, float] = {}
        self.inbox = Inbox(
            core,
            PLATFORM,
            account.background_tasks,
            Offers(account),
            retry_pause_s=account.timing.retry_base,
        )

    # --- what the homeserver tells --------------------------------------------------------------

    def on_said(self, room: str, said: Said, name: str) -> None:
        """Handle a message; where too many are waiting, its author is told."""
        place = f"{room}:{said.sender}"
        refusal = Refusal(place, partial(self._refuse, room, said))
        self.inbox.receive(room, said.id, partial(self._decode, room, said, name), refusal)

    def on_edited(self, room: str, target: str) -> None:
        """Handle an edit; whose it is, the homeserver says with the message itself."""

        async def read() -> str:
            said = await self._history.said(room, target)
            return "" if said is None else self.text_of(said)

        self.inbox.edited(room, target, read)

    def on_unreadable(self, rooms: Sequence[str]) -> None:
        """Tell people that the bot cannot read what they wrote, where it is alone with them; once
        in a while."""
        now = time.monotonic()
        for room in dict.fromkeys(rooms):
            told = self._told_unreadable.get(room)
            recent = told is not None and now - told < _UNREADABLE_PAUSE_S
            if self._account.rooms.is_direct(room) and not recent:
                self._told_unreadable[room] = now
                key, notice = self._account.rooms.key(room), Notice(UNREADABLE, "error")
                work = tell(self._account, self._core, key, "", notice)
                self._account.background_tasks.start(work, "unreadable message")

    # --- whether it is for the bot, and where it is answered ------------------------------------

    async def _decode(self, room: str, said: Said, name: str) -> Incoming | None:
        key = await self._where(room, said)
        return None if key is None else Incoming(key, partial(self._read, room, said, name, key))

    async def _where(self, room: str, said: Said) -> ConversationKey | None:
        """The conversation in which a message is answered; None for one that is not for the bot."""
        here = self._account.rooms.key(room, said.thread)
        if self._account.rooms.is_direct(room):
            return here
        if self._names_us(said) or self._is_command(said.text):
            return await self._answered_in(here, said)
        if said.thread is None or said.mentions or not await self._core.replies.known_thread(here):
            return None
        return here if (await self._core.channel_settings(here)).follow_up else None

    async def _answered_in(self, here: ConversationKey, said: Said) -> ConversationKey:
        """The thread of a message, or a new one if the settings want it."""
        if here.thread is not None or self._core.answers_in_place(
            self.text_of(said), files=said.file is not None
        ):
            return here
        if (await self._core.channel_settings(here)).thread_per_mention:
            return replace(here, thread=said.id)
        return here

    def _names_us(self, said: Said) -> bool:
        return self._account.user in said.mentions

    def _is_command(self, text: str) -> bool:
        """Whether a text calls a command of the bot: `!ask how so?`."""
        name = called_command(text, self._account.settings.command_prefix)
        return any(command.name == name for command in self._core.commands)

    def text_of(self, said: Said) -> str:
        """What is asked: without the bot's name, a command as the core knows it."""
        text = said.text
        if self._names_us(said) or self._account.user in text:
            text = without_name(text, self._account.names)
        prefix = self._account.settings.command_prefix
        return "/" + text.removeprefix(prefix) if called_command(text, prefix) else text

    async def _refuse(self, room: str, said: Said) -> None:
        """Tell the author of a message that the bot is too busy for it, if it is for the bot."""
        if (key := await self._where(room, said)) is not None:
            await tell(self._account, self._core, key, said.sender, Notice(BUSY, "refusal"))

    # --- the question ---------------------------------------------------------------------------

    async def _read(
        self, room: str, said: Said, name: str, key: ConversationKey
    ) -> tuple[Message, Answer]:
        """Read a question and its context, and make the reply to it."""
        depth = self._account.settings.thread_context
        message = Message(
            id=said.id,
            conversation=key,
            author=await self.author(said.sender, name),
            text=self.text_of(said),
            direct=self._account.rooms.is_direct(room),
            attachments=(attachment(self._account, said.file),) if said.file is not None else (),
            context=await self._history.thread_context(room, said, depth),
            at=said.at,
            earlier=self._history.reader(room, said.thread, person=said.sender, before=said.id),
        )
        return message, self.sink(key, said.sender, prompt=said.id)

    async def author(self, person: str, name: str) -> Author:
        """A person with the roles that a rule names."""
        named = await self._core.named_roles(PLATFORM)
        return await self._account.rooms.author(person, name, named)

    def sink(self, key: ConversationKey, person: str, **more: Any) -> ReplySink:
        """The reply to something that a person did; `more` goes to `make_sink`."""
        sink = make_sink(self._account, self._core.replies, key, asker=person, **more)
        return self.inbox.follow(sink, key)
