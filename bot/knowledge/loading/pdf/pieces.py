"""Cuts the text of a PDF page where a space stands, or another of its objects begins to draw."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import zip_longest

from bot.knowledge.loading.pdf.letters import LetterReader

_WORD = re.compile(r"[^ \t\r\n\x00\x0b\x0c\xa0\u1680\u2000-\u200b\u2028\u2029\u202f\u205f\u3000]+")
_GAPS_AROUND = 8
_MIN_GAPS = 3
_MIN_EVEN_RATIO = 0.75
_MIN_LEANING_RATIO = 0.45


@dataclass(slots=True)
class Pieces:
    """What stands between two spaces of a text and is drawn at once, each with its object."""

    starts: list[int] = field(default_factory=list)
    stops: list[int] = field(default_factory=list)
    objects: list[int] = field(default_factory=list)

    def extend(self, starts: Sequence[int], stops: Sequence[int], objects: Sequence[int]) -> None:
        self.starts += starts
        self.stops += stops
        self.objects += objects


def find_pieces(text: str, page: int, reader: LetterReader) -> Pieces:
    """What is to be asked for. The letters of an object follow each other, so that a word is
    whole where the next one is of the same object."""
    spans = [found.span() for found in _WORD.finditer(text)]
    starts, stops = [start for start, _ in spans], [stop for _, stop in spans]
    drawn = reader.objects(page, starts)
    unsure = [at for at, pair in enumerate(zip_longest(drawn, drawn[1:])) if pair[0] != pair[1]]
    ends = reader.objects(page, [stops[at] - 1 for at in unsure])
    made, done = Pieces(), 0
    for at in [at for at, end in zip(unsure, ends, strict=True) if drawn[at] != end]:
        letters = reader.objects(page, range(starts[at], stops[at]))
        cuts = [at for at in range(1, len(letters)) if letters[at] != letters[at - 1]]
        made.extend(starts[done:at], stops[done:at], drawn[done:at])
        made.extend(
            [starts[at] + cut for cut in (0, *cuts)],
            [*(starts[at] + cut for cut in cuts), stops[at]],
            [letters[cut] for cut in (0, *cuts)],
        )
        done = at + 1
    made.extend(starts[done:], stops[done:], drawn[done:])
    return made


def is_even(
    objects: Sequence[int],
    lefts: Sequence[float],
    rights: Sequence[float],
    at: int,
    leans: bool,
) -> bool:
    """Whether the gap before a word is about as wide as those around it, which are drawn at once:
    a space of a line that had to be set tight, and no kerning."""
    around = range(max(1, at - _GAPS_AROUND), min(len(objects), at + _GAPS_AROUND + 1))
    gaps = sorted(
        lefts[one] - rights[one - 1]
        for one in around
        if objects[one] == objects[at] == objects[one - 1]
    )
    if len(gaps) < _MIN_GAPS or objects[at] != objects[at - 1]:
        return False
    least = _MIN_LEANING_RATIO if leans else _MIN_EVEN_RATIO
    return lefts[at] - rights[at - 1] >= least * gaps[len(gaps) // 2]
