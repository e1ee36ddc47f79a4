"""The worst inputs of a pattern, drawn from how it is built.

A pattern is slow where one run of characters can be read in several ways, or where it is begun
anew at every place of a run that it then reads to the end. So every repeat is given a run of what
it repeats, behind what leads to it, with an end at which the pattern fails; what leads to it is
repeated, too, alone and with one turn of the repeat.
"""

from __future__ import annotations

import re
import re._compiler as compiler  # type: ignore[import-not-found]
import re._parser as parser  # type: ignore[import-not-found]
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

_MANY = 9
"""A repeat of fewer turns is no run."""
_USUAL = (
    " \t\n\raA1_-.,:;/\\|*`~#<>()[]{}\"'=&+!?@^$%é年。：\xa0\0",
    "aA1_-.,:;/\\|*`~#<>é年 \n\0",
)
"""Characters to try, two orders of them: the first that fits stands for a class of characters."""
_SINGLE = frozenset({"LITERAL", "NOT_LITERAL", "IN", "ANY", "CATEGORY"})
_REPEATS = frozenset({"MAX_REPEAT", "MIN_REPEAT", "POSSESSIVE_REPEAT"})
_TAILS = ("", "\n\0", "a")
_MOST_EXAMPLES = 4

Op = tuple[Any, Any]


@dataclass(frozen=True)
class Attack:
    """`head`, then `unit` over and over, then `other` as often, then `tail`."""

    head: str
    unit: str
    tail: str = ""
    other: str = ""

    def text(self, length: int) -> str:
        half = length // 2 if self.other else length
        second = self.other * (half // max(1, len(self.other)))
        return self.head + self.unit * (half // len(self.unit)) + second + self.tail


def attacks(pattern: re.Pattern[Any]) -> list[Attack]:
    """All attacks on a pattern, each once."""
    source = pattern.pattern
    if isinstance(source, bytes):
        source = source.decode("latin-1")
    flags = pattern.flags & ~re.UNICODE if isinstance(pattern.pattern, bytes) else pattern.flags
    tree = parser.parse(source, flags)
    drawn = (_Deriving(tree, flags, usual).attacks() for usual in _USUAL)
    return list(dict.fromkeys(attack for one in drawn for attack in one))


class _Deriving:
    """What is known of one pattern while its attacks are drawn."""

    def __init__(self, tree: Any, flags: int, usual: str) -> None:
        self._tree = tree
        self._flags = flags
        self._groups: dict[int, str] = {}
        singles = [op for op in _all(tree) if str(op[0]) in _SINGLE]
        self._matchers = {repr(op): self._matcher(op) for op in singles}
        literal = [chr(av) for op, av in singles if str(op) in ("LITERAL", "NOT_LITERAL")]
        inside = [chr(av) for op in singles for av in _literals(op)]
        told_apart: dict[tuple[bool, ...], str] = {}  # ^, $ and \b see lines and words as well
        for char in [*usual, *literal, *inside]:
            sort = (char == "\n", char == "_" or char.isalnum())
            sort += tuple(m.match(char) is not None for m in self._matchers.values())
            told_apart.setdefault(sort, char)
        self._alphabet = list(told_apart.values())

    def attacks(self) -> Iterator[Attack]:
        for char in self._alphabet:
            for tail in _TAILS:
                yield Attack("", char, tail)
        yield from self._sequence(list(self._tree), "")

    def _sequence(self, ops: Sequence[Op], head: str) -> Iterator[Attack]:
        for at, (op, value) in enumerate(ops):
            name = str(op)
            if name in _REPEATS:
                if value[1] is parser.MAXREPEAT or value[1] >= _MANY:
                    yield from self._run(ops, at, head)
                yield from self._sequence(list(value[2]), head)
            else:
                for inner in _inside(name, value):
                    yield from self._sequence(inner, head)
            if name == "LITERAL" and head:
                yield from self._ends("", head + chr(value))
            head += self._example((op, value))

    def _run(self, ops: Sequence[Op], at: int, head: str) -> Iterator[Attack]:
        units = self._examples(list(ops[at][1][2]))
        for unit in filter(None, units):
            yield from self._ends(head, unit)
            yield from self._ends("", head + unit)
            for follower in ops[at + 1 : at + 4]:
                for other in filter(None, self._examples([follower])):
                    if other != unit:
                        yield from self._ends(head, unit, other)
                        yield from self._ends(head, unit + other)
                        yield from self._ends("", head + unit + other)

    @staticmethod
    def _ends(head: str, unit: str, other: str = "") -> Iterator[Attack]:
        for tail in _TAILS:
            yield Attack(head, unit, tail, other)

    def _examples(self, ops: list[Op]) -> list[str]:
        """Short texts that these ops match, unlike each other."""
        if len(ops) == 1:
            op, value = ops[0]
            name = str(op)
            if name in _SINGLE:
                return [c for c in self._alphabet if self._fits(ops[0], c)][:_MOST_EXAMPLES]
            if name == "BRANCH":
                return [self._text(list(one)) for one in value[1]][:_MOST_EXAMPLES]
            if name in ("SUBPATTERN", "ATOMIC_GROUP"):
                return self._examples(list(value[3] if name == "SUBPATTERN" else value))
            if name in _REPEATS:
                return self._examples(list(value[2]))
        texts = [self._text(ops), self._text(ops, full=True)]
        return list(dict.fromkeys(texts))

    def _text(self, ops: list[Op], *, full: bool = False) -> str:
        return "".join(self._example(op, full=full) for op in ops)

    def _example(self, op: Op, *, full: bool = False) -> str:
        """A text that it matches: the shortest, or with one turn of what may be left out."""
        name, value = str(op[0]), op[1]
        if name in _SINGLE:
            return next((c for c in self._alphabet if self._fits(op, c)), "")
        if name in _REPEATS:
            return self._text(list(value[2]), full=full) * max(int(value[0]), int(full))
        if name == "BRANCH":
            return self._text(list(value[1][0]), full=full)
        if name == "SUBPATTERN":
            text = self._text(list(value[3]), full=full)
            if value[0] is not None:
                self._groups[value[0]] = text
            return text
        if name == "ATOMIC_GROUP":
            return self._text(list(value), full=full)
        if name == "GROUPREF":
            return self._groups.get(value, "")
        if name == "ASSERT" and value[0] < 0:
            return self._text(list(value[1]), full=full)
        return ""

    def _fits(self, op: Op, char: str) -> bool:
        return self._matchers[repr(op)].match(char) is not None

    def _matcher(self, op: Op) -> re.Pattern[str]:
        alone = parser.SubPattern(parser.State(), [op])
        alone.state.str = ""
        made: re.Pattern[str] = compiler.compile(alone, self._flags)
        return made


def _inside(name: str, value: Any) -> list[list[Op]]:
    if name == "BRANCH":
        return [list(one) for one in value[1]]
    if name == "SUBPATTERN":
        return [list(value[3])]
    if name == "ATOMIC_GROUP":
        return [list(value)]
    if name in ("ASSERT", "ASSERT_NOT"):
        return [list(value[1])]
    if name == "GROUPREF_EXISTS":
        return [list(one) for one in value[1:] if one]
    return []


def _all(ops: Any) -> Iterator[Op]:
    for op, value in ops:
        yield op, value
        name = str(op)
        for inner in [list(value[2])] if name in _REPEATS else _inside(name, value):
            yield from _all(inner)


def _literals(op: Op) -> Iterator[int]:
    if str(op[0]) == "IN":
        for inner, value in op[1]:
            if str(inner) == "LITERAL":
                yield value
            elif str(inner) == "RANGE":
                yield value[0]
