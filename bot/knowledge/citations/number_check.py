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

import re
from collections.abc import Mapping, Sequence

from bot.knowledge.citations.claims import (
    SMALL,
    TERM,
    Cell,
    Reading,
    clauses,
    counted,
    word_after,
    words,
)
from bot.knowledge.citations.number_context import (
    NAME,
    PAIR,
    WORD,
    At,
    Place,
    QuestionContext,
    Window,
    alike,
    weight,
    window,
)
from bot.knowledge.citations.numbers import RANGE, TIMES, Figure, figures
from bot.knowledge.language.words import is_unspaced, normalise, stems

TOGETHER = 0.4
"""Share of what a clause says, as far as the passages have it, that its figure stands with."""
_TO_TELL = 3.0
"""Least weight from which that share says something."""
_MOST_FIGURES = 16
_MOST_PLACES = 12
_MOST_RIVALS = 120
_OF_A_YEAR = re.compile(r"[\s,]*(?:de\s)?")


def misplaced(
    sentence: str, passages: Sequence[Reading], *, across: bool = True
) -> tuple[str, ...]:
    """The figures of a sentence, as it writes them, that the passages do not have, or have for
    something else. `across`: whether what one passage has speaks against what another has."""
    text = normalise(sentence)
    claimed = _claimed(text)
    if not claimed:
        return ()
    missing = [one for one in claimed if not any(_places(one, reading) for reading in passages)]
    wrong = [one for one in missing if not any(_above(one, reading) for reading in passages)]
    for part in _checked(text):
        inside = _claimed(part)
        for one in inside:
            held = [reading for reading in passages if _places(one, reading)]
            if held and not _stands(part, one, inside, held, passages if across else None):
                wrong.append(one)
    return tuple(dict.fromkeys(min(one.readings) for one in wrong))


def _claimed(text: str) -> list[Figure]:
    """What is looked up: figures, and lengths of time in words, but for "one", often no number."""
    return [
        one
        for one in figures(text, spelled=True)
        if one.sort != "mark"
        and (one.sort != "spelled" or (one.unit in TIMES and "1" not in one.readings))
    ][:_MOST_FIGURES]


def _checked(text: str) -> list[str]:
    """The sentence, and those of its clauses that have a figure where several do."""
    parts = clauses(text)
    with_figures = [part for part in parts if _claimed(part)]
    return [text, *with_figures[:_MOST_FIGURES]] if len(with_figures) > 1 else [text]


def _above(one: Figure, reading: Reading) -> bool:
    return any(one.same(other) for other in reading.whole.figures)


def _places(one: Figure, reading: Reading) -> list[Place]:
    return [
        Place(at, number, index)
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
    others = tuple(
        other for other in inside if other is not one and not _one_date(text, one, other)
    )
    asked = QuestionContext(_weights(text, one), others, counted(text, one), one.unit)
    span = {at: other for at, other in enumerate(others) if _one_range(text, one, other)}
    seen: dict[tuple[int, Place], Window] = {}

    def around(reading: Reading, place: Place) -> Window:
        if (id(reading), place) not in seen:
            seen[id(reading), place] = window(reading, place, asked, apart=True)
        return seen[id(reading), place]

    for reading in held:
        for place in _places(one, reading)[:_MOST_PLACES]:
            own = around(reading, place)
            beaten = any(
                _beats(
                    around(other, there),
                    own,
                    asked,
                    replaced=_replaced((reading, place), (other, there), span, inside),
                    counts=_counts((reading, place), (other, there), asked),
                )
                for other in (passages or [reading])
                for there in _rivals((reading, place), other, inside, asked)[:_MOST_RIVALS]
            )
            if not beaten and _together(reading, place, asked):
                return True
    return False


def _one_date(text: str, one: Figure, other: Figure) -> bool:
    """Whether they are a day or month and its year, which are one thing and bear each other out
    nothing."""
    first, second = sorted((one, other), key=lambda figure: figure.start)
    if {one.sort, other.sort} not in ({"date", "year"}, {"month", "year"}):
        return False
    return _OF_A_YEAR.fullmatch(text[first.end : second.start]) is not None


def _weights(text: str, one: Figure) -> Mapping[str, float]:
    """What a sentence says beside its figures and the word that one of them counts."""
    following = word_after(text, one)
    said = text
    for figure in figures(text, spelled=True):  # a month's name is no more than its figure is
        said = said[: figure.start] + " " * (figure.end - figure.start) + said[figure.end :]
    names = {
        stem for m in TERM.finditer(text) if m[0][:1].isupper() for stem in stems(m[0]) - SMALL
    }
    return {
        word: PAIR if is_unspaced(word) else NAME if word in names else WORD
        for word in words(said) - following
    }


def _cell_of(where: At) -> Cell:
    reading, place = where
    return reading.pieces[place.piece].cells[place.cell]


def _rivals(
    own: At, other: Reading, inside: Sequence[Figure], asked: QuestionContext
) -> list[Place]:
    """Figures of the same kind that the sentence does not have, or of the kind that it says."""
    cell_, at_ = _cell_of(own), own[1].at
    return [
        Place(at, number, index)
        for at, piece in enumerate(other.pieces)
        for number, cell in enumerate(piece.cells)
        for index, figure in enumerate(cell.figures)
        if (alike(cell_, at_, cell, index) or _counts_better(cell_, at_, cell, index, asked))
        and not any(one.same(figure) for one in inside)
    ]


def _counts(own: At, rival: At, asked: QuestionContext) -> bool:
    return _counts_better(_cell_of(own), own[1].at, _cell_of(rival), rival[1].at, asked)


def _counts_better(own: Cell, i: int, rival: Cell, j: int, asked: QuestionContext) -> bool:
    """Whether a rival counts what the sentence counts, and the figure itself something else: 5
    passwords and 12 characters, where it says 5 characters."""
    if not own.counted[i] or own.figures[i].sort not in ("number", "spelled"):
        return False
    one, other = own.figures[i], rival.figures[j]
    if asked.unit and not one.unit:
        return other.unit == asked.unit
    if one.unit != other.unit or asked.counted & (own.words | own.column):
        return False
    return bool(asked.counted & rival.counted[j])


def _one_range(text: str, one: Figure, other: Figure) -> bool:
    first, second = sorted((one, other), key=lambda figure: figure.start)
    return RANGE.fullmatch(text[first.end : second.start]) is not None


def _replaced(
    own: At, rival: At, span: Mapping[int, Figure], inside: Sequence[Figure]
) -> frozenset[str]:
    """The other end of a range where the rival is an end of one too: 7 to 21 speaks no more for its
    row than 7 does."""
    mine, theirs = _cell_of(own), _cell_of(rival)
    free = [
        j
        for j in _next_to(theirs, rival[1].at)
        if span and not any(one.same(theirs.figures[j]) for one in inside)
    ]
    return frozenset(
        f"\0{number}"
        for number, other in span.items()
        for i in _next_to(mine, own[1].at)
        if mine.figures[i].same(other) and any(alike(mine, i, theirs, j) for j in free)
    )


def _next_to(cell: Cell, at: int) -> list[int]:
    return [i for i in (at - 1, at + 1) if 0 <= i < len(cell.figures)]


def _beats(
    rival: Window, own: Window, asked: QuestionContext, *, replaced: frozenset[str], counts: bool
) -> bool:
    """Whether a rival stands with clearly more of the sentence; what is only near counts half.
    One that `counts` what the sentence does needs less, but no name must speak against it."""
    has = rival.within | rival.near | replaced
    if counts:
        return all(asked.weights.get(one, NAME) < NAME for one in own.within - has)
    more = weight(has - replaced - own.within - own.near, asked)
    less = weight(own.within - has, asked) + weight(own.near - has, asked) / 2
    return more >= max(WORD, 2 * less)


def _together(reading: Reading, place: Place, asked: QuestionContext) -> bool:
    """Whether enough of the sentence stands near the figure, whoever else does."""
    if asked.others:
        return True  # each has its own surroundings; a clause with one of them is asked for itself
    known = frozenset(word for word in asked.weights if word in reading.whole.words)
    if weight(known, asked) < _TO_TELL:
        return True
    around = window(reading, place, asked, apart=False)
    return weight(around.within | around.near, asked) >= TOGETHER * weight(known, asked)
