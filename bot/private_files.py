"""Keeps the files of Parlance private to their owner: folders have mode 700, files mode 600.

Files are created with their mode, so that others can never open them. Files of an older version are
corrected at the start; files that are not ours are only reported.
"""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from backends.files.atomic import move_into_place

FOLDER_MODE = 0o700
FILE_MODE = 0o600
PLATFORMS_FOLDER = "platforms"
"""Name of the folder in a data directory in which each platform has one of its own."""

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
    "full-text.db",
    "full-text.db-wal",
    "full-text.db-shm",
    "chroma",
    "files",
    "log",
    "version-check",
    "mcp",
    PLATFORMS_FOLDER,
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


def replace_file(path: Path, content: bytes, *, like: Path | None = None) -> None:
    """Write a file whole or not at all, with the mode and the owner of the file `like`; one that is
    like no other is for its owner alone. One writer at a time. Raises `OSError`."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    temporary.unlink(missing_ok=True)  # of a process that was killed; in a container ids repeat
    handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, FILE_MODE)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
        if like is not None:
            found = like.stat()
            with suppress(PermissionError):
                os.chown(temporary, found.st_uid, found.st_gid)
            temporary.chmod(stat.S_IMODE(found.st_mode))
        move_into_place(temporary, path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


@dataclass(frozen=True, slots=True)
class PrivateFolder:
    """A folder for small files that nobody but their owner can read. It is made when something is
    written. All methods block: call them in a thread."""

    path: Path

    def make(self) -> None:
        """Create the folder and the one that it is in; those that exist are left as they are.
        Raises `OSError`."""
        make_folder(self.path.parent)
        make_folder(self.path)

    def make_file(self, name: str) -> Path:
        """Create an empty file for a library that writes to it, and return its path. An existing
        file is left as it is. Raises `OSError`."""
        self.make()
        make_file(self.path / name)
        return self.path / name

    def read_json(self, name: str) -> dict[str, Any]:
        """Return the object in a file; empty where there is none that can be read."""
        with suppress(OSError, ValueError, RecursionError):
            stored = json.loads((self.path / name).read_bytes())
            return stored if isinstance(stored, dict) else {}
        return {}

    def write_json(self, name: str, stored: Mapping[str, Any]) -> None:
        """Write an object to a file, whole or not at all, also when the power fails. One writer of
        a file at a time. Raises `OSError`."""
        self.make()
        replace_file(self.path / name, json.dumps(stored).encode())


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
