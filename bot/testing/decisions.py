"""Keeps the decisions of a core, so that a test sees what was asked before something was done."""

from __future__ import annotations

from dataclasses import dataclass

from bot.commands.authorization import Authorize, Subject
from bot.commands.checks import Asker, Decision
from bot.types import ConversationKey


@dataclass(frozen=True, slots=True)
class RecordedDecision:
    """A question that was asked before something was done, and its answer."""

    asker: Asker
    action: str
    place: ConversationKey
    subject: Subject | None
    decision: Decision


class RecordingAuthorize:
    """Implements `Authorize` by another, and keeps each decision."""

    def __init__(self, authorize: Authorize) -> None:
        self._authorize = authorize
        self.decisions: list[RecordedDecision] = []

    async def __call__(
        self,
        asker: Asker,
        action: str,
        place: ConversationKey,
        subject: Subject | None = None,
    ) -> Decision:
        decision = await self._authorize(asker, action, place, subject)
        self.decisions.append(RecordedDecision(asker, action, place, subject, decision))
        return decision
