"""Who says what, where several people speak in one conversation.

Their names go before their words, and stay the same from turn to turn, so that the beginning of the
prompt does, too. A name and a text are both what a person chose: neither can pass for another turn.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from bot.history.store import Turn
from bot.types import Author

_LONGEST = 32
_OURS = ("parlance", "assistant", "system", "user")
"""Names that would speak for somebody else: who has one is numbered."""
_OWN = ("parlance:", "assistant:")
_ECHO = re.compile(r"\s*\**(?:parlance|assistant)\**\s*:\**\s*", re.IGNORECASE)
_LONGEST_HELD_CHARACTERS = 8_000
"""Of an answer that begins as an echo would; what goes on longer is shown."""
_MARKS = re.compile(r"[\s*]+")


@dataclass(frozen=True, slots=True)
class Speakers:
    """What each person is called in the prompt, by `Author.key`; nobody where only one speaks."""

    names: Mapping[str, str] = field(default_factory=dict)

    def __bool__(self) -> bool:
        return bool(self.names)

    def said(self, author: str, text: str) -> str:
        """What a person said, as the prompt has it: `Ada: …` where several people speak."""
        name = self.names.get(author)
        if name is None:
            return text
        lines = text.split("\n")
        return f"{name}: " + "\n".join([lines[0], *map(self._unforged, lines[1:])])

    def _unforged(self, line: str) -> str:
        """A further line, quoted where it would begin as somebody's words do."""
        before, colon, _ = line.partition(":")
        if not colon:
            return line
        start = plain_name(before.strip(" *_")).casefold()
        known = (*_OURS, *(name.casefold() for name in self.names.values()))
        return f"> {line}" if start in known else line


def speakers(history: Sequence[Turn], asker: Author) -> Speakers:
    """Who speaks in this conversation, the asker included."""
    said = [(turn.author, turn.author_name) for turn in history if turn.role == "user"]
    people = dict(reversed([*said, (asker.key, asker.name)]))  # whoever changes name keeps the old
    if len(people) < 2:
        return Speakers()
    names: dict[str, str] = {}
    taken = set(_OURS)
    for key in dict.fromkeys([*(key for key, _ in said), asker.key]):
        name = unique = plain_name(people[key])
        number = 1
        while unique.casefold() in taken:
            number += 1
            unique = f"{name} ({number})"
        taken.add(unique.casefold())
        names[key] = unique
    return Speakers(names)


def plain_name(name: str) -> str:
    """A person's name in one line, without what would end it: colons, brackets, invisible signs."""
    kept = (" " if c.isspace() else c for c in name if _visible(c) and c not in ":：<>[]")
    return " ".join("".join(kept).split())[:_LONGEST].strip() or "someone"


def _visible(character: str) -> bool:
    return character.isspace() or unicodedata.category(character)[0] != "C"


class EchoFilter:
    """Takes "Parlance:" away from the beginning of an answer, as it is written, or else a line of
    the prompt (`asked`).

    A model that reads names before what others say may write one before its own words; a very small
    one may begin by saying again what it was asked.
    """

    def __init__(self, asked: Sequence[str] = ()) -> None:
        plain = {_plain(line) for line in asked} - {""}
        self._asked = sorted(plain, key=len, reverse=True)
        self._held = ""
        self._done = False

    def feed(self, text: str) -> str:
        """What can be shown of what has come so far."""
        if self._done:
            return text
        self._held += text
        start = _plain(self._held)  # more may show that this is an echo, or how far it goes
        if len(self._held) <= _LONGEST_HELD_CHARACTERS and any(
            echo.startswith(start) for echo in (*_OWN, *self._asked)
        ):
            return ""
        return self._end()

    def finish(self) -> str:
        """The answer is over: what was held back."""
        return "" if self._done else self._end()

    def _end(self) -> str:
        self._done = True
        if echo := _ECHO.match(self._held):
            return self._held[echo.end() :]
        for asked in self._asked:
            if (rest := _after(self._held, asked)) is not None:
                return rest.lstrip()
        return self._held


def _plain(text: str) -> str:
    return _MARKS.sub("", text).lower()


def _after(text: str, asked: str) -> str | None:
    """What comes after the words of `asked`, where a text begins with them."""
    said = 0
    for at, character in enumerate(text, 1):
        plain = _plain(character)
        if not asked.startswith(plain, said):
            return None
        said += len(plain)
        if said >= len(asked):
            return text[at:]
    return None
