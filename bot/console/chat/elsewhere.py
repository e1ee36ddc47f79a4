"""What stands in a conversation of the console that other processes of the bot write in: a browser
may come to any of them. What has ended is read from the history; what is being written, and what is
stored nowhere, is asked of the process that writes it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final

import structlog

from bot.console.chat.conversation import Conversation, Entry
from bot.console.chat.conversations import Conversations
from bot.errors import StorageError
from bot.processes.crew import Crew
from bot.replies.wording import notice_text
from bot.types import ConversationKey, View

log = structlog.get_logger(__name__)

LOOK_AGAIN_S: Final = 2.0
"""How often what others write is asked for while somebody looks, in seconds."""
_MAX_TOLD_ENTRIES: Final = 20
_MAX_TOLD_CHARACTERS: Final = 10_000
_TOLD: Final = "console_conversation"


class ChatElsewhere:
    """Brings conversations up to date with what other processes have, and tells these what is only
    in this one. `run` must be awaited beside it."""

    def __init__(
        self,
        crew: Crew,
        conversations: Conversations,
        load: Callable[[Conversation], Awaitable[None]],
    ) -> None:
        self._crew = crew
        self._conversations = conversations
        self._load = load
        if crew.peers is not None:
            crew.peers.answer(_TOLD, self._tell)

    async def find(self, key: ConversationKey) -> Conversation | None:
        """The conversation of that key as it is in all processes; None if there is none. Raises
        `StorageError`."""
        if not self._crew.accompanied:
            return await self._conversations.find(key)
        conversation = self._conversations.fresh(key)
        await self._bring_up_to_date(conversation)
        if not any(True for _ in conversation):
            return None
        return self._conversations.keep(conversation)

    async def run(self) -> None:
        """Bring what somebody looks at up to date again and again, until cancelled."""
        while True:
            await asyncio.sleep(LOOK_AGAIN_S)
            if self._crew.accompanied:
                for conversation in self._conversations.watched():
                    try:
                        await self._bring_up_to_date(conversation)
                    except StorageError as error:
                        log.warning("console.chat_not_read", reason=str(error))

    async def _bring_up_to_date(self, conversation: Conversation) -> None:
        await self._load(conversation)
        if (peers := self._crew.peers) is None:
            return
        for told in await peers.ask(_TOLD, {"key": str(conversation.key)}):
            conversation.person = conversation.person or told["person"]
            for one in told["entries"]:
                _take(conversation, one)

    async def _tell(self, asked: Mapping[str, Any]) -> Any:
        conversation = self._conversations.get(ConversationKey.parse(asked["key"]))
        if conversation is None:
            return None
        own = [_told(entry) for entry in conversation if not entry.stored]
        return {"person": conversation.person, "entries": own[-_MAX_TOLD_ENTRIES:]} if own else None


def _told(entry: Entry) -> Mapping[str, str]:
    view = entry.view
    if view is None:
        return {"id": entry.id, "text": entry.text[:_MAX_TOLD_CHARACTERS], "model": entry.model}
    said = [view.text, *(notice_text(one, view.locale) for one in view.notices)]
    text = "\n\n".join(filter(None, said))[:_MAX_TOLD_CHARACTERS]
    return {"id": entry.id, "text": text, "turn": view.turn, "state": view.state}


def _take(conversation: Conversation, told: Mapping[str, Any]) -> None:
    """Show what another process tells, unless the history has it, or it is written here."""
    known = conversation.get(told["id"])
    if "turn" not in told:
        if known is None:
            conversation.ask(told["id"], told["text"], model=told["model"], stored=True)
        return
    if known is not None and not (known.stored and known.view and known.view.state == "working"):
        return
    view = View(told["turn"], told["text"], (told["text"],), state=told["state"])
    if known is None or known.view != view:
        conversation.show(told["id"], view, stored=True)
