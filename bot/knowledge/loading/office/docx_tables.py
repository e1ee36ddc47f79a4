"""Reads the tables of a DOCX: a merged cell's text stands in every cell that it covers."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from xml.etree.ElementTree import Element

from bot.knowledge.loading.block_text import block_text
from bot.knowledge.loading.office.docx_numbers import W, is_on, value, whole
from bot.knowledge.loading.table_text import make_table
from bot.skills.document_tree import Block

_MAX_COLUMNS = 63
"""Columns that Word allows."""
_WRAPPERS = frozenset(f"{W}{name}" for name in ("sdt", "sdtContent", "customXml", "ins", "moveTo"))

ReadCell = Callable[[Element], list[Block]]


def read_table(table: Element, read_cell: ReadCell, spend: Callable[[int], None]) -> list[Block]:
    """The table as a block; what stands in one of a single column, block by block."""
    rows: list[list[str]] = []
    alone: list[Block] = []
    headers = 0
    for row in _parts(table, f"{W}tr"):
        look = row.find(f"{W}trPr")
        if look is not None and look.find(f"{W}del") is not None:
            continue
        cells, blocks = _read_row(row, look, rows[-1] if rows else [], read_cell)
        spend(sum(map(len, cells)))
        alone += blocks
        rows.append(cells)
        if look is not None and is_on(look.find(f"{W}tblHeader")) and headers == len(rows) - 1:
            headers += 1
    if max(map(len, rows), default=0) < 2:
        return alone
    return make_table(rows, headers)


def _read_row(
    row: Element, look: Element | None, above: list[str], read_cell: ReadCell
) -> tuple[list[str], list[Block]]:
    cells = [""] * _columns(look, "gridBefore", 0)
    found: list[Block] = []
    for cell in _parts(row, f"{W}tc"):
        shape = cell.find(f"{W}tcPr")
        if shape is not None and shape.find(f"{W}cellDel") is not None:
            continue
        blocks = read_cell(cell)
        found += blocks
        text = "\n".join(filter(None, map(block_text, blocks)))
        at = len(cells)
        if _goes_on(shape, "vMerge") and at < len(above):
            text = text or above[at]
        if _goes_on(shape, "hMerge") and cells:
            text = text or cells[-1]
        cells += [text] * max(1, _columns(shape, "gridSpan", 1))
    return cells, found


def _parts(element: Element, tag: str) -> Iterator[Element]:
    """The rows of a table or cells of a row, also within controls and marks of changes."""
    for child in element:
        if child.tag == tag:
            yield child
        elif child.tag in _WRAPPERS:
            yield from _parts(child, tag)


def _goes_on(look: Element | None, name: str) -> bool:
    """Whether a cell goes on with the one above it or beside it."""
    merged = None if look is None else look.find(f"{W}{name}")
    return merged is not None and merged.get(f"{W}val", "continue") == "continue"


def _columns(look: Element | None, name: str, otherwise: int) -> int:
    return min(whole(value(look, name), otherwise), _MAX_COLUMNS)
