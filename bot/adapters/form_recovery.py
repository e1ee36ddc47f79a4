"""A form whose call came to nothing: the person who filled it in gets back what they typed.

An answer stands in its message; what was typed into a form stands nowhere else.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping

from bot.commands.declaration import Command
from bot.errors import UsageError
from bot.replies.protocol import Sink
from bot.types import Limits, Value, View

KEPT = "Nothing came of what you typed into the form; here it is again, for you alone."
KEPT_PARTLY = "Not all was done with what you typed into the form; here it is again, for you alone."
ATTACH_AGAIN = " Attach the file again, too."


class GivesBack:
    """A `Sink` that shows the reply in another, and calls `give_back` with a sentence after a
    refusal, an error, or a stop before the first word; also where the reply could not be ended."""

    def __init__(self, sink: Sink, give_back: Callable[[str], Awaitable[None]]) -> None:
        self._sink = sink
        self._give_back = give_back

    @property
    def limits(self) -> Limits:
        return self._sink.limits

    async def start(self, view: View) -> None:
        await self._sink.start(view)

    async def update(self, view: View) -> None:
        await self._sink.update(view)

    async def finish(self, view: View) -> None:
        begun = bool(view.text.strip())
        try:
            await self._sink.finish(view)
        finally:
            if view.state in {"refused", "failed"} or (view.state == "cancelled" and not begun):
                await self._give_back(KEPT_PARTLY if begun else KEPT)


def worth_keeping(command: Command | None, filled: Mapping[str, Value]) -> bool:
    """Whether anything was typed that is not chosen again in a moment."""
    if command is None:
        return bool(filled)
    return any(_was_typed(command, name, value) for name, value in filled.items())


def _was_typed(command: Command, name: str, value: Value) -> bool:
    option = command.option(name)
    if option is None:
        return True
    try:
        return not option.choices and option.coerce(value) != option.default
    except UsageError:
        return True
