"""Returns the values of a submitted form to the person when its command fails.

Unlike a message, the text that was typed into a form is shown nowhere else.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping

from bot.catalogue.sentence import say
from bot.commands.declaration import Command
from bot.errors import UsageError
from bot.replies.protocol import PacedSink, Sink
from bot.types import Limits, Value, View

FORM_RETURNED = say(
    "Nothing came of what you typed into the form; here it is again, for you alone."
)
FORM_RETURNED_AFTER_PART = say(
    "Not all was done with what you typed into the form; here it is again, for you alone."
)
ATTACH_FILE_AGAIN = say(" Attach the file again, too.")


class FormRecoverySink:
    """A `Sink` that passes the reply on to another one, and returns the form's values on failure.

    `return_values` is called with an explaining sentence after a refusal, an error, a stop before
    the first word, or when the reply's last update fails.
    """

    def __init__(self, sink: Sink, return_values: Callable[[str], Awaitable[None]]) -> None:
        self._sink = sink
        self._return_values = return_values

    @property
    def limits(self) -> Limits:
        return self._sink.limits

    async def start(self, view: View) -> None:
        await self._sink.start(view)

    async def update(self, view: View) -> None:
        await self._sink.update(view)

    def next_edit(self) -> asyncio.Future[None]:
        if isinstance(self._sink, PacedSink):
            return self._sink.next_edit()
        free = asyncio.get_running_loop().create_future()
        free.set_result(None)
        return free

    async def finish(self, view: View) -> None:
        begun = bool(view.text.strip())
        try:
            await self._sink.finish(view)
        finally:
            if view.state in {"refused", "failed"} or (view.state == "cancelled" and not begun):
                await self._return_values(FORM_RETURNED_AFTER_PART if begun else FORM_RETURNED)


def has_typed_values(command: Command | None, values: Mapping[str, Value]) -> bool:
    """Whether any value was typed, rather than chosen from a list or left at its default."""
    if command is None:
        return bool(values)
    return any(_was_typed(command, name, value) for name, value in values.items())


def _was_typed(command: Command, name: str, value: Value) -> bool:
    option = command.option(name)
    if option is None:
        return True
    try:
        return not option.choices and option.coerce(value) != option.default
    except UsageError:
        return True
