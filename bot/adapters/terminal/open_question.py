"""What somebody at the terminal is asked while a tool works for them: they type the answer in the
place of pressing a button or filling a form in."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass, field

from bot.adapters.protocol import Core
from bot.commands.declaration import Command
from bot.types import Action, View

_TYPED = {"/answer": 0, "/decline": 1, "/cancel": 2}
"""What is typed, and which button it stands for."""


@dataclass(slots=True)
class OpenQuestion:
    """The question that waits for an answer, if one does."""

    asked: asyncio.Event = field(default_factory=asyncio.Event)
    turn: str = ""
    form: Command | None = None
    """What is to be filled in, if something is."""
    _buttons: tuple[Action, ...] = ()

    async def take(self, view: View, core: Core) -> bool:
        """Take up a reply that asks something; False for any other."""
        buttons = tuple(one for one in view.actions if one.name == "answer")
        if not buttons:
            return False
        self._buttons, self.turn = buttons, view.turn
        self.form = await core.inquiry_form(buttons[0].value)
        self.asked.set()
        return True

    def forget(self) -> None:
        """Nothing is asked any more."""
        self._buttons, self.turn, self.form = (), "", None
        self.asked.clear()

    async def is_to_be_filled_in(self, core: Core) -> bool:
        """Whether its form still waits."""
        return self.form is not None and await core.inquiry_form(self.form.name) is not None

    def lines(self) -> Iterator[str]:
        """What can be typed, each with what it means."""
        form = self.form
        for typed, number in _TYPED.items():
            if number >= len(self._buttons):
                continue
            if number == 0 and form is not None:
                yield form.usage.replace(f"/{form.name}", typed, 1)
            else:
                yield f"{typed}: {self._buttons[number].label}"

    def button(self, text: str) -> tuple[Action, str] | None:
        """The button that a typed line stands for, and what was typed after it."""
        word, _, rest = text.strip().partition(" ")
        number = _TYPED.get(word.lower())
        if number is None or number >= len(self._buttons):
            return None
        return self._buttons[number], rest.strip()
