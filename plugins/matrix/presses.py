"""Turns reactions to the bot's own messages into presses of its buttons."""

from __future__ import annotations

from dataclasses import replace

import structlog

from bot.api import (
    ACTIONS_WITH_REPLY,
    EDITED_PREFIX,
    ActionCall,
    Core,
    Notice,
    Reader,
    say,
)
from plugins.matrix.account import Account
from plugins.matrix.buttons import Pressed, read_pressed
from plugins.matrix.errors import MATRIX_FAILURES
from plugins.matrix.events import Reacted, newest_content
from plugins.matrix.history import History
from plugins.matrix.messages import Messages
from plugins.matrix.offers import Offers
from plugins.matrix.port import tell
from plugins.matrix.pressed_message import MatrixPressedMessage

_log = structlog.get_logger(__name__)

GONE_QUESTION = say("The question is no longer there; please ask again.")


class Presses:
    """The reactions in an account's rooms."""

    def __init__(self, core: Core, account: Account, history: History, messages: Messages) -> None:
        self._core = core
        self._account = account
        self._history = history
        self._messages = messages

    def on_reacted(self, room: str, reacted: Reacted, name: str) -> None:
        """Handle a reaction; one that is no button is left alone."""
        work = self._press(room, reacted, name)
        self._account.background_tasks.start(work, "press", place=f"{room}:{reacted.sender}")

    async def _press(self, room: str, reacted: Reacted, name: str) -> None:
        """Handle what was put under one message in order, as the first decision counts."""
        async with self._messages.inbox.turn_in(self._account.rooms.key(room, reacted.target)):
            await self._press_in_turn(room, reacted, name)

    async def _press_in_turn(self, room: str, reacted: Reacted, name: str) -> None:
        try:
            event = await self._history.event(room, reacted.target)
        except MATRIX_FAILURES as exc:
            _log.info("matrix.pressed_message_not_read", error=str(exc)[:200])
            return
        if event is None or event.get("sender") != self._account.user:
            return
        content = newest_content(event)
        pressed = read_pressed(content, reacted.emoji)
        if pressed is None or not await self._may_press(room, reacted.sender, pressed):
            return
        if pressed.action == "regenerate" and pressed.value.startswith(EDITED_PREFIX):
            await self._ask_edited(room, reacted, name, pressed)
            return
        call = await self._call(reacted, name, pressed)
        if pressed.action == "regenerate":
            call = replace(call, earlier=await self._reader(call))
        card = None
        if pressed.action == "resume":
            card = MatrixPressedMessage(self._account, room, reacted.target, content, pressed.turn)
        lazy = pressed.action not in ACTIONS_WITH_REPLY
        sink = self._messages.sink(call.conversation, reacted.sender, lazy=lazy, pressed=card)
        await self._core.accept(call, sink)

    async def _may_press(self, room: str, person: str, pressed: Pressed) -> bool:
        """Whether somebody is in the place of an answer; its words for them alone may stand in
        another room."""
        place = pressed.place.channel
        if place == room:
            return True
        try:
            return person in await self._account.rooms.members(place)
        except MATRIX_FAILURES:
            return False

    async def _call(self, reacted: Reacted, name: str, pressed: Pressed) -> ActionCall:
        return ActionCall(
            reacted.id,
            pressed.place,
            await self._messages.author(reacted.sender, name),
            pressed.action,
            pressed.turn,
            pressed.value,
            direct=self._account.rooms.is_direct(pressed.place.channel),
            at=reacted.at,
        )

    async def _reader(self, call: ActionCall) -> Reader:
        """A reader of the messages before an answer."""
        place, reply = call.conversation, await self._core.replies.get(call.turn)
        first = reply.address.get("messages", "").partition(",")[0] if reply is not None else ""
        return self._history.reader(
            place.channel, place.thread, person=call.author.id, before=first
        )

    async def _ask_edited(self, room: str, reacted: Reacted, name: str, pressed: Pressed) -> None:
        """Answer the current text of a question that was edited."""
        question = pressed.value.removeprefix(EDITED_PREFIX)
        inbox, place = self._messages.inbox, pressed.place
        async with inbox.turn_in(place):
            said = await self._history.said(place.channel, question)
            if said is None:
                gone = Notice(GONE_QUESTION, "refusal")
                await tell(self._account, self._core, place, reacted.sender, gone)
                return
            pressed = replace(pressed, value=self._messages.text_of(said))
            call = await self._call(reacted, name, pressed)
            sink = self._messages.sink(place, reacted.sender, prompt=question)
            if said.sender == reacted.sender:
                inbox.answer_again(question, call, sink)
            await self._core.accept(call, sink)
        if said.sender == reacted.sender:  # the core refuses everybody else
            await Offers(self._account).remove_message(room, reacted.target)
