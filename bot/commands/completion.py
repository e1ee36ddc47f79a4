"""Suggests commands, options and values that complete a text."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from bot.commands.declaration import Command, Option
from bot.commands.parsing import main_option

Completer = Callable[[str, str, str], Awaitable[Sequence[str]]]
"""`await completer(command, option, prefix)`: suggests values for an option."""


@dataclass(frozen=True, slots=True)
class Suggestion:
    """A text that may replace the input from index `start` to its end."""

    text: str
    start: int
    description: str = ""


async def complete_text(
    text: str, commands: Sequence[Command], completer: Completer
) -> list[Suggestion]:
    """Suggest how a text that begins with `/` may go on: commands, then options and values.

    `completer` is called for options whose values are not known from the declaration.
    """
    if not text.startswith("/"):
        return []
    name, space, rest = text[1:].partition(" ")
    if not space:
        return [
            Suggestion(f"/{command.name}", 0, command.description)
            for command in sorted(commands, key=lambda c: c.name)
            if command.name.startswith(name.lower())
        ]
    command = next((c for c in commands if c.name == name.lower()), None)
    if command is None:
        return []
    word = "" if rest != rest.rstrip() else rest.rpartition(" ")[2]
    words_before = rest[: len(rest) - len(word)].split()
    return await _complete_word(command, words_before, word, len(text) - len(word), completer)


async def _complete_word(
    command: Command, words_before: list[str], word: str, start: int, completer: Completer
) -> list[Suggestion]:
    option_name, equals, prefix = word.partition("=")
    named = command.option(option_name) if equals else None
    if named is not None:
        start += len(option_name) + 1
        return [Suggestion(v, start) for v in await _values(command, named, prefix, completer)]
    given = {w.partition("=")[0] for w in words_before if "=" in w}
    given &= {option.name for option in command.options}
    position = sum(1 for w in words_before if w.partition("=")[0] not in given)
    in_order = [option for option in command.options if option.name not in given]
    main = main_option(command)
    found: list[Suggestion] = []
    if position < len(in_order):
        option = in_order[position]
        if not (main is not None and main.required and main in in_order[:position]):
            found += [
                Suggestion(value, start, option.description)
                for value in await _values(command, option, word, completer)
            ]
    found += [
        Suggestion(f"{option.name}=", start, option.description)
        for option in in_order
        if not option.required and word and option.name.startswith(word)
    ]
    return found


async def _values(
    command: Command, option: Option, prefix: str, completer: Completer
) -> Sequence[str]:
    if option.choices:
        return [choice for choice in option.choices if choice.startswith(prefix)]
    if option.kind == "bool":
        return [word for word in ("yes", "no") if word.startswith(prefix)]
    if option.complete is None:
        return ()
    return await completer(command.name, option.name, prefix)
