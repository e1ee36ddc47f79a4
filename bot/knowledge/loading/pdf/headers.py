"""Tells how many of the first rows of a table in a PDF name its columns."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from itertools import pairwise

_MIN_ROWS = 3
_MAX_HEADER_ROWS = 3
_SAMPLED_ROWS = 12
_VALUE = re.compile(
    r"[-+−–~<>≤≥±(]?\s*+(?:[€$£¥]\s*+)?\d[\d\s.,:/’'%-]*+(?:\s?(?:%|[^\W\d_]{1,3}[²³]?|[€$£¥]))?\)?|[-–—]|n/?a",
    re.IGNORECASE,
)
_YEAR = re.compile(r"(?:19|20)\d\d(?:[/–-]\d\d(?:\d\d)?)?")


def is_value(text: str) -> bool:
    """Whether a cell has a number, a date or a sum, and no name of a column."""
    return len(text) <= 30 and bool(_VALUE.fullmatch(text.strip()))


def count_header_rows(rows: Sequence[Sequence[str]], bold: Sequence[bool]) -> int:
    """How many of the first rows name the columns; 0 where the first one has values already."""
    if len(rows) < 2:
        return 0
    heavy = next((at for at, one in enumerate(bold) if not one), len(bold))
    heavy = heavy if heavy < min(len(rows), _MAX_HEADER_ROWS + 1) else 0
    body = rows[max(1, len(rows) - _SAMPLED_ROWS) :]
    width = range(len(rows[0]))
    values = [at for at in width[1:] if _mostly(is_value, body, at)]
    values = values or [at for at in width if _mostly(is_value, body, at)]
    if values:
        years = {at for at in values if _mostly(_is_year, body, at)}
        units = {at for at in values if _mostly(_has_letter, body, at)}

        def has_values(at: int, cell: str) -> bool:
            if not is_value(cell) or (_is_year(cell) and at not in years):
                return False
            return at in units or not _has_letter(cell)

        return max(heavy, _leading_rows(rows, has_values, values, sure=True))
    coded = [at for at in width if _mostly(_has_digit, body, at)]
    if coded:
        return max(heavy, _leading_rows(rows, lambda _, cell: _has_digit(cell), coded))
    if heavy:
        return heavy
    first = rows[0]
    labels = first[0].rstrip().endswith(":")
    return int(all(first) and not labels and len(rows) >= _MIN_ROWS and max(map(len, first)) <= 60)


def _leading_rows(
    rows: Sequence[Sequence[str]],
    is_body: Callable[[int, str], bool],
    columns: Sequence[int],
    *,
    sure: bool = False,
) -> int:
    """How many of the first rows are unlike the others in these columns.

    A further one names parts of what the one above names; where values tell the rows of a table for
    `sure`, it may also go on with it.
    """
    count = 0
    for row in rows[: _MAX_HEADER_ROWS + 1]:
        found = [(at, row[at]) for at in columns if at < len(row) and row[at]]
        if not found or 2 * sum(is_body(at, cell) for at, cell in found) >= len(found):
            break
        goes_on = sure and not any(_has_digit(cell) for _, cell in found)
        if count and not goes_on and not _names_parts(rows[count - 1], row):
            break
        count += 1
    return count if count < len(rows) and count <= _MAX_HEADER_ROWS else 0


def _names_parts(above: Sequence[str], row: Sequence[str]) -> bool:
    """Whether a row stands below cells that are merged or empty, or leaves its first one empty."""
    merged = any(one == two for one, two in pairwise(above))
    return merged or not all(above) or not row[0]


def _mostly(says: Callable[[str], bool], rows: Sequence[Sequence[str]], column: int) -> bool:
    found = [row[column] for row in rows if column < len(row) and row[column]]
    return bool(found) and 2 * sum(map(says, found)) > len(found)


def _is_year(text: str) -> bool:
    return bool(_YEAR.fullmatch(text.strip()))


def _has_letter(text: str) -> bool:
    return any(map(str.isalpha, text))


def _has_digit(text: str) -> bool:
    return len(text) <= 30 and any(map(str.isdigit, text))
