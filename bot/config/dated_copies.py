"""Keeps dated copies of a file of settings beside it, and removes all but the last few."""

from __future__ import annotations

import re
from contextlib import suppress
from datetime import datetime
from pathlib import Path

from bot.private_files import replace_file

COPIES_KEPT = 10
"""Copies of one file that are kept; older ones are removed when another is made."""

_SUFFIX = re.compile(r"\.(\d{4}-\d\d-\d\dT\d{6})(?:-(\d{1,6}))?\.bak", re.ASCII)
"""What a copy has behind the name of its file: its time, and a number within a second."""


def keep_copy(path: Path, now: datetime | None = None) -> Path:
    """Copy a file to `NAME.2026-11-30T031205.bak` in its folder, with its mode and owner; return
    the copy's path. Raises `OSError`."""
    stamp = (now or datetime.now()).strftime("%Y-%m-%dT%H%M%S")
    earlier = [number for said, number, _ in _copies(path) if said == stamp]
    which = f"-{max(earlier) + 1}" if earlier else ""
    copy = path.with_name(f"{path.name}.{stamp}{which}.bak")
    replace_file(copy, path.read_bytes(), like=path)
    for old in find_copies(path)[:-COPIES_KEPT]:
        with suppress(OSError):
            old.unlink()
    return copy


def find_copies(path: Path) -> list[Path]:
    """The dated copies of a file that are beside it, the oldest first."""
    return [copy for _, _, copy in _copies(path)]


def _copies(path: Path) -> list[tuple[str, int, Path]]:
    """The copies with their times and numbers within a second, in that order."""
    found = []
    for other in path.parent.iterdir():
        if not other.name.startswith(path.name):
            continue
        named = _SUFFIX.fullmatch(other.name, len(path.name))
        if named and other.is_file() and not other.is_symlink():
            found.append((named[1], int(named[2] or 1), other))
    return sorted(found)
