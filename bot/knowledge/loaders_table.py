"""CSV: each row with the names of its columns, so that a passage can stand alone."""

from __future__ import annotations

import csv
import io

from bot.errors import Refused
from bot.knowledge.loader import Loaded, Loader
from bot.web.decoding import decode, is_binary

_ROWS = 200_000


def _csv(data: bytes, name: str) -> Loaded:
    if is_binary(data):
        raise Refused(f"{name[:100]} is not text, so there is nothing to read in it.")
    text = decode(data)
    try:
        dialect: type[csv.Dialect] = csv.Sniffer().sniff(text[:20_000], delimiters=",;\t|")
    except csv.Error:
        dialect = csv.excel_tab if name.lower().endswith(".tsv") else csv.excel
    lines: list[str] = []
    try:
        rows = csv.reader(io.StringIO(text), dialect)
        header = [cell.strip() for cell in next(rows, [])]
        for count, row in enumerate(rows):
            if count == _ROWS:
                raise Refused(f"{name[:100]} has more than {_ROWS:,} rows; split it.")
            lines.append(_line(header, row))
    except csv.Error as exc:
        raise Refused(f"{name[:100]} is not a table that can be read: {exc}.") from exc
    body = "\n\n".join(line for line in lines if line)
    return Loaded(body or ", ".join(header))


def _line(header: list[str], row: list[str]) -> str:
    cells = []
    for at, cell in enumerate(row):
        value = " ".join(cell.split())
        if value:
            column = header[at] if at < len(header) else ""
            cells.append(f"{column}: {value}" if column else value)
    return "; ".join(cells)


CSV = Loader(
    "csv",
    frozenset({".csv", ".tsv"}),
    _csv,
    frozenset({"text/csv", "text/tab-separated-values"}),
)
