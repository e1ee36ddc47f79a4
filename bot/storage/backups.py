"""Backups of the database, made while a bot may be writing to it.

Copies that Parlance names are called `parlance-STAMP.db`, those it makes before it changes the
database `parlance-WHY-STAMP.db`. No other file is ever removed.
"""

from __future__ import annotations

import fcntl
import os
import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

import structlog

from bot.errors import StorageError
from bot.storage.engine import storage_error

log = structlog.get_logger(__name__)

MAX_KEPT_COPIES = 3
"""How many of the newest copies from before a change are kept in `backups/`."""
_LOCK_WAIT_S = 5.0
"""How long a backup waits for a writer that keeps the database locked."""
_STAMP_FORMAT = "%Y%m%dT%H%M%S.%f"
_PART_SUFFIX = ".part"
_COPY = re.compile(r"-(?:(?P<why>\w+)-)?(?P<at>\d{8}T\d{6}\.\d{6})")
"""Of a copy's name, what stands between the name of the database and its ending."""


def backup_folder(path: Path) -> Path:
    """The folder of a database's copies."""
    return path.parent / "backups"


def copy_path(path: Path, folder: Path, why: str = "") -> Path:
    """The path of a copy that is made now; names sort by time. `why` is one word, or empty."""
    stamp = datetime.now(UTC).strftime(_STAMP_FORMAT)
    return folder / "-".join(filter(None, (path.stem, why, f"{stamp}{path.suffix}")))


def copy_into(database: sqlite3.Connection, to: Path) -> None:
    """Copy the whole database to a new file that only its owner may read.

    The file appears under its name when it is on the disk whole. Raises `sqlite3.Error`, `OSError`.
    """
    with write_whole(to) as part:
        database.execute("VACUUM INTO ?", (str(part),))


def back_up(path: Path, to: Path) -> Path:
    """Copy the database at `path` to a new file, or under a new name into a folder.

    Returns where the copy is. Raises `StorageError`: no database, a file that is there already, no
    space, no right to write.
    """
    if not path.exists():
        raise StorageError(f"There is no database {path} yet; there is nothing to copy.")
    if to.is_dir():
        remove_unfinished(path, to)
        copy = copy_path(path, to)
    else:
        copy = to
    if copy.exists():
        raise StorageError(f"{copy} is there already; name another file, or a folder.")
    try:
        with closing(sqlite3.connect(path, timeout=_LOCK_WAIT_S)) as database:
            copy_into(database, copy)
    except OSError as exc:
        raise StorageError(f"The copy {copy} cannot be written: {exc.strerror}.") from exc
    except sqlite3.Error as exc:
        # It is the copy that there is no room for; everything else is about what is copied.
        raise storage_error(copy if "full" in str(exc) else path, exc) from exc
    return copy


def remove_all_but_newest(path: Path) -> None:
    """Remove the copies from before a change, but for the newest `MAX_KEPT_COPIES`."""
    made = [
        (match["at"], copy) for copy, match in _copies(path, backup_folder(path)) if match["why"]
    ]
    kept = sorted({at for at, _ in made})[-MAX_KEPT_COPIES:]
    for at, copy in made:
        if at not in kept:
            copy.unlink(missing_ok=True)


def newest_copy(path: Path, folder: Path) -> tuple[Path, datetime] | None:
    """The newest copy of a database in a folder, and when it was made; None if there is none.
    Copies from before a change do not count."""
    made = [(m["at"], copy) for copy, m in _copies(path, folder, logs=False) if not m["why"]]
    if not made:
        return None
    at, copy = max(made)
    return copy, datetime.strptime(at, _STAMP_FORMAT).replace(tzinfo=UTC)


def remove_old(path: Path, keep_days: int | None, folder: Path | None = None) -> None:
    """Remove the copies of a database in its folder of copies (or another) that are older than so
    many days, and what a crash left there. None keeps all. What cannot be removed is logged."""
    folder = folder or backup_folder(path)
    remove_unfinished(path, folder)
    with suppress(OSError):
        _remove_unlocked(_part_path(path))
    if keep_days is None:
        return
    oldest = (datetime.now(UTC) - timedelta(days=keep_days)).strftime(_STAMP_FORMAT)
    for copy, match in _copies(path, folder):
        if match["at"] < oldest:
            try:
                copy.unlink(missing_ok=True)
            except OSError as exc:
                log.warning("backup.removal_failed", file=str(copy), reason=exc.strerror)


def remove_unfinished(path: Path, folder: Path) -> None:
    """Remove unfinished copies of a database, which a crash left behind."""
    for part, _ in _copies(path, folder, _PART_SUFFIX):
        with suppress(OSError):  # it may be somebody else's file, in a folder that was named
            _remove_unlocked(part)


def _copies(
    path: Path, folder: Path, end: str = "", *, logs: bool = True
) -> Iterator[tuple[Path, re.Match[str]]]:
    """The files in a folder that have the name of a copy of this database, or of its `logs`."""
    endings = (f"{path.suffix}{end}", f"{path.suffix}-wal{end}")[: 2 if logs else 1]
    try:
        names = sorted(os.listdir(folder))
    except OSError:
        return
    for name in names:
        for ending in endings:
            if not (name.startswith(path.stem) and name.endswith(ending)):
                continue
            if match := _COPY.fullmatch(name, len(path.stem), len(name) - len(ending)):
                yield folder / name, match


@contextmanager
def write_whole(to: Path) -> Iterator[Path]:
    """Write a file as a whole or not at all: yields an empty file beside `to`, mode 0600, and moves
    it to `to` when the block ends without an error.

    The file is locked meanwhile, so that one without a lock is known to be left by a crash.
    """
    part = _part_path(to)
    _remove_unlocked(part)
    held = _create_locked(part)
    try:
        yield part
        os.fsync(held)
        part.rename(to)
        _sync(to.parent)
    finally:
        part.unlink(missing_ok=True)
        os.close(held)


def _part_path(to: Path) -> Path:
    return to.with_name(f"{to.name}{_PART_SUFFIX}")


def _sync(folder: Path) -> None:
    """Put a folder's names on the disk."""
    held = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(held)
    finally:
        os.close(held)


def _create_locked(part: Path) -> int:
    """Create an empty file with mode 0600, lock it and return its descriptor. SQLite accepts an
    empty file, and would give a new one no mode."""
    while True:
        held = os.open(part, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
        fcntl.flock(held, fcntl.LOCK_EX)
        if os.fstat(held).st_nlink:
            return held
        os.close(held)  # it was taken for an abandoned one before it was locked


def _remove_unlocked(part: Path) -> None:
    """Remove an unfinished copy, unless another process holds its lock."""
    try:
        held = os.open(part, os.O_RDWR)
    except FileNotFoundError:
        return
    try:
        fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        part.with_name(f"{part.name}-journal").unlink(missing_ok=True)
        part.unlink(missing_ok=True)
    except BlockingIOError:
        return
    finally:
        os.close(held)
