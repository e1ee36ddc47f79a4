"""Packs the units of a section into passages: as many whole ones as fit, a long one in parts."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from semantic_text_splitter import TextSplitter

from bot.knowledge.ingestion.sections import Unit, join_units, with_gaps
from bot.knowledge.retrieval.token_ruler import FindSpans, TokenRuler
from bot.skills.document_tree import Code, Place, fence_code

Packed = tuple[str, int, Place]
"""A passage, its tokens, and where it begins."""

_STRETCH_CHARACTERS = 12_000
"""The most characters split in one call, so that no call holds the interpreter for long."""
_MAX_LEAD_SHARE = 0.5
"""The largest share of a passage that the caption of its table may take."""


class Packer:
    """Packs units into passages of at most `room` tokens (a caption is left out of long rows)."""

    def __init__(self, count: Callable[[str], int], spans: FindSpans | None, room: int) -> None:
        self._count = count
        self._spans = spans
        self._room = room

    def pack(self, units: Sequence[Unit]) -> Iterator[Packed]:
        """The passages of a section, in reading order."""
        for run in _split_runs(units):
            yield from self._pack_run(run)

    def _pack_run(self, units: Sequence[Unit]) -> Iterator[Packed]:
        text = join_units(units)
        count = TokenRuler(text, self._spans, self._count) if self._spans else self._count
        starts, ends, end = list[int](), list[int](), 0
        for gap, unit in with_gaps(units):
            starts.append(end + len(gap))
            end += len(gap) + len(unit.text)
            ends.append(end)
        at, begin = 0, 0
        while at < len(units):
            unit = units[at]
            lead, room = self._lead(unit if begin == starts[at] else None)
            after = at
            while after < len(units) and count(text[begin : ends[after]]) <= room:
                after += 1
            if after > at:
                after = self._keep_list(units, at, after, starts, ends, text, count)
                yield self._packed(lead, text[begin : ends[after - 1]], unit.place, count)
                at = after
                begin = starts[at] if at < len(units) else end
                continue
            pieces = list(self._split(unit, text[begin : ends[at]], room, count))
            last = begin + pieces.pop()[0] if len(pieces) > 1 and unit.code is None else begin
            for _, piece in pieces:
                yield self._packed(lead, piece, unit.place, count)
            if last > begin:
                begin = last
            else:
                at += 1
                begin = starts[at] if at < len(units) else end

    def _lead(self, unit: Unit | None) -> tuple[str, int]:
        """What stands at the beginning of a passage, and the room for the rest of it."""
        lead = unit.lead if unit is not None else ""
        taken = self._count(lead) if lead else 0
        if taken > self._room * _MAX_LEAD_SHARE:
            lead, taken = "", 0
        return lead, self._room - taken

    def _packed(self, lead: str, text: str, place: Place, count: Callable[[str], int]) -> Packed:
        tokens = count(text)
        if lead:
            text, tokens = f"{lead}\n\n{text}", tokens + self._count(lead)
        return text, tokens, place

    def _keep_list(
        self,
        units: Sequence[Unit],
        at: int,
        after: int,
        starts: Sequence[int],
        ends: Sequence[int],
        text: str,
        count: Callable[[str], int],
    ) -> int:
        """Where a passage of the units from `at` ends that may not cut a list which fits into one.

        A list goes into the next passage as a whole, with the paragraph that leads to it.
        """
        if after == len(units) or not (units[after].listed and units[after - 1].listed):
            return after
        first, last = after, after
        while first > at and units[first - 1].listed:
            first -= 1
        while last < len(units) and units[last].listed:
            last += 1
        if first - 1 > at and units[first - 1].text.endswith(":"):
            first -= 1
        if first > at and count(text[starts[first] : ends[last - 1]]) <= self._room:
            return first
        return after

    def _split(
        self, unit: Unit, text: str, room: int, count: Callable[[str], int]
    ) -> Iterator[tuple[int, str]]:
        """The parts of a unit that is too long, each after where it begins in the text."""
        if unit.code is not None:
            yield from ((0, part) for part in self._split_code(unit.code, room))
            return
        yield from TextSplitter.from_callback(count, room).chunk_indices(text)

    def _split_code(self, code: Code, room: int) -> Iterator[str]:
        """Code in parts that end at line ends, each in a fence of its language."""
        room = max(8, room - self._count(fence_code("", code.language)))
        lines, size = list[str](), 0
        for line in code.text.split("\n"):
            taken = self._count(f"{line}\n")
            if lines and size + taken > room:
                yield fence_code("\n".join(lines), code.language)
                lines, size = [], 0
            if taken > room:
                for part in TextSplitter.from_callback(self._count, room).chunks(line):
                    yield fence_code(part, code.language)
                continue
            lines.append(line)
            size += taken
        if any(line.strip() for line in lines):
            yield fence_code("\n".join(lines), code.language)


def _split_runs(units: Sequence[Unit]) -> Iterator[list[Unit]]:
    """Units that are packed together: no more text than is split in one call."""
    run: list[Unit] = []
    size = 0
    for unit in units:
        for part in _split_long(unit):
            if run and size + len(part.text) > _STRETCH_CHARACTERS:
                yield run
                run, size = [], 0
            run.append(part)
            size += len(part.text) + 2
    if run:
        yield run


def _split_long(unit: Unit) -> Iterator[Unit]:
    """A very long unit in several: cut at paragraph ends, else at line ends, else anywhere."""
    text, at = (unit.text if unit.code is None else unit.code.text), 0
    while len(text) - at > _STRETCH_CHARACTERS:
        middle, last = at + _STRETCH_CHARACTERS // 2, at + _STRETCH_CHARACTERS
        places = (text.rfind(mark, middle, last) for mark in ("\n\n", "\n", " "))
        end = next((place for place in places if place >= 0), last)
        yield _part(unit, text[at:end])
        at = end
    yield _part(unit, text[at:]) if at else unit


def _part(unit: Unit, text: str) -> Unit:
    if unit.code is None:
        return Unit(text.strip("\n"), unit.place, unit.listed, unit.lead)
    code = Code(text.strip("\n"), unit.code.language, unit.place)
    return Unit(fence_code(code.text, code.language), unit.place, code=code)
