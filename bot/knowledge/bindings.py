"""Whether the figures of a sentence stand in the passages where the sentence puts them.

A figure that no passage has is an invention. One that a passage has must stand together with what
the sentence says of it: in one row, one sentence, two neighbours, or under one heading or
introducing line. It is wrong where a rival, another figure of the same kind, stands together with
clearly more of the sentence (the price of another row, the year of another founder), or where most
of what the sentence says stands elsewhere.

Only words that the passages have are counted, so a sentence in another language is judged by its
names and figures.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import takewhile

from bot.knowledge.figures import Figure, figures
from bot.knowledge.pieces import SMALL, TERM, Cell, Kind, Piece, Reading, clauses, word_after, words
from bot.knowledge.words import is_unspaced, normalise, stems

NAME, WORD, PAIR = 2.0, 1.0, 0.5
"""What a name or figure weighs, a word, and a pair of characters of a script without spaces."""
TOGETHER = 0.4
"""Share of what a clause says, as far as the passages have it, that its figure stands with."""
_TO_TELL = 3.0
"""Least weight from which that share says something."""
_MOST_FIGURES = 16
_MOST_PLACES = 12
_MOST_RIVALS = 120


@dataclass(frozen=True, slots=True)
class _Place:
    """Where a figure stands in a passage: its piece, cell and place in the cell."""

    piece: int
    cell: int
    at: int


@dataclass(frozen=True, slots=True)
class _Asked:
    """What a sentence says beside one of its figures: words and what each weighs, other figures."""

    weights: Mapping[str, float]
    others: tuple[Figure, ...]


@dataclass(frozen=True, slots=True)
class _Window:
    """What of it stands with a figure: in the same sentence or row, and only in those beside it."""

    within: frozenset[str]
    near: frozenset[str]


def misplaced(
    sentence: str, passages: Sequence[Reading], *, across: bool = True
) -> tuple[str, ...]:
    """The figures of a sentence, as it writes them, that the passages do not have, or have for
    something else. `across`: whether what one passage has speaks against what another has."""
    text = normalise(sentence)
    claimed = [one for one in figures(text) if one.sort != "mark"][:_MOST_FIGURES]
    if not claimed:
        return ()
    missing = [one for one in claimed if not any(_places(one, reading) for reading in passages)]
    wrong = [one for one in missing if not any(_above(one, reading) for reading in passages)]
    for part in _checked(text):
        inside = [one for one in figures(part) if one.sort != "mark"][:_MOST_FIGURES]
        for one in inside:
            held = [reading for reading in passages if _places(one, reading)]
            if held and not _stands(part, one, inside, held, passages if across else None):
                wrong.append(one)
    return tuple(dict.fromkeys(min(one.readings) for one in wrong))


def _checked(text: str) -> list[str]:
    """The sentence, and those of its clauses that have a figure where several do."""
    parts = clauses(text)
    with_figures = [part for part in parts if figures(part)]
    return [text, *with_figures] if len(with_figures) > 1 else [text]


def _above(one: Figure, reading: Reading) -> bool:
    return any(one.same(other) for other in reading.whole.figures)


def _places(one: Figure, reading: Reading) -> list[_Place]:
    return [
        _Place(at, number, index)
        for at, piece in enumerate(reading.pieces)
        for number, cell in enumerate(piece.cells)
        for index, other in enumerate(cell.figures)
        if one.same(other)
    ]


def _stands(
    text: str,
    one: Figure,
    inside: Sequence[Figure],
    held: Sequence[Reading],
    passages: Sequence[Reading] | None,
) -> bool:
    """Whether one of the places that have the figure is where the sentence puts it."""
    asked = _Asked(_weights(text, one), tuple(other for other in inside if other is not one))
    seen: dict[tuple[int, _Place], _Window] = {}

    def window(reading: Reading, place: _Place) -> _Window:
        if (id(reading), place) not in seen:
            seen[id(reading), place] = _window(reading, place, asked, apart=True)
        return seen[id(reading), place]

    for reading in held:
        for place in _places(one, reading)[:_MOST_PLACES]:
            rivals = (
                window(other, there)
                for other in (passages or [reading])
                for there in _rivals(reading, place, other, inside)[:_MOST_RIVALS]
            )
            own = window(reading, place)
            if not any(_beats(rival, own, asked) for rival in rivals) and _together(
                reading, place, asked
            ):
                return True
    return False


def _weights(text: str, one: Figure) -> Mapping[str, float]:
    """What a sentence says beside one of its figures and the word that the figure counts."""
    counted = word_after(text, one)
    names = {
        stem for m in TERM.finditer(text) if m[0][:1].isupper() for stem in stems(m[0]) - SMALL
    }
    return {
        word: PAIR if is_unspaced(word) else NAME if word in names else WORD
        for word in words(text) - counted
    }


def _rivals(
    reading: Reading, place: _Place, other: Reading, inside: Sequence[Figure]
) -> list[_Place]:
    """Figures of the same kind that the sentence does not have."""
    own = reading.pieces[place.piece].cells[place.cell]
    return [
        _Place(at, number, index)
        for at, piece in enumerate(other.pieces)
        for number, cell in enumerate(piece.cells)
        for index, figure in enumerate(cell.figures)
        if _alike(own, place.at, cell, index) and not any(one.same(figure) for one in inside)
    ]


def _alike(a: Cell, i: int, b: Cell, j: int) -> bool:
    """Whether two figures of the passages are of one kind: one could stand in the other's place."""
    one, other = a.figures[i], b.figures[j]
    spelled = "spelled" in (one.sort, other.sort)
    if spelled and not (one.unit and other.unit):
        return False
    if not spelled and one.sort != other.sort:
        return False
    if one.sort not in ("number", "spelled"):
        return True
    if one.unit and other.unit:
        return one.unit == other.unit
    if one.unit or other.unit:
        return False
    if a.column or b.column:
        return a.column == b.column
    alone = not a.words and not b.words  # each behind its own label
    return alone or bool(a.after[i] & b.after[j]) or bool(a.before[i] & b.before[j])


def _window(reading: Reading, place: _Place, asked: _Asked, *, apart: bool) -> _Window:
    """What of the sentence stands with a figure: in its cell and above, in the cells beside it and
    in the sentences beside that one; with `apart` only as far as no rival stands there."""
    piece = reading.pieces[place.piece]
    own = piece.cells[place.cell]
    cells = [own, piece.above]

    def rival(cell: Cell) -> bool:
        return apart and any(_alike(own, place.at, cell, i) for i in range(len(cell.figures)))

    before, after = piece.cells[: place.cell][::-1], piece.cells[place.cell + 1 :]
    if piece.kind is Kind.ROW:
        cells += [cell for cell in (*before, *after) if not rival(cell)]
    else:
        for side in (before, after):
            cells += takewhile(lambda cell: not rival(cell), side)
    near: list[Cell] = []
    for other in _beside(reading, place.piece):
        if not any(map(rival, other.cells)):
            near += other.cells
    within = _said(cells, asked)
    return _Window(within, _said(near, asked) - within)


def _said(cells: Sequence[Cell], asked: _Asked) -> frozenset[str]:
    found = {word for cell in cells for word in cell.words if word in asked.weights}
    for number, figure in enumerate(asked.others):
        if any(figure.same(one) for cell in cells for one in cell.figures):
            found.add(f"\0{number}")
    return frozenset(found)


def _beside(reading: Reading, at: int) -> list[Piece]:
    """The sentences before and after a sentence, under the same heading."""
    piece = reading.pieces[at]
    if piece.kind is not Kind.SENTENCE:
        return []
    both = reading.pieces[max(0, at - 1) : at] + reading.pieces[at + 1 : at + 2]
    return [near for near in both if near.kind is not Kind.ROW and near.part == piece.part]


def _weight(found: frozenset[str], asked: _Asked) -> float:
    return sum(asked.weights.get(one, NAME) for one in found)


def _beats(rival: _Window, own: _Window, asked: _Asked) -> bool:
    """Whether a rival stands with clearly more of the sentence; what is only near counts half."""
    has = rival.within | rival.near
    more = _weight(has - own.within - own.near, asked)
    less = _weight(own.within - has, asked) + _weight(own.near - has, asked) / 2
    return more >= max(WORD, 2 * less)


def _together(reading: Reading, place: _Place, asked: _Asked) -> bool:
    """Whether enough of the sentence stands near the figure, whoever else does."""
    if asked.others:
        return True  # each has its own surroundings; a clause with one of them is asked for itself
    known = frozenset(word for word in asked.weights if word in reading.whole.words)
    if _weight(known, asked) < _TO_TELL:
        return True
    around = _window(reading, place, asked, apart=False)
    return _weight(around.within | around.near, asked) >= TOGETHER * _weight(known, asked)
