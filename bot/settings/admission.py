"""Decides whether an event is let in at all: who is blocked, where it is paused or not allowed."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable
from typing import Final

from bot.catalogue.sentence import say
from bot.commands.checks import Asker
from bot.errors import Denied
from bot.settings.moderation import Moderation
from bot.settings.places import AllowedPlaces

ALLOW_COMMAND: Final = "allow"
"""The command that a person may use in a place that is not allowed."""
MESSAGE: Final = "message"
"""The action of a person who writes free text."""
BUTTON_PREFIX: Final = "button:"
"""Prefix of the action of a person who presses a button; the button's name follows."""
_STOPPING = frozenset({"stop", f"{BUTTON_PREFIX}stop"})

BLOCKED = say("An admin has asked me not to answer you.")
REMINDER_INTERVAL_S = 3600.0
"""How long a person who was told why they get no answer is not told again, in seconds."""
_MAX_REMINDERS = 10_000


class Admission:
    """Answers for every event before anything else looks at it.

    An action is the name of a command, `message`, or `button:NAME`.
    """

    def __init__(
        self,
        moderation: Moderation,
        places: AllowedPlaces,
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._moderation = moderation
        self._places = places
        self._clock = clock
        self._told_at: OrderedDict[tuple[str, str], float] = OrderedDict()

    def admits(self, asker: Asker, action: str = MESSAGE) -> bool:
        """Whether somebody may do this where they are. Has no effect, and waits for nothing."""
        if self._is_blocked(asker):
            return False
        if not self._places.allows(asker.conversation):
            return action == ALLOW_COMMAND
        if self._moderation.pause_in(asker.conversation) is None or action in _STOPPING:
            return True
        is_command = action != MESSAGE and not action.startswith(BUTTON_PREFIX)
        return asker.admin and is_command

    async def refusal(self, asker: Asker, action: str = MESSAGE, text: str = "") -> str | None:
        """What to tell somebody who is not let in: None if they are, and an empty text where they
        were told before and nothing is to be said.

        `text` is what they wrote; in a place that is not allowed it may be the word that allows it.
        """
        if self.admits(asker, action):
            return None
        if self._is_blocked(asker):
            return BLOCKED if self._is_due(asker.author.key, "") else ""
        if not self._places.allows(asker.conversation):
            return await self._greet(asker, text)
        reason = self._moderation.pause_in(asker.conversation)
        if not self._is_due(asker.author.key, asker.conversation.scope("channel")):
            return ""
        why = f": {reason}" if reason else ""
        return say("I am paused here{why}. Please try again later.", why=why)

    async def _greet(self, asker: Asker, text: str) -> str:
        if not self._places.is_word(text):
            return await self._places.greet(asker.conversation)
        try:
            return await self._places.redeem(text, asker.conversation, asker.author.key)
        except Denied as wrong:
            return str(wrong) if self._is_due(asker.author.key, str(wrong)) else ""

    def _is_blocked(self, asker: Asker) -> bool:
        return not asker.admin and self._moderation.is_blocked(asker.author.key)

    def _is_due(self, person: str, about: str) -> bool:
        """Whether a person was not told this within the hour; then they are now."""
        now = self._clock()
        while self._told_at and (
            len(self._told_at) >= _MAX_REMINDERS
            or next(iter(self._told_at.values())) <= now - REMINDER_INTERVAL_S
        ):
            self._told_at.popitem(last=False)
        if (person, about) in self._told_at:
            return False
        self._told_at[person, about] = now
        return True
