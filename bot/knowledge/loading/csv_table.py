"""Loads CSV and TSV as tables whose rows know their numbers."""

from __future__ import annotations

import csv
import io
import re
from collections import Counter
from collections.abc import Iterator
from itertools import islice

from bot.catalogue.sentence import say
from bot.errors import Refused
from bot.knowledge.loading.table_text import rows_to_blocks
from bot.skills.document_loader import MAX_CHARACTERS, Loaded, TooLong
from bot.web.decoding import decode, is_binary

_MAX_ROWS = 200_000
_DELIMITERS = ";\t|,"
"""In a doubt a comma is one of a number."""
_NO_DELIMITER = "\x1f"
"""A mark that no text has: every line is one cell."""
_QUOTED = re.compile(r'"[^"]*"')
_DECLARED_DELIMITER = re.compile(r'"?sep=([^\r\n"])"?[ \t]*+(?:\r\n?|\n|\Z)', re.IGNORECASE)
"""The first line of a file that tells Excel what separates the cells."""
_SAMPLED_ROWS = 50


def load_csv(data: bytes, name: str) -> Loaded:
    if is_binary(data):
        raise Refused(
            say("{name} is not text, so there is nothing to read in it.", name=name[:100])
        )
    text = decode(data).lstrip("\ufeff")
    declared = _DECLARED_DELIMITER.match(text)
    delimiter = declared[1] if declared else _find_delimiter(text, name)
    if declared:
        text = text[declared.end() :]
    rows = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
    try:
        return Loaded(blocks=rows_to_blocks(_tell_columns_apart(_limit_rows(rows, name))))
    except csv.Error as exc:
        raise Refused(
            say(
                "{name} has a cell of more than {limit:,} characters; "
                "see whether a quotation mark is missing.",
                name=name[:100],
                limit=csv.field_size_limit(),
            )
        ) from exc


def _find_delimiter(text: str, name: str) -> str:
    """What separates the cells: the first mark that stands equally often in all lines, or the one
    that does so in most."""
    if name.lower().endswith(".tsv"):
        return "\t"
    lines = [line for line in _QUOTED.sub("", text[:20_000]).splitlines()[:200] if line.strip()]
    if len(text) > 20_000:
        lines = lines[:-1] or lines  # the last one is cut
    best, most = _NO_DELIMITER, 0
    for mark in _DELIMITERS:
        counts = Counter(line.count(mark) for line in lines if mark in line)
        usual, agreeing = counts.most_common(1)[0] if counts else (0, 0)
        if agreeing == len(lines) > 1:
            return mark
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
            raise Refused(
                say(
                    "{name} has more than {limit:,} rows; split it.",
                    name=name[:100],
                    limit=_MAX_ROWS,
                )
            )
        yield row


def _tell_columns_apart(rows: Iterator[list[str]]) -> Iterator[list[str]]:
    """The rows with columns of one name numbered: `Name`, `Name (2)`.

    A first row whose words stand below it, too, is none of names.
    """
    sample = list(islice(rows, _SAMPLED_ROWS))
    if sample and len(sample) > 1:
        first = [cell.strip() for cell in sample[0]]
        below = {(at, cell.strip()) for row in sample[1:] for at, cell in enumerate(row)}
        counts = Counter(filter(None, first))
        doubled = [at for at, cell in enumerate(first) if counts[cell] > 1]
        if not any(_has_digit_first(cell) or (at, cell) in below for at, cell in enumerate(first)):
            seen: Counter[str] = Counter()
            for at in doubled:
                seen[first[at]] += 1
                if seen[first[at]] > 1:
                    sample[0][at] = f"{first[at]} ({seen[first[at]]})"
    yield from sample
    yield from rows


def _has_digit_first(cell: str) -> bool:
    return cell[:1].isdigit()
