"""Reads a file of JSON lines that may have been changed, cut off or made up by somebody."""

from __future__ import annotations

import gzip
import json
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Final

from bot.errors import StorageError
from bot.portability.export import BEGIN, END, FORMAT
from bot.skills.document_loader import MAX_CHARACTERS

MAX_LINE_BYTES: Final = 12 * MAX_CHARACTERS
"""The longest line: a document of the greatest length, each character written as JSON may."""
_GZIP: Final = b"\x1f\x8b"
_NOTHING = "Nothing was imported."


@dataclass(frozen=True, slots=True)
class Line:
    """A line, what it holds, and which one it is; the first is 1."""

    number: int
    kind: str
    values: dict[str, Any]


class RecordFile:
    """An open file. `person` is whose it is; None where it is of everybody."""

    def __init__(self, path: Path, stream: IO[bytes]) -> None:
        self._path, self._stream = path, stream
        self._number = 0
        first = self._next()
        if first is None or first.kind != BEGIN:
            raise StorageError(f"{path} is not what `parlance export` writes. {_NOTHING}")
        version = first.values.get("format")
        if not isinstance(version, int) or version < 1:
            raise self.bad(first, "it names no format")
        if version > FORMAT:
            raise StorageError(
                f"{path} was written by a newer version of Parlance (format {version}, this one "
                f"reads {FORMAT}); update Parlance first. {_NOTHING}"
            )
        person = first.values.get("person")
        if person is not None and not (isinstance(person, str) and is_person(person)):
            raise self.bad(first, "it names nobody")
        self.person: str | None = person

    def records(self) -> Iterator[Line]:
        """The lines between the first and the last. Raises `StorageError`: a broken line, one that
        is too long, a file that ends too early or goes on after its end."""
        count = 0
        while (line := self._next()) is not None:
            if line.kind != END:
                count += 1
                yield line
                continue
            if line.values.get("records") != count:
                raise self.bad(line, f"there are {count:,} records before it, which it denies")
            if self._stream.read(1):
                raise self.bad(line, "the file goes on after its end")
            return
        raise StorageError(
            f"{self._path} is cut off: its last line is missing. {_NOTHING} Export it again."
        )

    def bad(self, line: Line, why: str) -> StorageError:
        """The error for a line that is not what it should be."""
        return StorageError(f"{self._path}, line {line.number:,}: {why}. {_NOTHING}")

    def _next(self) -> Line | None:
        """The next line; None at the end of the file."""
        line = Line(self._number + 1, "", {})
        try:
            data = self._stream.readline(MAX_LINE_BYTES + 1)
        except (EOFError, zlib.error, gzip.BadGzipFile):
            return None  # a compressed file that is cut off
        except OSError as exc:
            raise StorageError(f"{self._path} cannot be read: {exc.strerror}.") from exc
        self._number += 1
        if not data:
            return None
        if len(data) > MAX_LINE_BYTES:
            raise self.bad(line, f"it is longer than {MAX_LINE_BYTES / 1e6:.0f} MB")
        if not data.endswith(b"\n"):
            return None
        try:
            values = json.loads(data, parse_constant=_refuse_constant)
        except (ValueError, RecursionError) as exc:
            raise self.bad(line, "it is not JSON") from exc
        kind = values.pop("kind", None) if isinstance(values, dict) else None
        if not isinstance(kind, str):
            raise self.bad(line, "it has no kind")
        return Line(self._number, kind, values)


def open_records(path: Path) -> IO[bytes]:
    """Open a file of JSON lines, compressed or not. Raises `StorageError`."""
    try:
        stream = path.open("rb")
        if stream.read(len(_GZIP)) == _GZIP:
            stream.close()
            return gzip.open(path, "rb")  # type: ignore[return-value]  # reads as any other
        stream.seek(0)
    except OSError as exc:
        raise StorageError(f"{path} cannot be read: {exc.strerror}.") from exc
    return stream


def is_person(key: str) -> bool:
    """Whether a text has the form of an `Author.key`."""
    platform, mark, ident = key.partition(":")
    return bool(platform and mark and ident) and key.isprintable() and len(key) <= 200


def _refuse_constant(name: str) -> Any:
    raise ValueError(f"{name} is no JSON")
