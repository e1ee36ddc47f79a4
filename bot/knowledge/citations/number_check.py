"""Checks that the passages have the figures of a sentence, and say the same of them.

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
    STOP_STEMS,
    WORD_PATTERN,
    Cell,
    PassageClaims,
    content_stems,
    counted_stems,
    split_clauses,
    stems_after,
)
from bot.knowledge.citations.number_context import (
    NAME_WEIGHT,
    PAIR_WEIGHT,
    WORD_WEIGHT,
    ContextWindow,
    PassagePlace,
    Place,
    SentenceContext,
    are_alike,
    find_context,
    weigh,
)
from bot.knowledge.citations.numbers import RANGE_CONNECTOR, TIME_UNITS, Figure, find_figures
from bot.knowledge.language.words import extract_stems, is_unspaced, normalise

MIN_CONTEXT_SHARE = 0.4
"""The least share of a clause's known words that must stand near its figure."""
_MIN_CONTEXT_WEIGHT = 3.0
"""The least weight of known words from which that share is meaningful."""
_MAX_CHECKED_FIGURES = 16
_MAX_PLACES = 12
_MAX_RIVALS = 120
_YEAR_CONNECTOR = re.compile(r"[\s,]*(?:de\s)?")


def find_misplaced_figures(
    sentence: str, passages: Sequence[PassageClaims], *, across: bool = True
) -> tuple[str, ...]:
    """Returns the figures of a sentence that the passages lack, or have for something else.

    With `across` a figure in one passage can be contradicted by another passage.
    """
    text = normalise(sentence)
    claimed = _claimed_figures(text)
    if not claimed:
        return ()
    missing = [
        one for one in claimed if not any(_find_places(one, passage) for passage in passages)
    ]
    wrong = [one for one in missing if not any(_is_anywhere(one, passage) for passage in passages)]
    for part in _checked_parts(text):
        part_figures = _claimed_figures(part)
        for one in part_figures:
            holding = [passage for passage in passages if _find_places(one, passage)]
            if holding and not _is_in_place(
                part, one, part_figures, holding, passages if across else None
            ):
                wrong.append(one)
    return tuple(dict.fromkeys(min(one.readings) for one in wrong))


def _claimed_figures(text: str) -> list[Figure]:
    """What is looked up: figures, and lengths of time in words, but for "one", often no number."""
    return [
        one
        for one in find_figures(text, spelled=True)
        if one.sort != "mark"
        and (one.sort != "spelled" or (one.unit in TIME_UNITS and "1" not in one.readings))
    ][:_MAX_CHECKED_FIGURES]


def _checked_parts(text: str) -> list[str]:
    """The sentence, and those of its clauses that have a figure where several do."""
    parts = split_clauses(text)
    with_figures = [part for part in parts if _claimed_figures(part)]
    return [text, *with_figures[:_MAX_CHECKED_FIGURES]] if len(with_figures) > 1 else [text]


def _is_anywhere(one: Figure, passage: PassageClaims) -> bool:
    return any(one.same(other) for other in passage.whole.figures)


def _find_places(one: Figure, passage: PassageClaims) -> list[Place]:
    return [
        Place(at, number, index)
        for at, claim in enumerate(passage.claims)
        for number, cell in enumerate(claim.cells)
        for index, other in enumerate(cell.figures)
        if one.same(other)
    ]


def _is_in_place(
    text: str,
    one: Figure,
    claimed: Sequence[Figure],
    holding: Sequence[PassageClaims],
    passages: Sequence[PassageClaims] | None,
) -> bool:
    """Whether one of the places that have the figure is where the sentence puts it."""
    others = tuple(
        other for other in claimed if other is not one and not _are_one_date(text, one, other)
    )
    context = SentenceContext(_weigh_words(text, one), others, counted_stems(text, one), one.unit)
    span = {at: other for at, other in enumerate(others) if _are_one_range(text, one, other)}
    seen: dict[tuple[int, Place], ContextWindow] = {}

    def around(passage: PassageClaims, place: Place) -> ContextWindow:
        if (id(passage), place) not in seen:
            seen[id(passage), place] = find_context(passage, place, context, apart=True)
        return seen[id(passage), place]

    for passage in holding:
        for place in _find_places(one, passage)[:_MAX_PLACES]:
            own = around(passage, place)
            beaten = any(
                _beats(
                    around(other, there),
                    own,
                    context,
                    replaced=_replaced_range_ends((passage, place), (other, there), span, claimed),
                    counts=_rival_counts_better((passage, place), (other, there), context),
                )
                for other in (passages or [passage])
                for there in _find_rivals((passage, place), other, claimed, context)[:_MAX_RIVALS]
            )
            if not beaten and _has_enough_context(passage, place, context):
                return True
    return False


def _are_one_date(text: str, one: Figure, other: Figure) -> bool:
    """Whether they are a day or month and its year, which are one thing and bear each other out
    nothing."""
    first, second = sorted((one, other), key=lambda figure: figure.start)
    if {one.sort, other.sort} not in ({"date", "year"}, {"month", "year"}):
        return False
    return _YEAR_CONNECTOR.fullmatch(text[first.end : second.start]) is not None


def _weigh_words(text: str, one: Figure) -> Mapping[str, float]:
    """What a sentence says beside its figures and the word that one of them counts."""
    following = stems_after(text, one)
    said = text
    for figure in find_figures(text, spelled=True):  # a month's name is no more than its figure is
        said = said[: figure.start] + " " * (figure.end - figure.start) + said[figure.end :]
    names = {
        stem
        for m in WORD_PATTERN.finditer(text)
        if m[0][:1].isupper()
        for stem in extract_stems(m[0]) - STOP_STEMS
    }
    return {
        word: PAIR_WEIGHT if is_unspaced(word) else NAME_WEIGHT if word in names else WORD_WEIGHT
        for word in content_stems(said) - following
    }


def _cell_of(where: PassagePlace) -> Cell:
    passage, place = where
    return passage.claims[place.claim].cells[place.cell]


def _find_rivals(
    own: PassagePlace, other: PassageClaims, claimed: Sequence[Figure], context: SentenceContext
) -> list[Place]:
    """Figures of the same kind that the sentence does not have, or of the kind that it says."""
    cell_, at_ = _cell_of(own), own[1].at
    return [
        Place(at, number, index)
        for at, claim in enumerate(other.claims)
        for number, cell in enumerate(claim.cells)
        for index, figure in enumerate(cell.figures)
        if (are_alike(cell_, at_, cell, index) or _counts_better(cell_, at_, cell, index, context))
        and not any(one.same(figure) for one in claimed)
    ]


def _rival_counts_better(own: PassagePlace, rival: PassagePlace, context: SentenceContext) -> bool:
    return _counts_better(_cell_of(own), own[1].at, _cell_of(rival), rival[1].at, context)


def _counts_better(own: Cell, i: int, rival: Cell, j: int, context: SentenceContext) -> bool:
    """Whether a rival counts what the sentence counts, and the figure itself something else: 5
    passwords and 12 characters, where it says 5 characters."""
    if not own.counted[i] or own.figures[i].sort not in ("number", "spelled"):
        return False
    one, other = own.figures[i], rival.figures[j]
    if context.unit and not one.unit:
        return other.unit == context.unit
    if one.unit != other.unit or context.counted & (own.words | own.column):
        return False
    return bool(context.counted & rival.counted[j])


def _are_one_range(text: str, one: Figure, other: Figure) -> bool:
    first, second = sorted((one, other), key=lambda figure: figure.start)
    return RANGE_CONNECTOR.fullmatch(text[first.end : second.start]) is not None


def _replaced_range_ends(
    own: PassagePlace, rival: PassagePlace, span: Mapping[int, Figure], claimed: Sequence[Figure]
) -> frozenset[str]:
    """The other end of a range where the rival is an end of one too: 7 to 21 speaks no more for its
    row than 7 does."""
    mine, theirs = _cell_of(own), _cell_of(rival)
    free = [
        j
        for j in _neighbours(theirs, rival[1].at)
        if span and not any(one.same(theirs.figures[j]) for one in claimed)
    ]
    return frozenset(
        f"\0{number}"
        for number, other in span.items()
        for i in _neighbours(mine, own[1].at)
        if mine.figures[i].same(other) and any(are_alike(mine, i, theirs, j) for j in free)
    )


def _neighbours(cell: Cell, at: int) -> list[int]:
    return [i for i in (at - 1, at + 1) if 0 <= i < len(cell.figures)]


def _beats(
    rival: ContextWindow,
    own: ContextWindow,
    context: SentenceContext,
    *,
    replaced: frozenset[str],
    counts: bool,
) -> bool:
    """Whether a rival stands with clearly more of the sentence; what is only near counts half.
    One that `counts` what the sentence does needs less, but no name must speak against it."""
    has = rival.within | rival.near | replaced
    if counts:
        return all(context.weights.get(one, NAME_WEIGHT) < NAME_WEIGHT for one in own.within - has)
    more = weigh(has - replaced - own.within - own.near, context)
    less = weigh(own.within - has, context) + weigh(own.near - has, context) / 2
    return more >= max(WORD_WEIGHT, 2 * less)


def _has_enough_context(passage: PassageClaims, place: Place, context: SentenceContext) -> bool:
    """Whether enough of the sentence stands near the figure, whoever else does."""
    if context.others:
        return True  # each has its own surroundings; a clause with one of them is asked for itself
    known = frozenset(word for word in context.weights if word in passage.whole.words)
    if weigh(known, context) < _MIN_CONTEXT_WEIGHT:
        return True
    around = find_context(passage, place, context, apart=False)
    return weigh(around.within | around.near, context) >= MIN_CONTEXT_SHARE * weigh(known, context)
