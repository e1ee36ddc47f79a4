"""The names of a model that is split over several GGUF files: `name-00001-of-00003.gguf`."""

from __future__ import annotations

import re
from pathlib import Path

_PART_PATTERN = re.compile(r"(?P<stem>.*)-(?P<number>\d{5})-of-(?P<count>\d{5})\.gguf")
MAX_PARTS = 500


def part_number(filename: str) -> int | None:
    """Return which part of a model a file is, from 1; None if its name is not that of a part."""
    found = _PART_PATTERN.fullmatch(filename)
    if found is None or not 1 <= int(found["number"]) <= int(found["count"]) <= MAX_PARTS:
        return None
    return int(found["number"])


def part_names(filename: str) -> list[str]:
    """Return the names of all parts of the model that a file belongs to; its own if it is whole."""
    found = _PART_PATTERN.fullmatch(filename)
    if found is None or part_number(filename) is None:
        return [filename]
    count = int(found["count"])
    return [f"{found['stem']}-{number:05}-of-{count:05}.gguf" for number in range(1, count + 1)]


def part_paths(path: Path) -> list[Path]:
    """Return the paths of all parts of the model that a file belongs to; its own if it is whole."""
    return [path.with_name(name) for name in part_names(path.name)]


def bytes_of_parts(path: Path) -> int:
    """Return the size of a model on disk, all its parts together. Raises `OSError`."""
    return sum(part.stat().st_size for part in part_paths(path))
