"""What an operator or a test can set about every reply of a platform."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class ReplyTiming:
    """Intervals of a reply, in seconds unless noted. Tests use shorter ones."""

    edit_interval: float = 2.0
    """An answer of 20 seconds takes at most 12 edits: its first words, one every two seconds, and
    its end."""
    retry_base: float = 1.0
    attempts: int = 6
    """Rounds in which the end of an answer is tried, with doubling pauses between them."""
    private_life: float = 60.0
    """How long a reply for the asker alone stays where everybody can see it."""


class ReplyOptions(Protocol):
    """How replies are shown, as the operator wants it; a platform's settings hold these fields."""

    @property
    def acknowledge(self) -> bool:
        """Put an emoji to the question while it is being answered, and another one at the end."""
        ...

    @property
    def only_when_done(self) -> bool:
        """Show text only when it is complete."""
        ...

    @property
    def edit_share(self) -> float:
        """This process's part of the edits that the platform takes, where several serve it."""
        ...


@dataclass(frozen=True, slots=True)
class DefaultReplyOptions:
    """What holds where the operator sets nothing."""

    acknowledge: bool = False
    only_when_done: bool = False
    edit_share: float = 1.0
