"""What every way of fetching a model's file shares: a place to work, progress, room on the disk."""

from __future__ import annotations

import errno
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeAlias

from backends.errors import ModelFetchError

FetchProgress: TypeAlias = Callable[[int, int | None], None]
"""Called with the bytes that are here, and those expected in all, or None where nobody says."""

MAX_BYTES = 256 * 2**30
_REPORT_EVERY_S = 0.1
_SPARE_BYTES = 16 * 2**20
_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}


@dataclass(slots=True)
class Fetch:
    """One file on its way. `work` is a folder of its own, on the disk where the file will live."""

    shown: str
    work: Path
    progress: FetchProgress
    retry_pause_s: float = 0.5
    """Before a second try; doubled for each one that follows."""
    _reported: float = field(default=0.0, init=False)

    def report(self, done: int, total: int | None) -> None:
        """Tell how far it is; at most ten times a second, and always at the end."""
        now = time.monotonic()
        if now - self._reported >= _REPORT_EVERY_S or done == total:
            self._reported = now
            self.progress(done, total)

    def need_room(self, size: int) -> None:
        """Raises `ModelFetchError` unless `size` more bytes fit on the disk."""
        if size > MAX_BYTES:
            raise ModelFetchError(f"{self.shown} is too large: {megabytes(size)}.")
        free = shutil.disk_usage(self.work).free
        if size + _SPARE_BYTES > free:
            raise no_room(self.work, f"{megabytes(size)} are needed, {megabytes(free)} are free")

    @contextmanager
    def disk_errors(self) -> Iterator[None]:
        """Turn what the disk says into one sentence."""
        try:
            yield
        except OSError as error:
            if error.errno in _FULL:
                raise no_room(self.work, "it filled up on the way") from None
            raise ModelFetchError(
                f"The model folder {self.work.parent.parent} cannot be used: {error.strerror}."
            ) from None


def no_room(work: Path, why: str) -> ModelFetchError:
    """The error for a disk that is full; `work` is a fetch's working folder."""
    return ModelFetchError(
        f"There is no room for the model in {work.parent.parent}: {why}. "
        "Free some, or set PARLANCE_MODELS_DIR to another disk."
    )


def megabytes(size: int) -> str:
    return f"{size / 1e6:,.1f} MB"
