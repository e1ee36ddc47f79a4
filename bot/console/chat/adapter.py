"""The console as a platform: its people are those of the other platforms, and each of its
conversations is one person's own."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection, Sequence
from dataclasses import replace
from functools import partial
from typing import Final, TypeAlias

from bot.adapters.protocol import Core
from bot.catalogue.sentence import say
from bot.commands.checks import Asker
from bot.console.chat.conversation import Conversation
from bot.console.chat.conversations import Conversations
from bot.console.chat.port import EDIT_INTERVAL_S, ConsolePort, PressedEntry
from bot.errors import NotFound, Refused
from bot.events import ACTIONS_WITH_REPLY, ActionCall, Attachment, CommandCall, Message
from bot.replies.message_sink import MessageSink
from bot.replies.protocol import Replies, Reply, Sink
from bot.replies.reply_options import ReplyTiming
from bot.sign_in.places import CONSOLE, home_of
from bot.types import Action, Author, ConversationKey, File, View

AskerAt: TypeAlias = Callable[[str, ConversationKey], Awaitable[Asker | None]]
"""`await asker_at(person, home)`: a person as they are now in a direct message of theirs on their
own platform; None if it is not theirs, or nobody can tell."""

_WITH_REPLY: Final = ACTIONS_WITH_REPLY | {"accept"}
_SETTLED: Final = frozenset({"resume", "continue", "accept"})
"""Buttons that go once they were pressed."""
_TIMING: Final = ReplyTiming(edit_interval=EDIT_INTERVAL_S, retry_base=0.1, attempts=2)


def attachment_of(file: File) -> Attachment:
    """A file of somebody's, as an event has it."""

    async def read(limit: int) -> bytes:
        if len(file.data) > limit:
            raise Refused(say("{name} is larger than I can read.", name=file.name[:100]))
        return file.data

    return Attachment(file.name, len(file.data), file.content_type or None, read)


class ConsoleAdapter:
    """Serves the conversations of the console. `serving` is set once it is connected."""

    name = CONSOLE
    has_guests = True
    everywhere = True

    def __init__(self, conversations: Conversations, asker_at: AskerAt) -> None:
        self._conversations = conversations
        self._asker_at = asker_at
        self._core: Core | None = None
        self.serving = asyncio.Event()

    async def run(self, core: Core) -> None:
        """Serve until cancelled."""
        unfinished = await core.replies.unfinished(self.name)
        self._core = core
        with core.connect(self):
            self.serving.set()
            for reply in unfinished:  # the history says that they were interrupted
                await core.replies.save(replace(reply, finished=True))
            await asyncio.Event().wait()

    # --- what people do ---------------------------------------------------------------------------

    async def ask(
        self, core: Core, conversation: Conversation, message: Message, files: Sequence[File]
    ) -> None:
        """Show what somebody says, and hand it over."""
        conversation.ask(message.id, message.text, files, model=message.model)
        await core.accept(message, self._sink(core.replies, conversation.key))

    async def press(self, core: Core, conversation: Conversation, call: ActionCall) -> Sink:
        """Hand a press of a button over; returns where the reply goes."""
        entry = conversation.find(call.turn)
        sink = self._sink(
            core.replies,
            conversation.key,
            under=entry.id if entry is not None else "",
            about=f"{call.action} {call.value}",
            lazy=call.action not in _WITH_REPLY,
            settled=Action(call.action, "", call.value) if call.action in _SETTLED else None,
        )
        await core.accept(call, sink)
        return sink

    async def call(self, core: Core, conversation: Conversation, call: CommandCall) -> None:
        """Hand a command over that is not written as a message."""
        await core.accept(call, self._sink(core.replies, conversation.key))

    def _sink(
        self,
        replies: Replies,
        key: ConversationKey,
        *,
        person: str = "",
        under: str = "",
        about: str = "",
        lazy: bool = False,
        settled: Action | None = None,
    ) -> MessageSink[View]:
        """A reply in a conversation; `settled` is the button of the entry `under` that it goes on
        from."""
        find = partial(self._conversations.begin, key, person)
        port = ConsolePort(find, under=under, about=about)
        pressed = PressedEntry(find, under, settled) if settled is not None and under else None
        return MessageSink(port, replies, key, _TIMING, lazy=lazy, pressed=pressed)

    # --- what the core asks -----------------------------------------------------------------------

    async def open_reply(
        self, conversation: ConversationKey, audience: Author | None, *, turn: str
    ) -> Sink:
        """Begin a reply without an event, beneath what stands there of the same turn. Raises
        `NotFound` for a place that is not the console's, `Refused` while it is not served."""
        if home_of(conversation) is None:
            raise NotFound(say("There is no such conversation."))
        if self._core is None:
            raise Refused(say("The console is not open."))
        stands = await self._conversations.find(conversation)
        entry = stands.find(turn) if stands is not None else None
        return self._sink(
            self._core.replies,
            conversation,
            person="" if audience is None else audience.key,
            under=entry.id if entry is not None else "",
            settled=Action("resume", ""),
        )

    async def asker_now(self, person: str, place: ConversationKey) -> Asker | None:
        """A person as their own platform knows them, in a conversation that is theirs."""
        home = home_of(place)
        asker = None if home is None else await self._asker_at(person, home)
        return None if asker is None else replace(asker, conversation=place, direct=True)

    async def channels_of(self, person: str, channels: Collection[str]) -> frozenset[str]:
        """None: nobody is of this platform."""
        return frozenset()

    async def role_problem(self, roles: Collection[str]) -> str | None:
        """None: the roles are those of other platforms."""
        return None

    async def withdraw_reply(self, reply: Reply) -> None:
        """Take the entries of an answer away that another one has replaced."""
        conversation = await self._conversations.find(ConversationKey.parse(reply.conversation))
        while conversation is not None and (entry := conversation.find(reply.turn)) is not None:
            conversation.remove(entry.id)

    async def files_of(self, conversation: ConversationKey, message: str) -> Sequence[Attachment]:
        """The files of a question, by the id of its event, while they are kept."""
        found = await self._conversations.find(conversation)
        entry = found.get(message) if found is not None else None
        kept = [found.file(one.id) for one in entry.files] if found and entry else []
        return [attachment_of(file) for file in kept if file is not None]
