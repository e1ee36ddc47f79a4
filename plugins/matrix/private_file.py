"""Small files that only the bot's own user may read, written whole or not at all."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

_MODE = 0o600


def make_private(folder: Path, name: str) -> None:
    """Make a folder and an empty file in it; those that are there are left as they are."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    os.close(os.open(folder / name, os.O_RDONLY | os.O_CREAT | os.O_CLOEXEC, _MODE))


def read_json(path: Path) -> Mapping[str, Any]:
    """The object in a file; empty where there is none."""
    with suppress(OSError, ValueError):
        said = json.loads(path.read_text("utf-8"))
        return said if isinstance(said, dict) else {}
    return {}


def write_json(path: Path, said: Mapping[str, Any]) -> None:
    """Write an object to a file."""
    new = path.with_suffix(".new")
    file = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, _MODE)
    with os.fdopen(file, "w", encoding="utf-8") as writing:
        json.dump(said, writing)
    new.replace(path)
