"""Names the speakers of a conversation in the prompt, where there are several.

Their names go before their words, and stay the same from turn to turn, so that the beginning of the
prompt does, too. A name and a text are both what a person chose: neither can pass for another turn.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from bot.history.protocol import StoredMessage
from bot.prompting.foreign_text import BRACKETS, one_line
from bot.types import Author

_MAX_NAME_CHARACTERS = 32
_FORBIDDEN_SIGNS = frozenset(f":：︰﹕∶|｜{BRACKETS}")
"""What would end a name, or pass for the mark of a role."""
_RESERVED_NAMES = ("parlance", "assistant", "system", "user")
"""Names that would speak for somebody else: who has one is numbered."""


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
        lines = text.splitlines() or [""]
        return f"{name}: " + "\n".join([lines[0], *map(self._unforged, lines[1:])])

    def _unforged(self, line: str) -> str:
        """A further line, quoted where it would begin as somebody's words do."""
        before, colon, _ = line.partition(":")
        if not colon:
            return line
        start = plain_name(before.strip(" *_")).casefold()
        known = (*_RESERVED_NAMES, *(name.casefold() for name in self.names.values()))
        return f"> {line}" if start in known else line


def speakers(history: Sequence[StoredMessage], asker: Author) -> Speakers:
    """Who speaks in this conversation, the asker included."""
    said = [(turn.author, turn.author_name) for turn in history if turn.role == "user"]
    people = dict(reversed([*said, (asker.key, asker.name)]))  # whoever changes name keeps the old
    if len(people) < 2:
        return Speakers()
    names: dict[str, str] = {}
    taken = set(_RESERVED_NAMES)
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
    return (
        one_line("".join(c for c in name if c not in _FORBIDDEN_SIGNS))[
            :_MAX_NAME_CHARACTERS
        ].strip()
        or "someone"
    )


def quoted(name: str, text: str) -> str:
    """What somebody said, as a line of what several said; no further line is somebody else's."""
    lines = text.strip().splitlines() or [""]
    return f"{name}: " + "\n".join([lines[0], *(f"  {line}".rstrip() for line in lines[1:])])
