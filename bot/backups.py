"""Copies of the database, whole at every moment, also while a bot writes to it."""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

from bot.errors import StorageError
from bot.sqlite import storage_error

_WAIT_S = 5.0
"""For a writer that keeps the database locked."""


def stamp() -> str:
    """The present moment, as a part of a file's name; later ones sort behind."""
    return datetime.now(UTC).strftime("%Y%m%dT%H%M%S.%f")


def copy_into(database: sqlite3.Connection, to: Path) -> None:
    """Copy the whole database to a new file that only its owner may read.

    The file appears under its name when it is on the disk whole. Raises `sqlite3.Error`, `OSError`.
    """
    unfinished = to.with_name(f"{to.name}.part")
    try:
        # Made before anything is in it: SQLite takes an empty file, and gives no mode to a new one.
        os.close(os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
        database.execute("VACUUM INTO ?", (str(unfinished),))
        with unfinished.open("rb+") as copied:
            os.fsync(copied.fileno())
        unfinished.rename(to)
    finally:
        unfinished.unlink(missing_ok=True)


def back_up(path: Path, to: Path) -> Path:
    """Copy the database at `path` to a new file, or under a new name into a folder.

    Returns where the copy is. Raises `StorageError`: no database, a file that is there already, no
    space, no right to write.
    """
    if not path.exists():
        raise StorageError(f"There is no database {path} yet; there is nothing to copy.")
    copy = to / f"{path.stem}-{stamp()}{path.suffix}" if to.is_dir() else to
    if copy.exists():
        raise StorageError(f"{copy} is there already; name another file, or a folder.")
    try:
        with closing(sqlite3.connect(path, timeout=_WAIT_S)) as database:
            copy_into(database, copy)
    except OSError as exc:
        raise StorageError(f"The copy {copy} cannot be written: {exc.strerror}.") from exc
    except sqlite3.Error as exc:
        # It is the copy that there is no room for; everything else is about what is copied.
        raise storage_error(copy if "full" in str(exc) else path, exc) from exc
    return copy
