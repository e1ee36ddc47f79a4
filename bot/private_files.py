"""Keeps the files of Parlance private to their owner: folders have mode 700, files mode 600.

Files are created with their mode, so that others can never open them. Files of an older version are
corrected at the start; files that are not ours are only reported.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

FOLDER_MODE = 0o700
FILE_MODE = 0o600

_DATA_DIR_ENTRIES = (
    "parlance.lock",
    "parlance.sock",
    "parlance.db",
    "parlance.db-wal",
    "parlance.db-shm",
    "terminal-history",
    "discord_commands.json",
    "notices.json",
    "evaluations.json",
    "backups",
    "chroma",
    "files",
    "log",
    "version-check",
    "mcp",
)
"""Names in a data directory. The contents of its folders are protected by the folders' mode."""


def make_folder(path: Path) -> None:
    """Create a private folder and its parents. An existing folder is left as it is."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.mkdir(mode=FOLDER_MODE, exist_ok=True)


def make_file(path: Path) -> None:
    """Create an empty private file. An existing file is left as it is. SQLite creates its journal
    files with the mode of the database file."""
    os.close(os.open(path, os.O_RDONLY | os.O_CREAT | os.O_CLOEXEC, FILE_MODE))


@contextmanager
def create_privately() -> Iterator[None]:
    """Make every file that the process creates within the block private, by means of the umask."""
    before = os.umask(0o077)
    try:
        yield
    finally:
        os.umask(before)


def tighten(data_dir: Path) -> None:
    """Remove the permissions of others from our files in the data directory, and from the directory
    itself if it holds nothing but our files."""
    with suppress(OSError):  # not ours, or a disk without modes: doctor says so
        inside = {path.name for path in data_dir.iterdir()}
        for name in inside.intersection(_DATA_DIR_ENTRIES):
            _tighten(data_dir / name)
        if inside and inside <= set(_DATA_DIR_ENTRIES):
            _tighten(data_dir)


def find_exposed(*paths: Path) -> list[tuple[Path, int]]:
    """Return the paths that others may read or write, each with the mode that it should have."""
    found = []
    for path in paths:
        with suppress(OSError):
            mode = path.stat().st_mode
            if mode & 0o077:
                found.append((path, FOLDER_MODE if stat.S_ISDIR(mode) else FILE_MODE))
    return found


def find_exposed_data(data_dir: Path) -> list[tuple[Path, int]]:
    """Return the data directory and those of our files in it that others may read or write."""
    return find_exposed(data_dir, *(data_dir / name for name in _DATA_DIR_ENTRIES))


def _tighten(path: Path) -> None:
    status = path.lstat()
    if status.st_mode & 0o077 and not stat.S_ISLNK(status.st_mode):
        path.chmod(stat.S_IMODE(status.st_mode) & ~0o077)
