"""The replies in the console: each is one entry of a conversation, edited as it grows."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from typing import Final

from bot.console.chat.conversation import Conversation
from bot.replies.message_port import MessageClosed, MessagePort
from bot.types import Action, Limits, Notice, View

PAGE_CHARACTERS: Final = 6_000
"""Length of the pieces in which an answer is rendered while it grows: only the last is rendered
anew."""
EDIT_INTERVAL_S: Final = 0.25
MAX_FILE_BYTES: Final = 20 * 1024 * 1024

OpenConversation = Callable[[], Awaitable[Conversation]]


class ConsolePort(MessagePort[View]):
    """Shows the replies to one event. What a button tells is shown beneath the entry `under`, as
    what is known `about` the press; other replies are new entries, `under` it if it is given."""

    direct = True
    limits = Limits(
        max_chars=PAGE_CHARACTERS,
        edit_interval_s=EDIT_INTERVAL_S,
        max_file_bytes=MAX_FILE_BYTES,
        ephemeral=True,
    )

    def __init__(self, find: OpenConversation, *, under: str = "", about: str = "") -> None:
        self._find = find
        self._under = under
        self._about = about
        self._posted: dict[str, str] = {}

    def render(self, view: View) -> Sequence[View]:
        if view.state == "cancelled" and not (view.text or view.notices):
            return ()  # the question was deleted
        return (view,)

    async def post(self, message: View, key: str) -> str:
        conversation = await self._find()
        if key not in self._posted:
            self._posted[key] = conversation.free_id(message)
        conversation.show(self._posted[key], message, after=self._under)
        return self._posted[key]

    async def edit(self, message_id: str, message: View) -> None:
        conversation = await self._find()
        if conversation.get(message_id) is None:
            raise MessageClosed("the entry is gone")
        conversation.show(message_id, message)

    async def delete(self, message_id: str) -> None:
        (await self._find()).remove(message_id)

    async def ephemeral(self, message: View) -> None:
        conversation = await self._find()
        if conversation.get(self._under) is not None:
            conversation.put_aside(self._under, self._about, message)
        else:
            conversation.show(conversation.free_id(message), message)


class PressedEntry:
    """The entry whose button was pressed. Implements `bot.replies.choice.PressedMessage`."""

    def __init__(self, find: OpenConversation, entry: str, pressed: Action) -> None:
        self._find = find
        self._entry = entry
        self._pressed = pressed

    async def settle(self, choice: Notice | None) -> bool:
        shown = None if choice is None else replace(choice, actions=())
        (await self._find()).settle(self._entry, self._pressed, shown)
        return True
