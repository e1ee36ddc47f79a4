"""The press of a button that a command put below its answer."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from bot.commands.checks import Asker
from bot.skills.services import Services


@dataclass(frozen=True, slots=True)
class ButtonPress:
    """What a command's `pressed` is given, when somebody presses `Action("press", label, value)`.

    `turn` is the id of the answer, `asker` the person who presses, and `own` whether they are who
    asked. Whoever can see the answer may press, also years later.
    """

    turn: str
    value: str
    asker: Asker
    own: bool
    services: Services = field(repr=False)


OnButton = Callable[[ButtonPress], Awaitable[str]]
"""Does what a button says, and returns the sentence that the person who pressed it is told."""
