"""Packs the units of a section into passages: as many whole ones as fit, a long one in parts."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

from semantic_text_splitter import TextSplitter

from bot.knowledge.ingestion.sections import Unit, join_units, with_gaps
from bot.knowledge.retrieval.token_ruler import FindSpans, TokenRuler
from bot.skills.document_tree import Place, fence_code

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
        for run in _split_runs([part for unit in units for part in self._split_code(unit)]):
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
            splitter = TextSplitter.from_callback(count, room)
            pieces = splitter.chunk_indices(text[begin : ends[at]])
            last = begin + pieces.pop()[0] if len(pieces) > 1 else begin
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
        """Where a passage of the units from `at` ends: a list that fits no more begins the next.

        The line that leads to a list ("You need:") goes with it.
        """
        if after == len(units) or not (units[after].listed and units[after - 1].listed):
            return after
        first, last = after, after
        while first > at and units[first - 1].listed:
            first -= 1
        while last < len(units) and units[last].listed:
            last += 1
        lead = first - 1
        leads = lead > at and units[lead].text.endswith(":")
        if leads and count(text[starts[lead] : ends[last - 1]]) <= self._room:
            return lead
        return first if first > at else after

    def _split_code(self, unit: Unit) -> Iterator[Unit]:
        """Code that is too long in parts that end at line ends, each in a fence of its language."""
        code = unit.code
        short = len(unit.text) <= _STRETCH_CHARACTERS
        if code is None or (short and self._count(unit.text) <= self._room):
            yield unit
            return
        room = max(8, self._room - self._count(fence_code("", code.language)))
        written = code.text.split("\n")
        lines, size = list[str](), 0
        for line in (part for whole in written for part in self._split_line(whole, room)):
            taken = self._count(f"{line}\n")
            if lines and size + taken > room:
                yield replace(unit, text=fence_code("\n".join(lines), code.language))
                lines, size = [], 0
            lines.append(line)
            size += taken
        if any(line.strip() for line in lines):
            yield replace(unit, text=fence_code("\n".join(lines), code.language))

    def _split_line(self, line: str, room: int) -> Iterator[str]:
        """A line of code, in several where it is too long for a passage."""
        for stretch in _split_stretches(line):
            if self._count(stretch) <= room:
                yield stretch
            else:
                yield from TextSplitter.from_callback(self._count, room).chunks(stretch)


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
    """A very long unit in several."""
    if len(unit.text) <= _STRETCH_CHARACTERS:
        yield unit
        return
    for text in _split_stretches(unit.text):
        yield replace(unit, text=text.strip("\n"))


def _split_stretches(text: str) -> Iterator[str]:
    """Cut a very long text at paragraph ends, else at line ends, else anywhere."""
    at = 0
    while len(text) - at > _STRETCH_CHARACTERS:
        middle, last = at + _STRETCH_CHARACTERS // 2, at + _STRETCH_CHARACTERS
        places = (text.rfind(mark, middle, last) for mark in ("\n\n", "\n", " "))
        end = next((place for place in places if place >= 0), last)
        yield text[at:end]
        at = end
    yield text[at:]
