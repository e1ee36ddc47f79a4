"""Shared parts of fetching a model's file: the working folder, progress, and disk space."""

from __future__ import annotations

import errno
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TypeAlias

from backends.errors import ModelFetchError

FetchProgress: TypeAlias = Callable[[int, int | None], None]
"""Called with the bytes that are here, and those expected in all, or None where nobody says."""

MAX_FILE_BYTES = 256 * 2**30
_REPORT_INTERVAL_S = 0.1
_RESERVED_DISK_BYTES = 16 * 2**20
_DISK_FULL_ERRNOS = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}


@dataclass(slots=True)
class Fetch:
    """A fetch of one file. `work` is its own folder, on the disk where the file will be stored.

    `display_name` is what messages call the file, `store` the folder of all models.
    """

    display_name: str
    work: Path
    store: Path
    progress: FetchProgress
    retry_pause_s: float = 0.5
    """Before a second try; doubled for each one that follows."""
    _reported: float = field(default=0.0, init=False)

    def report(self, done: int, total: int | None) -> None:
        """Report progress in bytes; at most ten times a second, and always at the end."""
        now = time.monotonic()
        if now - self._reported >= _REPORT_INTERVAL_S or done == total:
            self._reported = now
            self.progress(done, total)

    def require_disk_space(self, size: int) -> None:
        """Raise `ModelFetchError` unless `size` more bytes fit on the disk."""
        if size > MAX_FILE_BYTES:
            raise ModelFetchError(f"{self.display_name} is too large: {format_megabytes(size)}.")
        free = shutil.disk_usage(self.work).free
        if size + _RESERVED_DISK_BYTES > free:
            raise self.disk_full_error(
                f"{format_megabytes(size)} are needed, {format_megabytes(free)} are free"
            )

    def of_part(self, display_name: str, number: int, count: int, before: int) -> Fetch:
        """Return the fetch of a model's part `number` of `count`, in a folder of its own.

        Its progress is that of the whole: `before` bytes are here already, and those that follow
        are taken to be of one size.
        """

        def progress(done: int, total: int | None) -> None:
            whole = None if total is None else before + total * (count - number + 1)
            self.report(before + done, whole)

        work = self.work / f"{number:05}"
        return replace(self, display_name=display_name, work=work, progress=progress)

    def disk_full_error(self, why: str) -> ModelFetchError:
        return ModelFetchError(
            f"There is no room for the model in {self.store}: {why}. "
            "Free some, or set PARLANCE_MODELS_DIR to another disk."
        )

    @contextmanager
    def disk_errors(self) -> Iterator[None]:
        """Turn errors of the disk into a `ModelFetchError`."""
        try:
            yield
        except OSError as error:
            if error.errno in _DISK_FULL_ERRNOS:
                raise self.disk_full_error("it filled up on the way") from None
            raise ModelFetchError(
                f"The model folder {self.store} cannot be used: {error.strerror}."
            ) from None


def check_digest(fetch: Fetch, actual: str, expected: str | None) -> None:
    """Raise `ModelFetchError`, and throw away what has come, if it is not what was expected."""
    if expected is not None and actual != expected.lower():
        shutil.rmtree(fetch.work, ignore_errors=True)
        raise ModelFetchError(
            f"{fetch.display_name} came with sha256 {actual[:12]}…, but {expected[:12]}… was "
            "expected; it was thrown away."
        )


def format_megabytes(size: int) -> str:
    return f"{size / 1e6:,.1f} MB"
