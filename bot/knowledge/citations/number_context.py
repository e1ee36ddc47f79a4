"""Finds the words and figures around a figure in a passage: its clause or row, and neighbours."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import takewhile

from bot.knowledge.citations.claims import Cell, Claim, Kind, PassageClaims
from bot.knowledge.citations.numbers import TIME_UNITS, Figure

NAME_WEIGHT, WORD_WEIGHT, PAIR_WEIGHT = 2.0, 1.0, 0.5
"""The weight of a name or figure, of a word, and of a pair of unspaced characters."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a figure stands in a passage: its claim, cell and place in the cell."""

    claim: int
    cell: int
    at: int


PassagePlace = tuple[PassageClaims, Place]
"""A place and the passage it is in."""


@dataclass(frozen=True, slots=True)
class SentenceContext:
    """What a sentence says around one of its figures: the weight of each word, the other figures,
    the word that is counted, and the unit."""

    weights: Mapping[str, float]
    others: tuple[Figure, ...]
    counted: frozenset[str]
    unit: str


@dataclass(frozen=True, slots=True)
class ContextWindow:
    """The words of a `SentenceContext` that a passage has `within` the sentence or row of a figure,
    and those it has only `near`, in the neighbouring ones."""

    within: frozenset[str]
    near: frozenset[str]


def are_alike(a: Cell, i: int, b: Cell, j: int) -> bool:
    """Tells whether two figures are of one kind, so that one could stand in place of the other."""
    one, other = a.figures[i], b.figures[j]
    spelled = "spelled" in (one.sort, other.sort)
    if spelled and not (one.unit and other.unit):
        return False
    if not spelled and one.sort != other.sort:
        return False
    if one.sort not in ("number", "spelled"):
        return True
    if one.unit and other.unit:
        return one.unit == other.unit or {one.unit, other.unit} <= TIME_UNITS
    if one.unit or other.unit:
        return False
    if a.column or b.column:
        return a.column == b.column
    alone = not a.words and not b.words  # each behind its own label
    return alone or bool(a.counted[i] & b.counted[j]) or bool(a.before[i] & b.before[j])


def find_context(
    passage: PassageClaims, place: Place, context: SentenceContext, *, apart: bool
) -> ContextWindow:
    """What of the sentence stands with a figure: in its cell and above, in the cells beside it and
    in the sentences beside that one; with `apart` only as far as no rival stands there."""
    claim = passage.claims[place.claim]
    own = claim.cells[place.cell]
    cells = [own, claim.above]

    def rival(cell: Cell) -> bool:
        return apart and any(are_alike(own, place.at, cell, i) for i in range(len(cell.figures)))

    before, after = claim.cells[: place.cell][::-1], claim.cells[place.cell + 1 :]
    if claim.kind is Kind.ROW:
        cells += [cell for cell in (*before, *after) if not rival(cell)]
    else:
        for side in (before, after):
            cells += takewhile(lambda cell: not rival(cell), side)
        cells.append(_shared_words(claim.cells, place.cell))
        if claim.refers and place.cell == 0:
            for last in passage.claims[max(0, place.claim - 1) : place.claim]:
                cells += [Cell(cell.subject, ()) for cell in last.cells[:1]]
    near: list[Cell] = []
    for other in _neighbours(passage, place.claim):
        if not any(map(rival, other.cells)):
            near += other.cells
    within = _find_context_words(cells, context)
    return ContextWindow(within, _find_context_words(near, context) - within)


def _shared_words(cells: Sequence[Cell], at: int) -> Cell:
    """What a clause has from those beside it: its subject from the one before ("opens on 1 May and
    closes on 2 June"), what is said of both from the one after ("2 of the dogs and
    5 of the cats were sold")."""
    own, found = cells[at], frozenset[str]()
    if at and len(own.head) < 2:
        last = cells[at - 1]
        found |= last.subject if own.head and not own.refers else last.head
    if at + 1 < len(cells) and not own.tail:
        found |= cells[at + 1].tail
    return Cell(found, ())


def _find_context_words(cells: Sequence[Cell], context: SentenceContext) -> frozenset[str]:
    found = {word for cell in cells for word in cell.words if word in context.weights}
    for number, figure in enumerate(context.others):
        if any(figure.same(one) for cell in cells for one in cell.figures):
            found.add(f"\0{number}")
    return frozenset(found)


def _neighbours(passage: PassageClaims, at: int) -> list[Claim]:
    """The sentences before and after a sentence, under the same heading."""
    claim = passage.claims[at]
    if claim.kind is not Kind.SENTENCE:
        return []
    both = passage.claims[max(0, at - 1) : at] + passage.claims[at + 1 : at + 2]
    return [near for near in both if near.kind is not Kind.ROW and near.part == claim.part]


def weigh(found: frozenset[str], context: SentenceContext) -> float:
    """Returns the weight of the words and figures found; a figure weighs as much as a name."""
    return sum(context.weights.get(one, NAME_WEIGHT) for one in found)
