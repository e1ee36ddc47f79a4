"""What a turn that waits shows meanwhile; shows it again where a dead process may not have."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Final, cast

import structlog

from bot.catalogue.languages import translate
from bot.errors import Failed, UserFacingError
from bot.history.suspensions import Suspension, Suspensions
from bot.observability.redaction import Redactor
from bot.replies.draft import Draft
from bot.replies.left_messages import is_shown
from bot.replies.protocol import Replies, RestoringSink
from bot.turns.platforms import Platforms
from bot.types import Action, Actions, ConversationKey, File, Notice, Text

log = structlog.get_logger(__name__)

_FIRST_PAUSE_S: Final = 0.5
_LONGEST_PAUSE_S: Final = 60.0


async def shown_by(draft: Draft, actions: Sequence[Action]) -> Mapping[str, Any]:
    """What is stored of a reply that waits, so that it can be shown again; empty where it is for
    one person alone, whom no later process can show it."""
    await draft.take_in()
    view = draft.view()
    if view.audience != "everyone":
        return {}
    return {
        "text": draft.whole_text,
        "heading": view.heading,
        "buttons": [[one.value, translate(one.label, view.locale)] for one in actions],
        "files": [[one.name, one.data.decode("utf-8", "replace")] for one in view.files],
    }


@dataclass(frozen=True, slots=True)
class WaitingCards:
    """Shows the cards of earlier processes again."""

    suspensions: Suspensions
    replies: Replies
    platforms: Platforms
    redact: Redactor = field(repr=False)
    leads: Callable[[str], bool] = field(repr=False)
    """Whether it is this process that shows the cards of a platform."""

    async def show_again(self) -> None:
        """Show each that is not known to stand there, once; ends when all do, or cannot."""
        left = await self.suspensions.left()
        waiting = [one for one in left if self.leads(_place_of(one).platform)]
        connected, pause_s = asyncio.Event(), _FIRST_PAUSE_S
        self.platforms.watch(connected.set)
        while True:
            connected.clear()
            waiting = [one for one in waiting if not await self._try(one)]
            if not waiting:
                return
            with suppress(TimeoutError):
                async with asyncio.timeout(pause_s):
                    await connected.wait()
            pause_s = min(2 * pause_s, _LONGEST_PAUSE_S)

    async def _try(self, one: Suspension) -> bool:
        """Returns whether nothing is left to do."""
        try:
            return await self._show(one)
        except Failed as error:
            log.info("card.not_shown_yet", turn=one.turn, reason=str(error))
            return False
        except UserFacingError as error:  # /approvals still lists it
            log.info("card.not_shown", turn=one.turn, reason=str(error))
        except Exception:  # the others are shown
            log.exception("card.not_shown", turn=one.turn)
        return True

    async def _show(self, one: Suspension) -> bool:
        place = _place_of(one)
        if not one.shown or is_shown(await self.replies.get(one.turn)):
            return True
        if place.platform not in self.platforms.connected:
            return False
        sink = await self.platforms.open_reply(place, None, turn=one.turn)
        if not hasattr(sink, "restore"):  # where nothing stays, nothing can be made good
            return True
        still = await self.suspensions.get(one.turn)
        if still is None or not still.open:
            return True
        draft = Draft(
            one.turn,
            sink.limits,
            redact=self.redact,
            direct=one.direct,
            heading=one.shown["heading"],
        )
        for part in parts_of(one):
            draft.add(part)
        await draft.take_in()
        draft.end("waiting", None)
        return await cast(RestoringSink, sink).restore(draft.view())


def _place_of(one: Suspension) -> ConversationKey:
    return ConversationKey.parse(one.conversation)


def parts_of(one: Suspension) -> Sequence[Text | Notice | File | Actions]:
    """What a turn that waits shows: its text, what is asked, its files, the buttons."""
    buttons = (Action("resume", label, value) for value, label in one.shown["buttons"])
    files = [File(name, text.encode()) for name, text in one.shown["files"]]
    card = [Notice(one.card)] if one.card else []
    return [Text(one.shown["text"]), *card, *files, Actions(tuple(buttons))]
