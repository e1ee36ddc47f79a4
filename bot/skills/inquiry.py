"""What a person is asked in the middle of a tool's work: to fill a form in, or to open a page."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, Literal, Protocol, TypeAlias

from bot.commands.options import Option
from bot.types import Value

INQUIRY_LIFETIME_S: Final = 240.0
"""How long a person is waited for, in seconds: while they are, their conversation waits, too."""
MAX_INQUIRIES_PER_CALL: Final = 3
"""Most times that one call of a tool may ask."""

Choice: TypeAlias = Literal["accept", "decline", "cancel"]
"""What became of an inquiry: it was answered, refused, or left alone."""


@dataclass(frozen=True, slots=True)
class Inquiry:
    """`title` names who asks, `words` (Markdown) is what is shown where it is asked, to everybody
    there. Without `options` there is nothing to fill in; `link` is then a page to open, which the
    person is told alone."""

    title: str
    words: str = field(repr=False)
    options: tuple[Option, ...] = field(default=(), repr=False)
    link: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class InquiryAnswer:
    """How a person answered; `values` are those of the options, with their defaults."""

    choice: Choice
    values: Mapping[str, Value | None] = field(default_factory=dict, repr=False)


class Inquiries(Protocol):
    """Asks the person for whom a turn works, while it goes on."""

    async def ask(self, turn: str, inquiry: Inquiry) -> InquiryAnswer:
        """Ask in the conversation of an open turn, and wait for whoever asked there; what nobody
        answers is left alone. Raises a `UserFacingError` where it cannot be asked."""
        ...
