"""Loads CSV and XLSX as text in which each row names its columns."""

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
from bot.knowledge.loading.table_text import sheet_to_text
from bot.knowledge.loading.zip_safety import open_archive
from bot.skills.document_loader import MAX_CHARACTERS, BoundedText, Loaded, Loader, TooLong
from bot.web.decoding import decode, is_binary

_MAX_ROWS = 200_000
_DELIMITERS = ",;\t|"
_NO_DELIMITER = "\x1f"
"""A mark that no text has: every line is one cell."""
_MAX_SHEET_CELLS = 20_000_000
"""Cells of a sheet that are looked at; those between filled ones count, too."""
_ROW_COST_CELLS = 16
"""Cells that a row counts as beside its own, so that a sheet ends about where programs end it."""
_FORMULA_WITHOUT_VALUE = re.compile(
    rb"(?:</f>|<f[^<>]*/>)\s*+(?:(?:<v\s*+/>|<v>\s*+</v>)\s*+)?</c>"
)
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


def _load_xlsx(data: bytes, name: str) -> Loaded:
    archive = open_archive(data, name, "an XLSX")
    from openpyxl import load_workbook  # type: ignore[import-untyped]

    opened = partial(load_workbook, io.BytesIO(data), read_only=True, keep_links=False)
    try:
        book = opened(data_only=True)
        alone = _has_formulas_without_values(archive)
        formulas = opened(data_only=False).worksheets if alone else repeat(None)
        parts = BoundedText()
        for sheet, written in zip(book.worksheets, formulas, strict=False):
            text = sheet_to_text(
                _limit_rows(_drop_blank_rows(_sheet_rows(sheet, written), name), name)
            )
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


def _has_formulas_without_values(archive: ZipFile) -> bool:
    """Whether a formula has no value: programs that only write a workbook calculate nothing."""
    for member in archive.infolist():
        if member.filename.startswith("xl/worksheets/"):
            with archive.open(member) as stream:
                before = b""
                while piece := stream.read(1024 * 1024):
                    if _FORMULA_WITHOUT_VALUE.search(before + piece):
                        return True
                    before = piece[-64:]
    return False


def _sheet_rows(sheet: Any, written: Any) -> Iterator[list[str]]:
    """The rows of a sheet; a formula without a value is shown itself, from the same sheet as it was
    `written`."""
    sheet.reset_dimensions()  # a file may say that it has more cells than it has
    if written is None:
        for row in sheet.iter_rows():
            yield [_format_cell(cell.value, cell.number_format) for cell in row]
        return
    written.reset_dimensions()
    for row, other in zip(sheet.iter_rows(), written.iter_rows(), strict=True):
        yield [
            _format_cell(
                _formula(as_written.value) if cell.value is None else cell.value, cell.number_format
            )
            for cell, as_written in zip(row, other, strict=True)
        ]


def _drop_blank_rows(rows: Iterator[list[str]], name: str) -> Iterator[list[str]]:
    """The rows with one empty one, at most, between those that say something: a sheet may have its
    only cell in its last row. Raises `Refused` where empty places alone would take minutes."""
    places = 0
    blank = False
    for row in rows:
        places += _ROW_COST_CELLS + len(row)
        if places > _MAX_SHEET_CELLS:
            raise Refused(
                f"{name[:100]} has more than {_MAX_SHEET_CELLS:,} cells, empty ones too; split it."
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


def _format_cell(value: Any, form: Any) -> str:
    """A cell about as the program shows it. Dates are ISO, numbers have no needless zeros."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).upper()
    if isinstance(value, int | float):
        if not math.isfinite(value):
            return str(value)
        percent = isinstance(form, str) and form.rstrip().endswith("%")
        return f"{value * 100:.10g} %" if percent else _format_number(value)
    if isinstance(value, datetime):
        return str(value.date() if value.time() == time() else value.replace(microsecond=0))
    if isinstance(value, date):
        return value.isoformat()
    return " ".join(str(value).split())


def _format_number(value: float) -> str:
    return str(int(value)) if value == int(value) else f"{value:.15g}"


CSV = Loader(
    "csv",
    frozenset({".csv", ".tsv"}),
    _load_csv,
    frozenset({"text/csv", "text/tab-separated-values"}),
)
XLSX = Loader(
    "xlsx",
    frozenset({".xlsx"}),
    _load_xlsx,
    frozenset({"application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"}),
)
