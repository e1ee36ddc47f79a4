"""The small print above a public reply that does not show by itself whose question it answers."""

from __future__ import annotations

from collections.abc import Iterator

from bot.catalogue.sentence import say
from bot.commands.declaration import Command
from bot.events import CommandCall
from bot.history.protocol import StoredMessage
from bot.turns.turn import Turn
from bot.types import Author

MAX_HEADING_CHARACTERS = 150
_MAX_NAME_CHARACTERS = 40


def asked_heading(turn: Turn, first: StoredMessage | None = None) -> str:
    """Return "NAME asked: …" for a command, which a platform may show without its options, or
    without who called it, and the occasion of what nobody wrote just now; empty for what stands in
    the conversation as it was written.

    `first` is the question as it was first asked, when it is answered again.
    """
    route, call = turn.route, turn.event
    if call.occasion:
        return call.occasion
    if route is None or route.command is None or not isinstance(call, CommandCall):
        return ""
    if turn.asker.direct or route.private:
        return ""
    name = first.author_name if first is not None else call.author.name
    question = route.options.get(route.command.question)
    if question is None or call.target is not None:
        question = " ".join(_words(route.command, call, dict(route.options)))
    name = _shorten(name, _MAX_NAME_CHARACTERS)
    return say("{name} asked: {question}", name=name, question=_shorten(str(question)))


def shared_heading(person: Author) -> str:
    """Return "NAME shared:" for a reply that one person alone was shown at first."""
    return say("{name} shared:", name=_shorten(person.name, _MAX_NAME_CHARACTERS))


def _words(command: Command, call: CommandCall, options: dict[str, object]) -> Iterator[str]:
    """A call as it would be typed, without what is at its default, is typed into a form, or comes
    from a message."""
    yield f"/{command.name}"
    if call.target is None:
        for option in command.options:
            value = options.get(option.name)
            if not option.multiline and value not in (None, "", option.default):
                yield str(value)


def _shorten(text: str, limit: int = MAX_HEADING_CHARACTERS) -> str:
    line = " ".join(text.split())
    return line if len(line) <= limit else line[: limit - 1].rstrip() + "…"
