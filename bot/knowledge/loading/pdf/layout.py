"""Converts the lines of a PDF, in reading order, to blocks: headings, paragraphs, lists, tables."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise
from typing import TypeGuard

from bot.knowledge.loading.pdf.headings import CAPTION, HeadingFinder
from bot.knowledge.loading.pdf.legibility import is_right_to_left
from bot.knowledge.loading.pdf.lines import Line
from bot.knowledge.loading.pdf.running import remove_running_lines
from bot.knowledge.loading.pdf.tables import TableFinder
from bot.knowledge.loading.pdf.text import (
    BULLETS,
    MARK,
    Vocabulary,
    is_hangul,
    join_lines,
)
from bot.skills.document_tree import Block, Code, Heading, ListItem, Paragraph, Place, Table

_MARK = re.compile(rf"\s*({MARK})\s+")
_DOT_LEADERS = re.compile(r"\s*+[\divxl]*+\s*+(?:[.…·]\s*+){4}", re.IGNORECASE)
"""Dots before a page's number, read from the line's end."""
_SENTENCE_ENDS = (".", "!", "?", ":", ";", "…", "。", "！", "？", "”", '"', ")", "」")
_LABEL = re.compile(r"[^\W\d_][\w /.-]{0,30}:\s")
"""How a line of a form begins."""
_HYPHENATED = re.compile(r"\b\w+-\w+\b")
_KOREAN_WORD = re.compile(r"(?<= )[가-힣]{2,}(?= )")
_SOFT_HYPHEN = re.compile(r"(?<=\w)\xad(?=\w)")
"""Within a line it is a hyphen: fonts draw both alike, so that some programs write one for both."""
_BOXES = ("[x] ", "[ ] ")
_MAX_PART_CHARACTERS = 4_000
_PART_END_CHARACTERS = 200
_MIN_HANGUL_LINES = 3
_MIN_LEADING_LINES = 3
"""Lines of the same leading that tell what is usual."""


def lines_to_blocks(pages: Sequence[Sequence[Line]]) -> list[Block]:
    """Returns the text of the pages, whose lines are in reading order, as blocks."""
    kept, running = remove_running_lines(pages)
    lines = _remove_table_of_contents([line for page in kept for line in page])
    headings, tables = HeadingFinder(lines), TableFinder(lines)
    made = _Blocks(lines, headings.body_size)
    at = 0
    while at < len(lines):
        line = lines[at]
        if line.table is not None:
            made.add_table(line.table, lines[at : at + 1])
            at += 1
        elif heading := headings.find(at):
            place = Place(page=line.page)
            block = Heading(heading.level, heading.text, heading.number, place)
            made.add(block, lines[at : heading.end])
            at = heading.end
        elif table := tables.find(at):
            made.add_table(table.table, lines[at : table.end])
            at = table.end
        elif line.mono and not line.margin:
            end = at + 1
            while end < len(lines) and lines[end].mono:
                end += 1
            made.add(_code(lines[at:end]), lines[at:end])
            at = end
        else:
            made.add_text(line)
            at += 1
    blocks = made.finish()
    return [Paragraph("; ".join(running)), *blocks] if running else blocks


def _remove_table_of_contents(lines: Sequence[Line]) -> list[Line]:
    """Without the lines of a table of contents, which say what stands elsewhere, and its title."""
    listed = [bool(_DOT_LEADERS.match(line.text[::-1])) for line in lines]
    return [
        line
        for line, is_listed, next_is in zip(lines, listed, [*listed[1:], False], strict=False)
        if not is_listed and not (next_is and len(line.text) < 40)
    ]


class _Blocks:
    """Collects the blocks as they come; the text of the last paragraph or list item may go on."""

    def __init__(self, lines: Sequence[Line], body: float) -> None:
        self._leading = _usual_leading(lines) or 1.2 * body
        self._right = _right_edges(lines)
        self._vocabulary = _read_vocabulary(lines)
        self._made: list[Block] = []
        self._parts: list[str] = []
        """The text that goes on; empty where the last block is another."""
        self._first: Line | None = None
        self._last: Line | None = None
        self._marker = ""
        self._indents: list[float] = []
        """Where the items of the lists around the last one begin."""
        self._item_row = (0, 0.0)
        """Where the last item stands: page and height."""
        self._asides: list[tuple[str, int]] = []
        self._said: set[str] = set()

    def add(self, block: Block, lines: Sequence[Line]) -> None:
        """Add a block that is whole."""
        self._close()
        self._indents = []
        self._made.append(block)
        self._note_asides(lines)

    def add_table(self, table: Table, lines: Sequence[Line]) -> None:
        """Add a table, or what of it stands on the next page."""
        self._close()
        last = self._made[-1] if self._made else None
        joined = isinstance(last, Table) and _join_tables(last, table)
        if joined and self._last is not None and self._last.page < lines[0].page:
            self._made[-1] = joined
            self._note_asides(lines)
            self._last = lines[-1]
            return
        self.add(table, lines)
        self._last = lines[-1]

    def add_text(self, line: Line) -> None:
        """Add a line of text: a paragraph's or an item's first one, or a later one."""
        if len(line.cells) > 1 and all(cell.text.startswith(_BOXES) for cell in line.cells):
            for cell in line.cells:
                self.add_text(replace(line, cells=[cell], asides=[], _text=None))
            self._note_asides([line])
            return
        last = self._last if self._parts else None
        found = _MARK.match(line.text)
        marked = found is not None and len(line.text) > found.end()
        if last is None or marked or not self._near_or_on(last, line):
            self._close()
            self._first = line
            self._marker = found[1] if found and marked else ""
            text = line.text[found.end() :] if found and marked else line.text
            self._parts = [text]
        elif self._goes_on(last, line):
            self._join(line.text, last)
        elif _is_indented(last, line) and not self._marker:
            self._close()
            self._first, self._marker, self._parts = line, "", [line.text]
        else:
            self._parts.append(f"\n{line.text}")
        self._note_asides([line])
        self._last = line

    def finish(self) -> list[Block]:
        """The blocks. Captions are those of the tables beside them."""
        self._close()
        return _attach_captions(self._made)

    def _join(self, text: str, last: Line) -> None:
        """Add a line to the text; only the end of a long one is read and copied."""
        parts = self._parts
        parts[-1] = join_lines(parts[-1], text, self._vocabulary, spaced=last.spaced)
        if len(parts[-1]) > _MAX_PART_CHARACTERS:
            parts[-1:] = parts[-1][:-_PART_END_CHARACTERS], parts[-1][-_PART_END_CHARACTERS:]

    def _close(self) -> None:
        """Make a block of the text, and of what stood beside it."""
        if self._parts and self._first is not None:
            text = _SOFT_HYPHEN.sub("-", "".join(self._parts)).replace("\xad", "")
            place = Place(page=self._first.page)
            if self._marker:
                self._made.append(self._item(text, place))
            else:
                self._indents = []
                caption = CAPTION.match(text)
                self._made.append(Paragraph(text, "caption" if caption else "text", place))
        self._parts, self._first = [], None
        for text, page in self._asides:
            self._made.append(Paragraph(text, place=Place(page=page)))
        self._asides = []

    def _item(self, text: str, place: Place) -> ListItem:
        first = self._first
        row = (first.page, first.y) if first is not None else (0, 0.0)
        if first is not None and row != self._item_row:
            start = -first.end if is_right_to_left(text) else first.x
            self._indents = [x for x in self._indents if x < start - 4] + [start]
        self._item_row = row
        marker = "-" if self._marker in BULLETS else self._marker
        return ListItem(text, marker, max(0, len(self._indents) - 1), place)

    def _note_asides(self, lines: Sequence[Line]) -> None:
        for line in lines:
            for text in line.asides:
                if text not in self._said:
                    self._said.add(text)
                    self._asides.append((text, line.page))
        if lines:
            self._last = lines[-1]

    def _near_or_on(self, last: Line, line: Line) -> bool:
        """Whether a line belongs to the block of the last one."""
        if not 0.9 < line.size / last.size < 1.1 or line.margin != last.margin:
            return False
        if self._near(last, line):
            return not self._marker or self._is_inside_item(line) or self._goes_on(last, line)
        return self._goes_on(last, line)

    def _is_inside_item(self, line: Line) -> bool:
        first = self._first
        return first is not None and line.x > first.x + 2

    def _near(self, last: Line, line: Line) -> bool:
        """Whether a line stands right below another."""
        return last.page == line.page and 0 < last.y - line.y <= 1.3 * self._leading

    def _goes_on(self, last: Line, line: Line) -> bool:
        """Whether a line ends only because the page or column does."""
        right = self._right.get(_column(last), last.end)
        full = last.end - last.x >= 0.72 * (right - last.x) or last.text.endswith(("-", "\xad"))
        if not self._near(last, line):  # the next column or page
            ends = last.text.endswith(_SENTENCE_ENDS)
            apart = last.page == line.page and last.y - line.y > 0
            return (
                not ends and not apart and (_continues(line.text) or (full and len(last.text) > 25))
            )
        if _LABEL.match(line.text) and _LABEL.match(last.text):
            return False
        return full and not _is_indented(last, line) and len(last.cells) + len(line.cells) <= 3


def _is_indented(last: Line, line: Line) -> bool:
    """Whether a line is the first one of a paragraph, by its place."""
    return line.x > last.x + 0.8 * line.size and last.text.endswith(_SENTENCE_ENDS)


def _continues(text: str) -> bool:
    first = next((letter for letter in text if letter.isalnum()), "")
    return first.islower() or ord(first or "A") > 0x2E80


def _code(lines: Sequence[Line]) -> Block:
    left = min(line.x for line in lines)
    width = 0.6 * max(line.size for line in lines)
    code = [" " * round((line.x - left) / width) + line.code for line in lines]
    place = Place(page=lines[0].page)
    if len(code) == 1:
        return Paragraph(f"`{code[0].strip()}`", place=place)
    return Code("\n".join(code).replace("\xad", "-"), place=place)


def _join_tables(one: Table, two: Table) -> Table | None:
    """A table that goes on over the end of a page, with its header once; None where it does not."""
    if not one.rows or not two.rows or len(one.rows[0]) != len(two.rows[0]) or two.caption:
        return None
    count = one.header_rows
    repeated = bool(count) and two.rows[:count] == one.rows[:count]
    if two.header_rows and not repeated:
        return None
    rest = two.rows[count:] if repeated else two.rows
    places = (one.places or (one.place,) * len(one.rows)) + (
        (two.places or (two.place,) * len(two.rows))[len(two.rows) - len(rest) :]
    )
    return replace(one, rows=one.rows + rest, places=places)


def _attach_captions(blocks: Sequence[Block]) -> list[Block]:
    """The captions above tables, or else below them, as theirs."""
    made: list[Block] = []
    for block in blocks:
        last = made[-1] if made else None
        if isinstance(block, Table) and not block.caption and _is_caption(last):
            made[-1] = replace(block, caption=last.text)
        elif isinstance(last, Table) and not last.caption and _is_caption(block):
            made[-1] = replace(last, caption=block.text)
        else:
            made.append(block)
    return made


def _is_caption(block: Block | None) -> TypeGuard[Paragraph]:
    return (
        isinstance(block, Paragraph)
        and block.kind == "caption"
        and not block.text.lower().startswith("fig")
    )


def _read_vocabulary(lines: Sequence[Line]) -> Vocabulary:
    hyphenated: set[str] = set()
    words: set[str] = set()
    ends = spaces = 0
    for line in lines:
        text = line.text
        hyphenated.update(word.casefold() for word in _HYPHENATED.findall(text))
        if is_hangul(text[-1:] or " "):
            words.update(_KOREAN_WORD.findall(text))
            ends += 1
            spaces += line.spaced
    return Vocabulary(
        frozenset(hyphenated), frozenset(words), ends >= _MIN_HANGUL_LINES and 0 < spaces < ends
    )


def _usual_leading(lines: Sequence[Line]) -> float:
    """How far lines of text stand apart, in points."""
    apart: Counter[float] = Counter()
    for last, line in pairwise(lines):
        if last.page == line.page and 0 < last.y - line.y < 2.5 * line.size:
            apart[round(last.y - line.y)] += 1
    usual, times = apart.most_common(1)[0] if apart else (0.0, 0)
    return usual if times >= _MIN_LEADING_LINES else 0.0


def _column(line: Line) -> tuple[int, int]:
    return line.page, round(line.x / 40)


def _right_edges(lines: Sequence[Line]) -> dict[tuple[int, int], float]:
    """Where the lines of each column end, by page and by where they begin."""
    edges: dict[tuple[int, int], float] = {}
    for line in lines:
        if len(line.cells) == 1:
            edges[_column(line)] = max(edges.get(_column(line), 0.0), line.end)
    return edges
