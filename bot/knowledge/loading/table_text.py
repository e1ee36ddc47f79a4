"""Converts the rows of sheets and CSV files to blocks: captions, and tables with their header.

Also labels the rows of Markdown tables, so that each passage stands alone: one out of the middle of
a long table would otherwise be numbers without their meaning.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import count

from bot.skills.document_loader import MAX_CHARACTERS, TooLong
from bot.skills.document_tree import Block, Paragraph, Place, Table

Row = Sequence[str]

_VALUE = re.compile(
    r"[-+−–~<>≤≥±]?\s*+(?:[€$£¥]\s*+)?\d[\d\s.,:/’'T-]*+(?:%|[^\W\d_]{1,3}|[€$£¥]|°[CFK]?)?"
)
_YEAR = re.compile(r"(?:19|20)\d\d")
_MAX_COLUMN_NAME_CHARACTERS = 80
"""Most characters of a column's name."""
_SAMPLED_ROWS = 12
_MAX_CAPTION_LINES = 3
_MAX_CAPTION_CHARACTERS = 160
"""Most characters of a line that is the caption of the table below it."""
_MAX_HEADER_ROWS = 2


@dataclass(slots=True)
class _Rows:
    """Rows that stand together, without blank ones, and the place of each."""

    cells: list[list[str]] = field(default_factory=list)
    places: list[Place] = field(default_factory=list)

    def split(self, at: int) -> tuple[_Rows, _Rows]:
        return (
            _Rows(self.cells[:at], self.places[:at]),
            _Rows(self.cells[at:], self.places[at:]),
        )

    def extend(self, other: _Rows) -> None:
        self.cells += other.cells
        self.places += other.places


@dataclass(slots=True)
class _OpenTable:
    """A table that may go on below a blank row."""

    header: _Rows
    body: _Rows
    caption: str
    values: frozenset[int]
    """The columns that have numbers or dates."""
    name_lengths: list[int]

    @property
    def width(self) -> int:
        return max(map(len, self.header.cells))

    def close(self) -> Table:
        places = (*self.header.places, *self.body.places)
        return Table(
            tuple(map(tuple, (*self.header.cells, *self.body.cells))),
            header_rows=len(self.header.cells),
            caption=self.caption,
            place=places[0],
            places=places,
        )


def label_row(header: Row, row: Row) -> str:
    """Formats one row as `Town: Basel; Trams: 13`. Empty cells are left out."""
    cells = []
    for at, cell in enumerate(row):
        value = " ".join(cell.split())
        if value:
            column = " ".join(header[at].split()) if at < len(header) else ""
            cells.append(f"{column}: {value}" if column else value)
    return "; ".join(cells)


def rows_to_blocks(rows: Iterable[Row], places: Iterable[Place] | None = None) -> tuple[Block, ...]:
    """Converts the rows of a sheet, of which each has its place, to paragraphs and tables.

    Blank rows separate tables from each other, a header from its rows, or nothing at all: what the
    rows say decides. Lines above a table are its caption. Without `places` rows count from 1.
    Raises `TooLong` where the rows, each cell with the name of its column, are too long.
    """
    sheet = _Sheet()
    for together in _split_rows(
        rows, (Place(row=n) for n in count(1)) if places is None else places
    ):
        sheet.add(together)
    return sheet.close()


def make_table(rows: Sequence[Row], header_rows: int = 0) -> list[Block]:
    """Makes one table of rows that are known to be one: lines above its header are its caption.

    Without `header_rows` what the rows say decides on the header.
    """
    cells = [[cell.strip() for cell in row] for row in rows]
    cells = [row for row in cells if any(row)]
    if not cells:
        return []
    above = 0 if header_rows else _count_captions(cells)
    if above == len(cells):
        above = 0
    table = cells[above:]
    height = min(header_rows, len(table)) or _header_height(table)
    caption = "\n".join(_join_cells(row) for row in cells[:above])
    table[:height] = _fill_groups(table[:height]) if height == _MAX_HEADER_ROWS else table[:height]
    return [Table(tuple(map(tuple, table)), height, caption)]


class _Sheet:
    """The blocks of a sheet that is read from top to bottom."""

    def __init__(self) -> None:
        self._made: list[Block | _OpenTable] = []
        self._table: _OpenTable | None = None
        self._captions = _Rows()
        self._held = _Rows()
        """Rows without a value, which may be the header of those below the next blank row."""
        self._left = MAX_CHARACTERS

    def add(self, rows: _Rows) -> None:
        captions, rows = rows.split(_count_captions(rows.cells))
        if rows.cells and self._held.cells and _is_header_of(self._held.cells, rows.cells):
            if captions.cells:  # a line between the header and its rows
                self._captions.extend(captions)
            self._start(self._held, rows)
            self._held = _Rows()
            return
        self._release()
        self._captions.extend(captions)
        if not rows.cells:
            return
        if self._table is not None and _continues_table(self._table, rows.cells):
            self._continue(self._table, rows)
        elif len(rows.cells) <= _MAX_HEADER_ROWS and not any(map(_has_value, rows.cells)):
            self._held = rows
        else:
            self._add_table(rows)

    def close(self) -> tuple[Block, ...]:
        self._release()
        self._put_captions()
        return tuple(one.close() if isinstance(one, _OpenTable) else one for one in self._made)

    def _release(self) -> None:
        held, self._held = self._held, _Rows()
        if held.cells:
            self._add_table(held)

    def _add_table(self, rows: _Rows) -> None:
        height = _header_height(rows.cells)
        if height:
            self._start(*rows.split(height))
        elif len(rows.cells) > 1:
            self._start(_Rows(), rows)
            self._table = None
        else:
            self._put_captions()
            self._put(_join_cells(rows.cells[0]), rows.places[0])

    def _start(self, header: _Rows, body: _Rows) -> None:
        header.cells = _fill_groups(header.cells)
        lengths = _name_lengths(header.cells)
        self._charge(body, lengths)
        values = _value_columns(body.cells[:_SAMPLED_ROWS])
        self._table = _OpenTable(header, body, self._take_caption(), values, lengths)
        self._made.append(self._table)

    def _continue(self, table: _OpenTable, rows: _Rows) -> None:
        if self._captions.cells:
            self._start(_Rows(list(table.header.cells), list(table.header.places)), rows)
            return
        self._charge(rows, table.name_lengths)
        table.body.extend(rows)

    def _take_caption(self) -> str:
        """The lines just above a table; what stands above those is text."""
        lines = [_join_cells(row) for row in self._captions.cells]
        at = len(lines)
        while (
            at
            and len(lines) - at < _MAX_CAPTION_LINES
            and len(lines[at - 1]) <= (_MAX_CAPTION_CHARACTERS)
        ):
            at -= 1
        above, _ = self._captions.split(at)
        self._captions = above
        self._put_captions()
        return "\n".join(lines[at:])

    def _put_captions(self) -> None:
        captions, self._captions = self._captions, _Rows()
        for row, place in zip(captions.cells, captions.places, strict=True):
            self._put(_join_cells(row), place)

    def _put(self, text: str, place: Place) -> None:
        self._spend(len(text))
        self._made.append(Paragraph(text, place=place))

    def _charge(self, rows: _Rows, names: list[int]) -> None:
        """What the rows come to when each cell says the name of its column."""
        self._spend(sum(names))
        for row in rows.cells:
            self._spend(sum(map(len, row)))
            self._spend(sum(name for name, cell in zip(names, row, strict=False) if cell))

    def _spend(self, characters: int) -> None:
        self._left -= characters
        if self._left < 0:
            raise TooLong


def _split_rows(rows: Iterable[Row], places: Iterable[Place]) -> Iterator[_Rows]:
    """Rows between blank ones, without the empty cells at their ends."""
    together = _Rows()
    for row, place in zip(rows, places, strict=False):
        cells = [cell.strip() for cell in row]
        while cells and not cells[-1]:
            cells.pop()
        if cells:
            together.cells.append(cells)
            together.places.append(place)
        elif together.cells:
            yield together
            together = _Rows()
    if together.cells:
        yield together


def _count_captions(rows: Sequence[Row]) -> int:
    """How many rows stand above the table: those of one cell, or of one text over several."""
    left = min(next(at for at, cell in enumerate(row) if cell) for row in rows)
    return next(
        (at for at, row in enumerate(rows) if not _is_caption(row, left)),
        len(rows),
    )


def _is_caption(row: Row, left: int) -> bool:
    filled = [cell for cell in row if cell]
    if len(filled) < 2:
        return True
    return bool(row[left]) and len(set(filled)) == 1 and not _is_value(filled[0])


def _header_height(rows: Sequence[Row]) -> int:
    """How many of the first rows name the columns of those below: 0, 1 or 2."""
    if len(rows) > 2 and _is_header_of(rows[:2], rows[2:]) and _is_group_row(*rows[:2]):
        return 2
    return int(len(rows) > 1 and _names_columns(rows[0], rows[1 : 1 + _SAMPLED_ROWS]))


def _is_header_of(header: Sequence[Row], rows: Sequence[Row]) -> bool:
    """Whether rows without a value name the columns of others that have some from the first on."""
    if not _has_value(rows[0]) or any(map(_has_value, header)):
        return False
    if len(header) > 1 and not _is_group_row(*header):
        return False
    width = max(map(len, header))
    filled = _fill_groups(header)
    names = [" ".join(row[at] for row in filled if at < len(row)).strip() for at in range(width)]
    return _names_columns(names, rows[:_SAMPLED_ROWS])


def _is_group_row(first: Row, second: Row) -> bool:
    """Whether a row groups the columns that the one below it names: `2023` over `Q1` and `Q2`."""
    groups = [cell for cell in first if cell]
    names = [cell for cell in second if cell]
    return (
        len(set(names)) < len(names) or len(set(groups)) < len(groups) or len(groups) < len(names)
    ) and max(map(len, (*groups, *names))) <= _MAX_COLUMN_NAME_CHARACTERS


def _fill_groups(header: Sequence[Row]) -> list[list[str]]:
    """Two header rows, of which the first names groups: each name over all its columns."""
    if len(header) < 2:
        return [list(row) for row in header]
    groups, names = list(header[0]), list(header[1])
    groups += [""] * (len(names) - len(groups))
    for at in range(1, len(names)):
        above_names = names[at] and not groups[at] and names[at - 1]
        if above_names and groups[at - 1]:
            groups[at] = groups[at - 1]
    return [groups, names]


def _name_lengths(header: Sequence[Row]) -> list[int]:
    """The length of each column's name."""
    lengths = [0] * max(map(len, (*header, ())))
    for row in header:
        for at, cell in enumerate(row):
            lengths[at] += len(cell) + 1
    return lengths


def _names_columns(first: Row, rest: Sequence[Row]) -> bool:
    """Whether a row is the header of those below it."""
    names = [cell for cell in first if cell]
    return (
        len(set(names)) == len(names)
        and len(names) >= 0.6 * max(map(_count_filled, rest))
        and not any(_is_value(cell) for cell in names)
        and any(not _YEAR.fullmatch(cell) for cell in names)
        and max(map(len, names)) <= _MAX_COLUMN_NAME_CHARACTERS
    )


def _continues_table(before: _OpenTable, table: Sequence[Row]) -> bool:
    """Whether rows after a blank one belong to the table above it: they have its columns, values
    where it has some, and no header of their own."""
    if max(map(len, table)) > before.width:
        return False
    if not before.values:
        full = max(map(_count_filled, before.header.cells))
        return len(table) == 1 and _count_filled(table[0]) == full
    return any(_is_value(table[0][at]) for at in before.values if at < len(table[0]))


def _value_columns(rows: Sequence[Row]) -> frozenset[int]:
    return frozenset(at for row in rows for at, cell in enumerate(row) if _is_value(cell))


def _join_cells(row: Row) -> str:
    cells = [" ".join(cell.split()) for cell in row if cell]
    if len(cells) > 1 and len(set(cells)) == 1 and not _is_value(cells[0]):
        return cells[0]
    if len(cells) == 2 and not _is_value(cells[0]) and not cells[0].endswith(":"):
        return ": ".join(cells)
    return "; ".join(cells)


def _has_value(row: Row) -> bool:
    return any(map(_is_value, row))


def _is_value(cell: str) -> bool:
    return bool(_VALUE.fullmatch(cell)) and not _YEAR.fullmatch(cell)


def _count_filled(row: Row) -> int:
    return sum(1 for cell in row if cell)
