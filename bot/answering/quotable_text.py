"""What of a passage can be quoted: its sentences, and the rows of its tables with their header."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import groupby

from bot.knowledge.language.sentences import split_sentences

_CELL_BORDER = re.compile(r"(?<!\\)\|")
_RULE_CELL = re.compile(r":?-+:?")
_BETWEEN_CELLS = " · "


class TableRow(str):
    """A row of a table in one line, each cell with the name of its column."""

    __slots__ = ()


def split_quotable(text: str) -> list[str]:
    """The sentences of a text in its order; a row of a table is a `TableRow`."""
    found: list[str] = []
    for in_table, lines in groupby(text.splitlines(), lambda line: line.lstrip().startswith("|")):
        block = list(lines)
        rows = list(_rows(block)) if in_table else []
        found += rows or split_sentences("\n".join(block))
    return found


def cells_of(line: str) -> list[str]:
    """The cells of a line of a table, those that are not empty; of another line the line itself."""
    cells = (" ".join(cell.replace("\\|", "|").split()) for cell in _CELL_BORDER.split(line))
    return [cell for cell in cells if cell]


def _rows(lines: list[str]) -> Iterator[TableRow]:
    """The rows below a header; none where there is no header."""
    if len(lines) < 3 or not all(map(_RULE_CELL.fullmatch, _all_cells(lines[1]))):
        return
    header = _all_cells(lines[0])
    for line in lines[2:]:
        named = zip(header, _all_cells(line), strict=False)
        cells = [f"{name}: {cell}" if name else cell for name, cell in named if cell]
        if cells:
            yield TableRow(_BETWEEN_CELLS.join(cells))


def _all_cells(line: str) -> list[str]:
    inner = line.strip().removeprefix("|").removesuffix("|")
    return [" ".join(c.replace("\\|", "|").split()) for c in _CELL_BORDER.split(inner)]
