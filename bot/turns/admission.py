"""Who is let in, before anything else looks at an event, and what the others are told."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

import structlog

from bot.catalogue.sentence import say
from bot.commands.checks import Asker
from bot.events import ActionCall, CommandCall, Message
from bot.replies.protocol import Sink
from bot.turns.runner import TurnDependencies
from bot.turns.turn import unless_cancelled
from bot.types import Author, Notice

log = structlog.get_logger(__name__)


class Admission(Protocol):
    """Says who is let in; an action is a command's name, `message`, or `button:NAME`."""

    def admits(self, asker: Asker, action: str = "message") -> bool:
        """Whether an event is let in; has no effect."""
        ...

    async def refusal(self, asker: Asker, action: str = "message", text: str = "") -> str | None:
        """What to say to a person who is not let in; empty: nothing. None: they are let in."""
        ...


class EverybodyAdmitted:
    """The `Admission` of a process that turns nobody away."""

    def admits(self, asker: Asker, action: str = "message") -> bool:
        return True

    async def refusal(self, asker: Asker, action: str = "message", text: str = "") -> str | None:
        return None


def action_of(event: Message | CommandCall | ActionCall) -> str:
    """The action of an event, as `Admission` is asked for it."""
    match event:
        case Message():
            return "message"
        case CommandCall():
            return event.name
        case ActionCall():
            return f"button:{event.action}"


@dataclass(frozen=True, slots=True)
class Entrance:
    """Who an event comes from, and whether they are let in; without an `admission` all are."""

    is_admin: Callable[[Author], bool]
    admission: Admission = field(default_factory=EverybodyAdmitted)

    def asker(self, event: Message | CommandCall | ActionCall) -> Asker:
        """Whose event it is."""
        admin = self.is_admin(event.author)
        return Asker(event.author, event.conversation, event.direct, admin)

    def admits(self, event: Message | CommandCall | ActionCall) -> bool:
        """Whether an event is let in."""
        return self.admission.admits(self.asker(event), action_of(event))


async def turn_away(
    entrance: Entrance,
    dependencies: TurnDependencies,
    event: Message | CommandCall | ActionCall,
    sink: Sink,
) -> None:
    """Tell a person who is not let in why, or take back what already stands of the reply."""
    text = (event.text or "") if isinstance(event, Message) else ""
    asker, platform = entrance.asker(event), event.conversation.platform
    try:
        words = None
        if await unless_cancelled(dependencies.store.claim(platform, event.id)):
            words = await unless_cancelled(
                entrance.admission.refusal(asker, action_of(event), text)
            )
        locale = await dependencies.find_language(
            event.conversation, event.author.locale, text if words else ""
        )
        delivery = dependencies.begin_reply(sink, private=True, direct=asker.direct, locale=locale)
        if words:
            await delivery.finish("refused", Notice(words, "refusal", private=True))
        else:
            await delivery.withdraw()
    except Exception:  # a task's top; there is nothing to answer
        log.exception("turn.refusal_failed")


async def make_admin(dependencies: TurnDependencies, event: Message, sink: Sink) -> None:
    """Tell a person that they are an admin now; what they wrote is no question, and is not kept."""
    try:
        await unless_cancelled(dependencies.store.claim(event.conversation.platform, event.id))
        locale = await dependencies.find_language(event.conversation, event.author.locale)
        delivery = dependencies.begin_reply(sink, private=True, direct=event.direct, locale=locale)
        words = say("Thank you: you are an admin now. /help shows what I can do.")
        await delivery.finish("complete", Notice(words, private=True))
    except Exception:  # a task's top; they are one all the same
        log.exception("admin.not_told")
