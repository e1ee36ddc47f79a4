"""Reads the log that a bot has kept: its last lines, and those that come."""

from __future__ import annotations

import json
import os
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, Final

from bot.observability.log_file import FILE_NAME, log_files

LEVELS: Final = ("debug", "info", "warning", "error", "critical")
_POLL_S: Final = 0.2


@dataclass(frozen=True, slots=True)
class LogLine:
    """One line: as it stands in the file, and what it says; a line that is no JSON is only text."""

    text: str
    said: dict[str, Any]

    @classmethod
    def read(cls, data: bytes) -> LogLine:
        """Read a line of a file."""
        text = data.decode("utf-8", "replace").rstrip("\n")
        with suppress(ValueError, RecursionError):
            said = json.loads(text)
            if isinstance(said, dict):
                return cls(text, said)
        return cls(text, {"event": text})

    def is_of(self, ids: frozenset[str]) -> bool:
        """Whether it is about one of these turns or errors, each named by its id or how that
        begins."""
        own = [str(self.said[key]) for key in ("turn", "error_id") if self.said.get(key)]
        return any(one.startswith(tuple(ids)) for one in own)

    def is_at_least(self, level: str) -> bool:
        """Whether its level is this one, or a graver one."""
        own = str(self.said.get("level", "info"))
        return own not in LEVELS or LEVELS.index(own) >= LEVELS.index(level)


def read_last_lines(folder: Path, max_bytes: int) -> list[LogLine]:
    """The last lines of the log in a folder, as many as so many bytes hold, the oldest first."""
    lines: list[LogLine] = []
    left = max_bytes
    for path in reversed(log_files(folder)):
        with suppress(OSError), path.open("rb") as file:
            size = file.seek(0, os.SEEK_END)
            file.seek(max(0, size - left))
            whole = file.readlines()[1 if size > left else 0 :]  # the first may have been cut
            lines = [*map(LogLine.read, whole), *lines]
            left -= min(left, size)
        if not left:
            break
    return lines


class LogReader:
    """The log in a folder. Files that are removed or renamed meanwhile are no obstacle."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._file: BinaryIO | None = None

    def turns_of(self, ident: str) -> frozenset[str]:
        """An id, and if it is that of an error, the turn in which it happened."""
        found = {ident}
        for line in self._lines():
            error = str(line.said.get("error_id", ""))
            if error and error == ident and line.said.get("turn"):
                found.add(str(line.said["turn"]))
        return frozenset(found)

    def last(self, count: int, wanted: Callable[[LogLine], bool]) -> list[LogLine]:
        """The last lines that are wanted, the oldest first."""
        return [*deque(filter(wanted, self._lines()), count)]

    def follow(self, wanted: Callable[[LogLine], bool]) -> Iterator[LogLine]:
        """The lines that come after those that `last` has read, for ever."""
        rest = b""
        while True:
            if self._file is None:
                self._file = self._open()
            data = self._file.readline() if self._file is not None else b""
            rest += data
            if rest.endswith(b"\n"):
                line, rest = LogLine.read(rest), b""
                if wanted(line):
                    yield line
            elif not data:
                if self._file is not None and self._is_replaced(self._file):
                    self._file.close()
                    self._file, rest = None, b""
                    continue
                time.sleep(_POLL_S)

    def _lines(self) -> Iterator[LogLine]:
        """All lines; the newest file stays open, at its end."""
        for path in log_files(self._folder):
            with suppress(OSError):
                file = path.open("rb")
                if path.name == FILE_NAME:
                    self.close()
                    self._file = file
                for data in iter(file.readline, b""):
                    if not data.endswith(b"\n"):  # it is being written
                        file.seek(-len(data), 1)
                        break
                    yield LogLine.read(data)
                if file is not self._file:
                    file.close()

    def _open(self) -> BinaryIO | None:
        with suppress(OSError):
            return (self._folder / FILE_NAME).open("rb")
        return None

    def _is_replaced(self, file: BinaryIO) -> bool:
        try:
            there = (self._folder / FILE_NAME).stat()
        except OSError:
            return False  # the next one is not there yet
        return not os.path.samestat(there, os.fstat(file.fileno()))

    def close(self) -> None:
        """Let go of the file."""
        if self._file is not None:
            self._file.close()
            self._file = None
