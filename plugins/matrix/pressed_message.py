"""The message whose button was pressed: its buttons go, and what was chosen stands in it."""

from __future__ import annotations

import uuid
from typing import Any

import structlog

from bot.api import ConversationKey, Notice
from plugins.matrix.account import Account
from plugins.matrix.buttons import FIELD
from plugins.matrix.errors import MATRIX_FAILURES
from plugins.matrix.events import newest_content
from plugins.matrix.history import History
from plugins.matrix.homeserver import Json, relations_path
from plugins.matrix.render import Payload, edit_content, kept_text, notice_line

_log = structlog.get_logger(__name__)


class MatrixPressedMessage:
    """Settles the message `event` of a room, whose `content` is its newest."""

    def __init__(self, account: Account, room: str, event: str, content: Json, turn: str) -> None:
        self._account = account
        self._room = room
        self._event = event
        self._content = content
        self._turn = turn

    async def settle(self, choice: Notice | None) -> bool:
        """Take the buttons away, and show what was chosen in their place."""
        line = notice_line(choice) if choice is not None else ""
        text = "\n\n".join(filter(None, (kept_text(self._content), line)))
        own: Any = self._content.get(FIELD) or {}
        try:
            place = ConversationKey.parse(str(own.get("place")))
            content = edit_content(Payload(text).content(self._turn, place), self._event)
            await self._account.budget.end()
            await self._account.client.send(self._room, content, uuid.uuid4().hex)
        except (*MATRIX_FAILURES, ValueError) as exc:
            _log.info("matrix.choice_not_shown", error=str(exc)[:200])
            return False
        self._account.background_tasks.start(self._take_reactions(), "buttons taken away")
        return True

    async def _take_reactions(self) -> None:
        """Redact the bot's own reactions, which did as buttons."""
        path = relations_path(self._room, self._event, "m.annotation")
        try:
            found = await self._account.homeserver.call("GET", path, query={"limit": "50"})
            for event in found.get("chunk") or ():
                if event.get("sender") == self._account.user:
                    await self._account.budget.edit()
                    await self._account.homeserver.redact(self._room, event["event_id"])
        except MATRIX_FAILURES as exc:
            _log.info("matrix.buttons_left", error=str(exc)[:200])


class MatrixLastMessage:
    """The last message of a reply that goes on though nobody pressed a button in it: it settles as
    a pressed one does, if it has buttons."""

    def __init__(self, account: Account, room: str, event: str, turn: str) -> None:
        self._account = account
        self._place = room, event
        self._turn = turn
        self._found: MatrixPressedMessage | None = None

    async def settle(self, choice: Notice | None) -> bool:
        """As `MatrixPressedMessage.settle`."""
        if self._found is None:
            room, event = self._place
            try:
                found = await History(self._account).event(room, event)
            except MATRIX_FAILURES as exc:
                _log.info("matrix.choice_not_shown", error=str(exc)[:200])
                return False
            content = newest_content(found) if found is not None else {}
            if not (content.get(FIELD) or {}).get("buttons"):
                return False
            self._found = MatrixPressedMessage(self._account, room, event, content, self._turn)
        return await self._found.settle(choice)
