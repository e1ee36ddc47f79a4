"""Rewrites tables of HTML so that Markdown can express them: no spans, one header row.

Markdown knows no cells that span rows or columns, no second row of names and no blocks in a cell.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import takewhile
from typing import Any

_CELLS = ["td", "th"]
_PARTS = ["caption", "thead", "tbody", "tfoot", "colgroup", "col", "tr", "td", "th"]
_BLOCKS = ["pre", "ul", "ol", "dl", "blockquote", "h1", "h2", "h3", "h4", "h5", "h6"]
_LAYOUT_CHARACTERS = 400
"""Characters of text in a table of a single row or column that only arranges it, and in tables
within another that is no table of values then."""
_MAX_REPEATED_CHARACTERS = 200
"""Characters of a cell that is said again in the rows that it spans; a longer one is not."""
_MAX_REPEATED_CELLS = 20_000
"""Cells that are said again, in a whole document: a few bytes could ask for millions."""
_MAX_HEADER_ROWS = 4
_MAX_COLUMNS = 1_000


def normalize_tables(root: Any) -> None:
    """Change the tables under `root` in place. What spans several rows is said again in each."""
    left = _MAX_REPEATED_CELLS
    for table in reversed(root.find_all("table")):  # those within others come first
        rows = [row for row in table.find_all("tr") if row.find_parent("table") is table]
        if _is_layout(table, rows):
            _unwrap(table)
            continue
        for inner in table.find_all("table"):
            inner.replace_with(inner.get_text("; ", strip=True))
        if any(row.find(_CELLS, rowspan=True) for row in rows):
            left -= _fill_row_spans(rows, left)
        _merge_header_rows(table, rows)
        for text in table.find_all(string=lambda found: found is not None and "|" in found):
            text.replace_with(text.replace("|", "\\|"))


def _is_layout(table: Any, rows: Sequence[Any]) -> bool:
    """Whether a table arranges blocks of text, as old pages and letters do."""
    if len(rows) > 1 and any(len(row.find_all(_CELLS, limit=2)) > 1 for row in rows):
        return sum(len(inner.get_text()) for inner in table.find_all("table")) > _LAYOUT_CHARACTERS
    return table.find(["table", *_BLOCKS]) is not None or len(table.get_text()) > _LAYOUT_CHARACTERS


def _unwrap(table: Any) -> None:
    for part in table.find_all(_PARTS):
        if part.find_parent("table") is table:
            part.name = "div"
    table.name = "div"


def _fill_row_spans(rows: Sequence[Any], most: int) -> int:
    """Put the text of cells that span rows into each of them, `most` times at most; returns how
    often it was put."""
    put = 0
    spanning: dict[int, tuple[int, str]] = {}  # by column: rows to come, and the text
    for row in rows:
        above, spanning = spanning, {}
        if put + len(above) > most:
            break
        put += len(above)
        column = 0
        for cell in row.find_all(_CELLS):
            filled = []
            while column in above:
                filled.append(_cell("td", above[column][1]))
                column += 1
            if filled:  # at once, since each look for the cell's place is a walk along its row
                cell.parent.insert(cell.parent.index(cell), *filled)
            width, height = _span(cell, "colspan"), _span(cell, "rowspan")
            if height > 1:
                text = cell.get_text(" ", strip=True)
                text = text if len(text) <= _MAX_REPEATED_CHARACTERS else ""
                spanning[column] = (height - 1, text)
                spanning.update(dict.fromkeys(range(column + 1, column + width), (height - 1, "")))
            column += width
        for at in sorted(at for at in above if at >= column):
            row.append(_cell("td", above[at][1]))
        for at, (height, text) in above.items():
            if height > 1:
                spanning.setdefault(at, (height - 1, text))
    return put


def _merge_header_rows(table: Any, rows: Sequence[Any]) -> None:
    """One row of names where a table has several, or names that span columns; a title that stands
    in a row of its own comes before the table."""
    head = list(takewhile(_is_head, rows[:_MAX_HEADER_ROWS]))
    if len(head) == len(rows) or not (len(head) > 1 or any(row.find(colspan=True) for row in head)):
        return
    names: list[list[str]] = []
    for row in head:
        cells = row.find_all(_CELLS)
        texts = [cell.get_text(" ", strip=True) for cell in cells]
        if len(cells) == 1 and len(head) > 1:
            table.insert_before(_cell("p", texts[0]))
        else:
            widths = [_span(cell, "colspan") for cell in cells]
            names.append([t for t, wide in zip(texts, widths, strict=True) for _ in range(wide)])
    columns = max(map(len, names), default=0)
    if not 0 < columns <= _MAX_COLUMNS:
        return
    first = head[0]
    first.clear()
    for at in range(columns):
        parts = dict.fromkeys(row[at] for row in names if at < len(row))
        first.append(_cell("th", " ".join(filter(None, parts))))
    for row in head[1:]:
        row.decompose()


def _is_head(row: Any) -> bool:
    return row.parent.name == "thead" or (row.find("th") is not None and row.find("td") is None)


def _cell(name: str, text: str) -> Any:
    from bs4 import Tag

    made = Tag(name=name)
    made.string = text
    return made


def _span(cell: Any, direction: str) -> int:
    given = str(cell.get(direction, "")).strip()
    return min(max(int(given), 1), _MAX_COLUMNS) if given.isdecimal() and len(given) < 9 else 1
