"""Shows what was chosen by a button in the message that the button stood in."""

from __future__ import annotations

from dataclasses import replace
from typing import Protocol

from bot.types import Notice, View


class PressedMessage(Protocol):
    """The message in which a button was pressed; each platform has its own."""

    async def settle(self, choice: Notice | None) -> bool:
        """Take the buttons away, and show in their place what was chosen, if that is known yet.
        Returns whether it is shown there; what goes wrong is logged."""
        ...


class ChoiceInMessage:
    """Keeps the pressed message in step with the reply that goes on below it."""

    def __init__(self, pressed: PressedMessage | None) -> None:
        self._pressed = pressed
        self._choice: Notice | None = None
        self._begun = self._shown = False

    async def take_from(self, view: View) -> View:
        """Show the choice where it was made; returns the view without what is shown there."""
        if self._pressed is None:
            return view
        choice = next((one for one in view.notices if one.choice), None)
        if not self._begun or choice != self._choice:
            self._begun, self._choice = True, choice
            self._shown = await self._pressed.settle(choice)
        if choice is None or not self._shown:
            return view
        return replace(view, notices=tuple(one for one in view.notices if one != choice))
