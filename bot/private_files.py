"""What Parlance keeps belongs to its owner alone: folders with mode 700, files with 600.

Everything is made with its mode, so that there is no moment at which others could open it. What an
older version made is brought to these modes at the start; what somebody else made is only named.
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
    "parlance.db",
    "parlance.db-wal",
    "parlance.db-shm",
    "terminal-history",
    "discord_commands.json",
    "backups",
    "chroma",
)
"""All that lies in a data directory; what is in the two folders cannot be reached past them."""


def make_folder(path: Path) -> None:
    """Make a folder that others cannot enter, with those above it; one that is there is left."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.mkdir(mode=FOLDER_MODE, exist_ok=True)


def make_file(path: Path) -> None:
    """Make an empty file that others cannot open, before anything is in it; one that is there is
    left. SQLite gives the files beside a database the mode of the database."""
    os.close(os.open(path, os.O_RDONLY | os.O_CREAT | os.O_CLOEXEC, FILE_MODE))


@contextmanager
def create_privately() -> Iterator[None]:
    """All that this process makes within the block is private, whichever library makes it."""
    before = os.umask(0o077)
    try:
        yield
    finally:
        os.umask(before)


def tighten(data_dir: Path) -> None:
    """Take away what an older version let others do. The folder itself is touched only where
    nothing but ours lies in it: it may be somebody's home."""
    with suppress(OSError):  # not ours, or a disk without modes: doctor says so
        inside = {path.name for path in data_dir.iterdir()}
        for name in inside.intersection(_DATA_DIR_ENTRIES):
            _tighten(data_dir / name)
        if inside and inside <= set(_DATA_DIR_ENTRIES):
            _tighten(data_dir)


def find_exposed(*paths: Path) -> list[tuple[Path, int]]:
    """Those of the paths that others may read or write, with the mode that they should have."""
    found = []
    for path in paths:
        with suppress(OSError):
            mode = path.stat().st_mode
            if mode & 0o077:
                found.append((path, FOLDER_MODE if stat.S_ISDIR(mode) else FILE_MODE))
    return found


def find_exposed_data(data_dir: Path) -> list[tuple[Path, int]]:
    """What of the data directory is not private."""
    return find_exposed(data_dir, *(data_dir / name for name in _DATA_DIR_ENTRIES))


def _tighten(path: Path) -> None:
    status = path.lstat()
    if status.st_mode & 0o077 and not stat.S_ISLNK(status.st_mode):
        path.chmod(stat.S_IMODE(status.st_mode) & ~0o077)
