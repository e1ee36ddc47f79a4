"""Reads the tables of HTML: those of values, those that arrange blocks, those within a cell."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import partial
from typing import Any, Literal

from bot.web.block_sink import BlockSink, Exit
from bot.web.list_markers import read_number
from bot.web.table_grid import Cell, GridBudget, Row, make_table

_ALL_ROWS = 1_000_000


@dataclass(slots=True)
class _OpenTable:
    """A table that is being read: for its values, as an arrangement of blocks, or as lines of the
    cell around it."""

    kind: Literal["values", "layout", "flat"]
    in_head: bool = False
    rows: list[Row] = field(default_factory=list)
    caption: list[str] = field(default_factory=list)


class TableReader:
    """Takes the parts of tables, and puts each table into `sink` at its end.

    `flush` writes the line that is being read.
    """

    def __init__(self, sink: BlockSink, layout_tables: set[Any], flush: Exit) -> None:
        self._sink = sink
        self._layout_tables = layout_tables
        self._flush = flush
        self._open: list[_OpenTable] = []
        self._budget = GridBudget()

    @property
    def is_flat(self) -> bool:
        """Whether the table around this place is a part of a cell."""
        return bool(self._open) and self._open[-1].kind == "flat"

    def note_plain_text(self) -> None:
        """Take note that the cell around this place has text that is not bold."""
        if self._open and self._sink.cells:
            rows = self._open[-1].rows
            if rows and rows[-1].cells:
                rows[-1].cells[-1].is_bold = False

    def enter(self, element: Any, tag: str) -> Exit:
        """Take the beginning of an element that may be a part of a table."""
        if tag == "table":
            return self._enter_table(element)
        table = self._open[-1] if self._open else None
        if table is None or table.kind != "values" or self._sink.cells:
            return self._flush
        if tag == "tr":
            table.rows.append(Row(table.in_head))
        elif tag == "thead":
            table.in_head = True
            return partial(setattr, table, "in_head", False)
        elif tag == "caption":
            return self._enter_lines(table.caption)
        elif tag in ("td", "th"):
            return self._enter_cell(element, table)
        return self._flush

    def _enter_table(self, element: Any) -> Exit:
        kind: Literal["values", "layout", "flat"] = "flat"
        if not self._sink.cells:
            kind = "layout" if element in self._layout_tables else "values"
        self._open.append(_OpenTable(kind))
        return self._leave_table

    def _leave_table(self) -> None:
        self._flush()
        read = self._open.pop()
        if read.kind == "values":
            caption = " ".join(" ".join(read.caption).split())
            table = make_table(read.rows, caption, self._budget)
            if table is not None:
                self._sink.put(table)

    def _enter_cell(self, element: Any, table: _OpenTable) -> Exit:
        if not table.rows:
            table.rows.append(Row())
        columns, rows = (read_number(element.get(name), 1) for name in ("colspan", "rowspan"))
        is_header = element.tag == "th" or element.get("role") == "columnheader"
        cell = Cell(max(1, columns), rows if rows > 0 else _ALL_ROWS, is_header, is_bold=True)
        table.rows[-1].cells.append(cell)
        return self._enter_lines(cell.lines)

    def _enter_lines(self, lines: list[str]) -> Exit:
        self._sink.cells.append(lines)
        return self._leave_lines

    def _leave_lines(self) -> None:
        self._flush()
        self._sink.cells.pop()
