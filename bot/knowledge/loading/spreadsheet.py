"""Loads CSV as text in which each row names its columns."""

from __future__ import annotations

import csv
import io
import re
from collections import Counter
from collections.abc import Iterator

from bot.errors import Refused
from bot.knowledge.loading.table_text import sheet_to_text
from bot.skills.document_loader import MAX_CHARACTERS, Loaded, Loader, TooLong
from bot.web.decoding import decode, is_binary

_MAX_ROWS = 200_000
_DELIMITERS = ",;\t|"
_NO_DELIMITER = "\x1f"
"""A mark that no text has: every line is one cell."""
_QUOTED = re.compile(r'"[^"]*"')


def _load_csv(data: bytes, name: str) -> Loaded:
    if is_binary(data):
        raise Refused(f"{name[:100]} is not text, so there is nothing to read in it.")
    text = decode(data)
    rows = csv.reader(io.StringIO(text, newline=""), delimiter=_find_delimiter(text, name))
    try:
        return Loaded(sheet_to_text(_limit_rows(rows, name)))
    except csv.Error as exc:
        raise Refused(
            f"{name[:100]} has a cell of more than {csv.field_size_limit():,} characters; see "
            "whether a quotation mark is missing."
        ) from exc


def _find_delimiter(text: str, name: str) -> str:
    """What separates the cells: the mark that stands equally often in most lines."""
    if name.lower().endswith(".tsv"):
        return "\t"
    lines = [line for line in _QUOTED.sub("", text[:20_000]).splitlines()[:200] if line.strip()]
    best, most = _NO_DELIMITER, 0
    for mark in _DELIMITERS:
        counts = Counter(line.count(mark) for line in lines if mark in line)
        usual, agreeing = counts.most_common(1)[0] if counts else (0, 0)
        if agreeing * 2 >= len(lines) and agreeing * usual > most:
            best, most = mark, agreeing * usual
    return best


def _limit_rows(rows: Iterator[list[str]], name: str) -> Iterator[list[str]]:
    left = MAX_CHARACTERS
    for count, row in enumerate(rows):
        left -= sum(map(len, row))
        if left < 0:
            raise TooLong(name)
        if count > _MAX_ROWS:
            raise Refused(f"{name[:100]} has more than {_MAX_ROWS:,} rows; split it.")
        yield row


CSV = Loader(
    "csv",
    frozenset({".csv", ".tsv"}),
    _load_csv,
    frozenset({"text/csv", "text/tab-separated-values"}),
)
