"""Restores a backup of the database."""

from __future__ import annotations

import os
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

from bot.errors import StorageError
from bot.storage.backups import backup_folder, copy_into, copy_path, write_whole
from bot.storage.data_dir_lock import lock_data_dir
from bot.storage.engine import storage_error
from bot.storage.installation_id import take_over_id
from bot.storage.schema_version import revisions

_REQUIRED_TABLES = frozenset({"alembic_version", "turns"})
"""Tables that every Parlance database has had since the first version."""
_PASSING_ERROR_CODES = frozenset(
    {
        sqlite3.SQLITE_BUSY,
        sqlite3.SQLITE_CANTOPEN,
        sqlite3.SQLITE_FULL,
        sqlite3.SQLITE_LOCKED,
        sqlite3.SQLITE_READONLY,
    }
)
"""SQLite errors that do not mean that the database is damaged."""


def restore(file: Path, path: Path, index: Path) -> Path | None:
    """Replace the database at `path` with the backup `file`; returns the path of a copy of the one
    that was replaced, or None where there was none.

    The exchange is atomic. The vectors in `index` belong to the old database and are removed;
    `parlance docs verify` makes them again. The id of the installation stays what it is
    here. Raises `StorageError`: a bot is running, the file is
    damaged or of a newer version, no space, no right to write.
    """
    with lock_data_dir(path.parent):
        try:
            with write_whole(path) as part:
                _copy(file, part)
                take_over_id(part, path)
                kept = _keep(path) if path.exists() else None
                for end in ("-wal", "-shm"):  # a log is read into whatever database is beside it
                    path.with_name(path.name + end).unlink(missing_ok=True)
        except OSError as exc:
            raise StorageError(
                f"{exc.filename or path} cannot be written: {exc.strerror}."
            ) from exc
        except sqlite3.Error as exc:
            raise storage_error(path, exc) from exc
        shutil.rmtree(index, ignore_errors=True)
    return kept


def _copy(file: Path, to: Path) -> None:
    """Copy a database into an empty file, after checking that this version can open it."""
    if not file.is_file():
        raise StorageError(f"There is no file {file}.")
    log = file.with_name(f"{file.name}-wal").exists()
    mode = "mode=ro" if log else "mode=ro&immutable=1"  # without a log nothing is written beside it
    with closing(sqlite3.connect(f"{file.resolve().as_uri()}?{mode}", uri=True)) as copy:
        try:
            (said,) = copy.execute("PRAGMA integrity_check(1)").fetchone()
            if said != "ok":
                raise sqlite3.DatabaseError(said)
            tables = {name for (name,) in copy.execute("SELECT name FROM sqlite_master")}
            if not tables >= _REQUIRED_TABLES:
                raise StorageError(f"{file} is no backup of Parlance; nothing was changed.")
            (revision,) = copy.execute("SELECT version_num FROM alembic_version").fetchone()
        except (sqlite3.Error, TypeError) as exc:
            raise StorageError(f"{file} is damaged or no database; nothing was changed.") from exc
        if revision not in revisions():
            raise StorageError(
                f"{file} was made by a newer version of Parlance (schema {revision:.40}); update "
                "Parlance first. Nothing was changed."
            )
        copy.execute("VACUUM INTO ?", (str(to),))


def _keep(path: Path) -> Path:
    """Copy the present database to its backup folder; a damaged one is linked as it is."""
    folder = backup_folder(path)
    folder.mkdir(exist_ok=True)
    kept = copy_path(path, folder, "replaced")
    try:
        with closing(sqlite3.connect(path, isolation_level=None)) as present:
            copy_into(present, kept)
            present.execute("PRAGMA journal_mode = DELETE")  # what its log holds is in it now
    except sqlite3.Error as exc:
        if getattr(exc, "sqlite_errorcode", 0) & 0xFF in _PASSING_ERROR_CODES:
            raise
        os.link(path, kept)
        log = path.with_name(f"{path.name}-wal")
        if log.exists():
            log.rename(kept.with_name(f"{kept.name}-wal"))
    return kept
