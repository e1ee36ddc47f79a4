"""Keeps the log of the running bot in files of bounded size, written by a thread of their own."""

from __future__ import annotations

import json
import os
import queue
import threading
from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO, Final

from bot.private_files import FILE_MODE, make_folder

FILE_NAME: Final = "parlance.log"
FILES: Final = 5
"""Files that the size is shared by; the newest has no number."""
MAX_LINE_CHARACTERS: Final = 65_536
MAX_WAITING_LINES: Final = 10_000
"""Lines that wait to be written; further ones are counted, and left out."""
_CLOSE_TIMEOUT_S: Final = 2.0


def log_files(folder: Path) -> Sequence[Path]:
    """The files of a log that are there, the oldest first."""
    names = [FILE_NAME, *(f"{FILE_NAME}.{number}" for number in range(1, FILES))]
    return [path for name in reversed(names) if (path := folder / name).is_file()]


class LogFile:
    """`write` never waits; what is written before `open` is kept until then.

    It is opened by whoever holds the data folder, so that no two processes write to it. A disk that
    takes nothing costs lines, and nothing else.
    """

    def __init__(self, folder: Path, max_bytes: int) -> None:
        self._folder = folder
        self._max_bytes = max_bytes // FILES
        self._waiting: queue.Queue[str | None] = queue.Queue(MAX_WAITING_LINES)
        self._left_out = 0
        self._size = 0
        self._writer: threading.Thread | None = None

    def write(self, line: str) -> None:
        """Take a line."""
        try:
            self._waiting.put_nowait(line[:MAX_LINE_CHARACTERS])
        except queue.Full:
            self._left_out += 1

    def open(self) -> None:
        """Begin to write."""
        if self._writer is None:
            self._writer = threading.Thread(target=self._run, name="log file", daemon=True)
            self._writer.start()

    def close(self) -> None:
        """Write what waits, and end. Does nothing where it was never opened."""
        writer, self._writer = self._writer, None
        if writer is None:
            return
        with suppress(queue.Full):
            self._waiting.put(None, timeout=_CLOSE_TIMEOUT_S)
            writer.join(_CLOSE_TIMEOUT_S)

    def _run(self) -> None:
        file: BinaryIO | None = None
        while (line := self._waiting.get()) is not None:
            lines = [line]
            ends = self._take_more(lines)
            try:
                file = file or self._open_file()
                file = self._write(file, lines)
            except OSError:  # a full disk, or a folder that is gone; another try may do better
                file = self._close_file(file)
            if ends:
                break
        self._close_file(file)

    def _take_more(self, lines: list[str]) -> bool:
        """Add what waits; returns whether the log is to end."""
        while len(lines) < MAX_WAITING_LINES:
            try:
                line = self._waiting.get_nowait()
            except queue.Empty:
                break
            if line is None:
                return True
            lines.append(line)
        if left_out := self._left_out:
            self._left_out -= left_out
            now = datetime.now(UTC).isoformat().replace("+00:00", "Z")
            said = {"event": "log.lines_left_out", "count": left_out, "level": "warning"}
            lines.append(json.dumps({**said, "timestamp": now}))
        return False

    def _write(self, file: BinaryIO, lines: Sequence[str]) -> BinaryIO:
        for line in lines:
            data = line.encode("utf-8", "backslashreplace") + b"\n"
            if self._size and self._size + len(data) > self._max_bytes:
                file.close()
                self._rotate()
                file = self._open_file()
            file.write(data)
            self._size += len(data)
        file.flush()
        return file

    def _open_file(self) -> BinaryIO:
        make_folder(self._folder)
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC
        file = os.fdopen(os.open(self._folder / FILE_NAME, flags, FILE_MODE), "ab")
        self._size = os.fstat(file.fileno()).st_size
        return file

    def _rotate(self) -> None:
        for number in range(FILES - 1, 0, -1):
            older = FILE_NAME if number == 1 else f"{FILE_NAME}.{number - 1}"
            with suppress(FileNotFoundError):
                (self._folder / older).replace(self._folder / f"{FILE_NAME}.{number}")

    @staticmethod
    def _close_file(file: BinaryIO | None) -> None:
        if file is not None:
            with suppress(OSError):
                file.close()
