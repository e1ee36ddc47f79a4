"""Writes the values of a row as JSON, and reads them again, each by the type of its column."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any, Final

from sqlalchemy import BigInteger, Boolean, Column, Float, Integer, LargeBinary

from bot.history.tables import Moment
from bot.knowledge.loading.block_frames import pack_blocks, packed_lines, read_blocks

_JSON_COLUMNS: Final = frozenset(
    {"address", "arguments", "cut", "explanation", "kept", "options", "usage"}
)
"""Columns of text that hold JSON."""
_NAMES: Final[Mapping[str, str]] = {"kind": "type"}
"""What a column is called in a line, where it is called otherwise: `kind` says what the line is."""
_MAX_INTEGER: Final = 2**31 - 1
_MAX_BIG_INTEGER: Final = 2**63 - 1


class BadValue(ValueError):
    """A value that its column cannot hold; says which and why."""


def name_in_line(column: str) -> str:
    """The name of a column's value in a line."""
    return _NAMES.get(column, column)


def dump(value: Any) -> str:
    """A value as JSON in one line. Half a surrogate pair, which UTF-8 has not, is escaped."""
    text = json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    try:
        text.encode()
    except UnicodeEncodeError:
        return json.dumps(value, allow_nan=False, separators=(",", ":"))
    return text


def written(column: Column[Any], value: Any) -> Iterator[str]:
    """The pieces of the JSON of a value of a row."""
    if isinstance(column.type, LargeBinary):
        yield from _blocks(value)
    elif value is None:
        yield "null"
    elif isinstance(value, datetime):
        yield dump(value.isoformat())
    elif _is_time(column):
        yield dump(datetime.fromtimestamp(value, UTC).isoformat())
    elif column.name in _JSON_COLUMNS:
        yield dump(json.loads(value))
    else:
        yield dump(value)


def read(column: Column[Any], value: Any) -> Any:
    """The value of a row that a line gives for a column. Raises `BadValue`."""
    if value is None:
        if not column.nullable:
            raise BadValue(f"{name_in_line(column.name)} is missing")
        return None
    found = _read(column, value)
    if found is None:
        raise BadValue(f"{name_in_line(column.name)} is not what belongs there")
    return found


def _read(column: Column[Any], value: Any) -> Any:
    """As `read`; None for a value of another type."""
    kind = column.type
    if isinstance(kind, Moment) or _is_time(column):
        at = _moment(value)
        return at if at is None or isinstance(kind, Moment) else at.timestamp()
    if isinstance(kind, LargeBinary):
        return _packed(value)
    if column.name in _JSON_COLUMNS:
        return dump(value)
    if isinstance(kind, Boolean):
        return value if isinstance(value, bool) else None
    if isinstance(value, bool):
        return None
    if isinstance(kind, Integer):
        most = _MAX_BIG_INTEGER if isinstance(kind, BigInteger) else _MAX_INTEGER
        return value if isinstance(value, int) and abs(value) <= most else None
    if isinstance(kind, Float):
        return float(value) if isinstance(value, int | float) and math.isfinite(value) else None
    return value if isinstance(value, str) and _is_text(value) else None


def _is_time(column: Column[Any]) -> bool:
    """Whether a number is a time: in the tables of the documents each is, in seconds."""
    return isinstance(column.type, Float) and column.table.name.startswith("knowledge_")


def _is_text(value: str) -> bool:
    """Whether the database can hold a text: half a surrogate pair it cannot."""
    try:
        return "\0" not in value and value.encode() is not None
    except UnicodeEncodeError:
        return False


def _moment(value: Any) -> datetime | None:
    try:
        at = datetime.fromisoformat(value)
        return at.astimezone(UTC) if at.tzinfo is not None else None
    except (TypeError, ValueError, OverflowError):
        return None


def _blocks(packed: bytes | None) -> Iterator[str]:
    """A stored document as a JSON array, a block at a time."""
    if packed is None:
        yield "null"
        return
    before = "["
    for line in packed_lines(packed):
        yield before
        before = ","
        try:
            line.encode()
        except UnicodeEncodeError:
            line = dump(json.loads(line))
        yield line
    yield "[]" if before == "[" else "]"


def _packed(value: Any) -> bytes | None:
    try:
        return pack_blocks(read_blocks(value)) if isinstance(value, list) else None
    except ValueError:
        return None
