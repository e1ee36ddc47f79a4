"""Prepares a question to be answered again, and rebuilds the event of a stored question."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from bot.catalogue.sentence import say
from bot.commands.authorization import Subject
from bot.commands.checks import Asker
from bot.errors import NotFound
from bot.events import ActionCall, CommandCall, Message, Reader
from bot.history.attachments import AttachmentSnapshot, FindFiles
from bot.history.protocol import StoredMessage
from bot.turns.actions import ButtonHandler, is_same_channel
from bot.turns.open_turns import OpenTurns
from bot.types import Author, ConversationKey


@dataclass(frozen=True, slots=True)
class Repetition:
    """A question that is answered again: its event, the stored question, and the answer that the
    new one replaces; None where nothing was stored yet."""

    event: Message | CommandCall
    question: StoredMessage | None = None
    replaces: StoredMessage | None = None


@dataclass(frozen=True, slots=True)
class Regenerator:
    """Prepares a question to be answered again. An answer to it that is still being written, or
    waits to be, is stopped and taken away first."""

    open_turns: OpenTurns
    buttons: ButtonHandler

    async def prepare(self, call: ActionCall, asker: Asker) -> Repetition:
        """Return the question of a pressed button. Raises `NotFound` or `Denied`."""
        question_id = ""
        if (turn := self.open_turns.get_unended(call.turn)) is not None:
            await self.buttons.allow(call, asker, turn.subject)
        elif (again := await self._repeat_elsewhere(call, asker)) is not None:
            return again
        else:
            _, question = await self.buttons.find(call, asker)
            question_id = question.id if question is not None else ""
        open_turn = await self.open_turns.replace(
            call.turn, question_id or (turn.question if turn is not None else ""), asker.author.name
        )
        if open_turn is not None and await self.buttons.store.get(call.turn) is None:
            return await self._repeat_unstored(open_turn.event, call)
        answer, question = await self.buttons.find(call, asker)
        if question is None:
            raise NotFound(say("The question is no longer kept; please ask again."))
        event = await restore_event(self.buttons, question, call, edited=call.value)
        if not (question.text.strip() or question.command or event.attachments):
            raise NotFound(say("The files of that question are gone; please send them again."))
        return Repetition(event, question, answer)

    async def _repeat_elsewhere(self, call: ActionCall, asker: Asker) -> Repetition | None:
        """Ask here what waits in another process to be asked; None where there is no such thing, or
        it is stored meanwhile."""
        store = self.buttons.store
        if await store.get(call.turn) is not None:
            return None
        away = await self.open_turns.elsewhere.asked_in(call.turn)
        if away is None:
            return None
        await self.buttons.allow(call, asker, Subject(away.author.key, away.place))
        if not away.whole:
            raise NotFound(say("This still waits in line; please press again when I answer it."))
        await self.open_turns.replace(call.turn, "", asker.author.name)
        if await store.get(call.turn) is not None:
            return None
        await store.claim(away.place.platform, away.event)
        text = call.value or away.text
        event = Message(
            away.event, away.place, call.author, text, away.direct, earlier=call.earlier
        )
        return Repetition(event)

    async def _repeat_unstored(self, event: Message | CommandCall, call: ActionCall) -> Repetition:
        """Ask what still waited to be asked, with its edited text."""
        await self.buttons.store.claim(event.conversation.platform, event.id)
        if isinstance(event, Message) and call.value:
            event = replace(event, text=call.value)
        return Repetition(event)


async def restore_event(
    buttons: ButtonHandler, question: StoredMessage, call: ActionCall, *, edited: str = ""
) -> Message | CommandCall:
    """Return the stored question as an event of the person who pressed a button."""
    key = ConversationKey.parse(question.conversation)
    return rebuild_event(
        question,
        await buttons.store.material(question.id) or AttachmentSnapshot(),
        call.author,
        partial(buttons.platforms.files_of, key),
        id=call.id,
        direct=call.direct and is_same_channel(key, call.conversation),
        edited=edited,
        earlier=call.earlier,
    )


def rebuild_event(
    question: StoredMessage,
    snapshot: AttachmentSnapshot,
    author: Author,
    find: FindFiles,
    *,
    id: str,
    direct: bool,
    edited: str = "",
    earlier: Reader | None = None,
) -> Message | CommandCall:
    """Return the stored question as an event of a person, with the attachments and context that it
    had at first. `find` fetches files again from their platform. `edited` is its text, if that has
    changed; it may call a command."""
    key = ConversationKey.parse(question.conversation)
    shared: dict[str, Any] = {
        "direct": direct,
        "attachments": snapshot.attachments(question.event_id, find),
        "context": snapshot.context(find),
        "earlier": earlier,
        "model": question.model,
    }
    if edited or not question.command:
        return Message(id, key, author, edited or question.text, **shared)
    options = {name: value for name, value in question.options.items() if value is not None}
    target = snapshot.target.restore(find) if snapshot.target is not None else None
    return CommandCall(id, key, author, question.command, options, target=target, **shared)
