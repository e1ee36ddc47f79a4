"""Counts what libraries print, log and warn of while they read a document.

It is in a document's words and meant for no operator's terminal; how much there was is told in the
log. Only for the child process, whose standard output and error it takes.
"""

from __future__ import annotations

import io
import logging
import os
import sys
import warnings
from collections import Counter
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

PRINTED = "printed"
"""Under this name lines are counted that were printed; others are of loggers and warnings."""
_MAX_NAMES = 20
_MAX_NAME_CHARACTERS = 60
_PIECE_BYTES = 64 * 1024
_MAX_PIECES = 16


class Noise(logging.Handler):
    """Takes the outputs of this process. Of what is printed past Python, about 64 KiB are counted
    for a document, and the rest gets lost: nobody waits for a reader."""

    def __init__(self) -> None:
        super().__init__()
        self._counts: Counter[str] = Counter()
        self._pipe, end = os.pipe()
        for descriptor in (self._pipe, end):
            os.set_blocking(descriptor, False)
        for descriptor in (1, 2):
            os.dup2(end, descriptor)
        os.close(end)
        lines = _Lines(self._counts)
        sys.stdout = sys.stderr = io.TextIOWrapper(
            lines, "utf-8", "backslashreplace", write_through=True
        )
        logging.root.handlers[:] = [self]
        warnings.simplefilter("always")  # else a second document's are not counted
        warnings.showwarning = self._warn

    def emit(self, record: logging.LogRecord) -> None:
        """Count a record by its library."""
        self._counts[record.name.partition(".")[0]] += 1

    def take(self) -> dict[str, int]:
        """Return what was counted since the last time, by name."""
        with suppress(BlockingIOError):
            for _ in range(_MAX_PIECES):
                self._counts[PRINTED] += os.read(self._pipe, _PIECE_BYTES).count(b"\n")
        taken = {name: count for name, count in self._counts.most_common(_MAX_NAMES) if count}
        self._counts.clear()
        return taken

    def _warn(self, message: object, category: type[Warning], *_: object, **__: object) -> None:
        self._counts[category.__name__] += 1


class _Lines(io.RawIOBase):
    """A file of which only the number of lines is kept."""

    def __init__(self, counts: Counter[str]) -> None:
        self._counts = counts

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        self._counts[PRINTED] += bytes(data).count(b"\n")
        return len(data)


def read_noise(told: Any) -> Mapping[str, int]:
    """Return what a child process says that it counted, as far as it is that."""
    if not isinstance(told, dict):
        return {}
    counts = ((name[:_MAX_NAME_CHARACTERS], n) for name, n in told.items() if isinstance(n, int))
    return dict(list(counts)[:_MAX_NAMES])
