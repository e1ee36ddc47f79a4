"""CSV and XLSX: each row with the names of its columns."""

from __future__ import annotations

import csv
import io
import math
import re
from collections import Counter
from collections.abc import Iterator
from datetime import date, datetime, time
from functools import partial
from itertools import repeat
from typing import Any
from zipfile import ZipFile

from bot.errors import Refused
from bot.knowledge.loading.table_text import readable
from bot.knowledge.loading.zip_safety import open_archive
from bot.skills.document_loader import MAX_CHARACTERS, BoundedText, Loaded, Loader, TooLong
from bot.web.decoding import decode, is_binary

_ROWS = 200_000
_DELIMITERS = ",;\t|"
_NONE = "\x1f"
"""A mark that no text has: every line is one cell."""
_PLACES = 20_000_000
"""Cells of a sheet that are looked at; those between filled ones count, too."""
_ROW = 16
"""Cells that a row counts as beside its own, so that a sheet ends about where programs end it."""
_ALONE = re.compile(rb"(?:</f>|<f[^<>]*/>)\s*+(?:(?:<v\s*+/>|<v>\s*+</v>)\s*+)?</c>")
_QUOTED = re.compile(r'"[^"]*"')


def _csv(data: bytes, name: str) -> Loaded:
    if is_binary(data):
        raise Refused(f"{name[:100]} is not text, so there is nothing to read in it.")
    text = decode(data)
    rows = csv.reader(io.StringIO(text, newline=""), delimiter=_delimiter(text, name))
    try:
        return Loaded(readable(_bounded(rows, name)))
    except csv.Error as exc:
        raise Refused(
            f"{name[:100]} has a cell of more than {csv.field_size_limit():,} characters; see "
            "whether a quotation mark is missing."
        ) from exc


def _delimiter(text: str, name: str) -> str:
    """What separates the cells: the mark that stands equally often in most lines."""
    if name.lower().endswith(".tsv"):
        return "\t"
    lines = [line for line in _QUOTED.sub("", text[:20_000]).splitlines()[:200] if line.strip()]
    best, most = _NONE, 0
    for mark in _DELIMITERS:
        counts = Counter(line.count(mark) for line in lines if mark in line)
        usual, agreeing = counts.most_common(1)[0] if counts else (0, 0)
        if agreeing * 2 >= len(lines) and agreeing * usual > most:
            best, most = mark, agreeing * usual
    return best


def _bounded(rows: Iterator[list[str]], name: str) -> Iterator[list[str]]:
    left = MAX_CHARACTERS
    for count, row in enumerate(rows):
        left -= sum(map(len, row))
        if left < 0:
            raise TooLong(name)
        if count > _ROWS:
            raise Refused(f"{name[:100]} has more than {_ROWS:,} rows; split it.")
        yield row


def _xlsx(data: bytes, name: str) -> Loaded:
    archive = open_archive(data, name, "an XLSX")
    from openpyxl import load_workbook  # type: ignore[import-untyped]

    opened = partial(load_workbook, io.BytesIO(data), read_only=True, keep_links=False)
    try:
        book = opened(data_only=True)
        alone = _has_formulas_alone(archive)
        formulas = opened(data_only=False).worksheets if alone else repeat(None)
        parts = BoundedText()
        for sheet, written in zip(book.worksheets, formulas, strict=False):
            text = readable(_bounded(_filled(_sheet_rows(sheet, written), name), name))
            if text:
                parts.append(f"# {' '.join(sheet.title.split())}\n\n{text}")
        title = " ".join((book.properties.title or "").split())[:200]
    except (Refused, RecursionError, MemoryError):
        raise
    # openpyxl raises whatever its parsers do on a damaged file.
    except Exception as exc:
        raise Refused(f"{name[:100]} is damaged or not an XLSX, and cannot be read.") from exc
    text = parts.join("\n\n")
    if not text:
        raise Refused(f"{name[:100]} has no text.")
    return Loaded(text, title)


def _has_formulas_alone(archive: ZipFile) -> bool:
    """Whether a formula has no value: programs that only write a workbook calculate nothing."""
    for member in archive.infolist():
        if member.filename.startswith("xl/worksheets/"):
            with archive.open(member) as stream:
                before = b""
                while piece := stream.read(1024 * 1024):
                    if _ALONE.search(before + piece):
                        return True
                    before = piece[-64:]
    return False


def _sheet_rows(sheet: Any, written: Any) -> Iterator[list[str]]:
    """The rows of a sheet; a formula without a value is shown itself, from the same sheet as it was
    `written`."""
    sheet.reset_dimensions()  # a file may say that it has more cells than it has
    if written is None:
        for row in sheet.iter_rows():
            yield [_shown(cell.value, cell.number_format) for cell in row]
        return
    written.reset_dimensions()
    for row, other in zip(sheet.iter_rows(), written.iter_rows(), strict=True):
        yield [
            _shown(
                _formula(as_written.value) if cell.value is None else cell.value, cell.number_format
            )
            for cell, as_written in zip(row, other, strict=True)
        ]


def _filled(rows: Iterator[list[str]], name: str) -> Iterator[list[str]]:
    """The rows with one empty one, at most, between those that say something: a sheet may have its
    only cell in its last row. Raises `Refused` where empty places alone would take minutes."""
    places = 0
    blank = False
    for row in rows:
        places += _ROW + len(row)
        if places > _PLACES:
            raise Refused(
                f"{name[:100]} has more than {_PLACES:,} cells, empty ones too; split it."
            )
        if any(row):
            yield row
        elif not blank:
            yield []
        blank = not any(row)


def _formula(value: Any) -> Any:
    """A formula as text: those over several cells come as objects."""
    text = getattr(value, "text", value)
    return text if isinstance(text, str) and len(text) > 1 else None


def _shown(value: Any, form: Any) -> str:
    """A cell about as the program shows it. Dates are ISO, numbers have no needless zeros."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).upper()
    if isinstance(value, int | float):
        if not math.isfinite(value):
            return str(value)
        percent = isinstance(form, str) and form.rstrip().endswith("%")
        return f"{value * 100:.10g} %" if percent else _number(value)
    if isinstance(value, datetime):
        return str(value.date() if value.time() == time() else value.replace(microsecond=0))
    if isinstance(value, date):
        return value.isoformat()
    return " ".join(str(value).split())


def _number(value: float) -> str:
    return str(int(value)) if value == int(value) else f"{value:.15g}"


CSV = Loader(
    "csv",
    frozenset({".csv", ".tsv"}),
    _csv,
    frozenset({"text/csv", "text/tab-separated-values"}),
)
XLSX = Loader(
    "xlsx",
    frozenset({".xlsx"}),
    _xlsx,
    frozenset({"application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"}),
)
