"""Reads the tables of reStructuredText that are written as lists or as CSV."""

from __future__ import annotations

import csv
import re
from collections.abc import Sequence
from itertools import takewhile

from bot.knowledge.loading.markup.lines import indent_of

_OPTION = re.compile(r"\s+:([\w-]+):[ \t]*(.*)")
_CELL = re.compile(r"(\s*+(?:\*\s++)?)-(?:\s++(.*+))?")
_DELIMITERS = {"tab": "\t", "space": " "}
_MAX_HEADER_ROWS = 9


def read_listed_table(name: str, body: Sequence[str]) -> tuple[list[list[str]], int]:
    """The rows of a `list-table` or `csv-table`, and how many are its header."""
    found = list(takewhile(bool, map(_OPTION.match, body)))
    options = {one[1]: one[2].strip() for one in found if one}
    lines = body[len(found) :]
    named = options.get("header-rows", "")
    header = int(named) if named in map(str, range(_MAX_HEADER_ROWS + 1)) else 0
    if name == "list-table":
        return _read_list(lines), header
    first = [options["header"]] if options.get("header") else []
    text = [*first, *(line.strip() for line in lines if line.strip())]
    mark = options.get("delim", ",")
    mark = _DELIMITERS.get(mark, mark[:1] or ",")
    try:
        return list(csv.reader(text, delimiter=mark, skipinitialspace=True)), header + len(first)
    except csv.Error:
        return [[line] for line in text], 0


def _read_list(lines: Sequence[str]) -> list[list[str]]:
    """The rows of a list of lists; what is indented more than a cell's mark goes on with it."""
    rows: list[list[str]] = []
    margin = 0
    for line in lines:
        cell = _CELL.fullmatch(line)
        begins = cell is not None and "*" in cell[1]
        if cell is not None and (begins or (rows and len(cell[1]) == margin)):
            if begins:
                rows.append([])
                margin = len(cell[1])
            rows[-1].append(cell[2] or "")
        elif rows and line.strip() and indent_of(line) > margin:
            rows[-1][-1] = f"{rows[-1][-1]} {line.strip()}".strip()
    return rows
