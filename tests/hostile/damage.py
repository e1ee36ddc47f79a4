"""Damage to files of the data folder, as a failing disk or a careless hand does it."""

from __future__ import annotations

import random
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path

_NOISE = random.Random(7)


def noise(path: Path, at: float = 0.0, to: float = 1.0) -> None:
    """Overwrite a part of a file, from one share of its length to another."""
    data = bytearray(path.read_bytes())
    start, end = int(at * len(data)), int(to * len(data))
    data[start:end] = _NOISE.randbytes(end - start)
    path.write_bytes(data)


def cut(path: Path, share: float) -> None:
    """Cut the end of a file off, in place."""
    with path.open("rb+") as file:
        file.truncate(int(share * path.stat().st_size))


def zero(path: Path, count: int) -> None:
    """Fill the first bytes of a file with zeros."""
    path.write_bytes(bytes(count) + path.read_bytes()[count:])


def _database(chroma: Path) -> Path:
    return chroma / "chroma.sqlite3"


def _replace(path: Path, by: Callable[[Path], object]) -> None:
    shutil.rmtree(path) if path.is_dir() else path.unlink()
    by(path)


def _in_segments(chroma: Path, pattern: str, harm: Callable[[Path], None]) -> None:
    found = list(chroma.glob(f"*-*-*-*-*/{pattern}"))
    assert found
    for path in found:
        harm(path)


TO_DATABASE: Mapping[str, Callable[[Path], None]] = {
    "a zeroed header": lambda chroma: zero(_database(chroma), 100),
    "half the file": lambda chroma: cut(_database(chroma), 0.5),
    "noise near the beginning": lambda chroma: noise(_database(chroma), 0.02, 0.12),
    "noise near the end": lambda chroma: noise(_database(chroma), 0.8, 1.0),
    "nothing but noise": lambda chroma: noise(_database(chroma)),
    "an empty file": lambda chroma: cut(_database(chroma), 0),
    "a folder instead of the file": lambda chroma: _replace(_database(chroma), Path.mkdir),
    "a file instead of the folder": lambda chroma: _replace(chroma, Path.touch),
    "no folder": shutil.rmtree,
}
"""What can happen to Chroma's database. Each takes Chroma's folder."""

TO_GRAPH: Mapping[str, Callable[[Path], None]] = {
    "noise in every file": lambda chroma: _in_segments(chroma, "*", noise),
    "half of every file": lambda chroma: _in_segments(chroma, "*", lambda p: cut(p, 0.5)),
    "every file empty": lambda chroma: _in_segments(chroma, "*", lambda p: cut(p, 0)),
    "noise in the links": lambda chroma: _in_segments(chroma, "data_level0.bin", noise),
    "noise in the upper links": lambda chroma: _in_segments(chroma, "link_lists.bin", noise),
    "noise in the header": lambda chroma: _in_segments(chroma, "header.bin", noise),
    "noise in the names": lambda chroma: _in_segments(chroma, "index_metadata.pickle", noise),
    "no graph": lambda chroma: _in_segments(chroma, "", shutil.rmtree),
}
"""What can happen to the graph, which Chroma writes from a thousand vectors on."""
