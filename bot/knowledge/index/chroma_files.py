"""Checks Chroma's files for damage before Chroma opens them, and clears what they have unused.

Chroma itself would print a traceback for some damage, and for some it would crash the whole
process, since it follows the links of its graph (hnswlib's files) without checking them.
"""

from __future__ import annotations

import re
import shutil
import sqlite3
import struct
from contextlib import closing
from pathlib import Path

from backends.arrays import np

DATABASE_NAME = "chroma.sqlite3"
_SEGMENT_NAME = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_HEADER = struct.Struct("<iQQQQQQiIQQQdQ")
_HEADER_VERSION = 1
_CLEARED_BYTES = 1024 * 1024


def find_damage(directory: Path) -> str:
    """Describes the damage in Chroma's directory in a few words; "" if none is found."""
    if not directory.is_dir():
        return "it is no folder" if directory.exists() else ""
    return _find_database_damage(directory / DATABASE_NAME) or next(
        (f"{s.name}: {what}" for s in _segments(directory) if (what := _find_graph_damage(s))), ""
    )


def clear_unused_space(directory: Path) -> None:
    """Writes zeros over the unused room in files of vectors, which Chroma must not have open.

    A file has room for a hundred vectors from the beginning, and Chroma writes that as it finds it
    in memory, with whatever this process had there before. Raises `OSError`.
    """
    if not directory.is_dir():
        return
    for segment in _segments(directory):
        vectors = segment / "data_level0.bin"
        try:
            _, _, _, count, size, *_ = _HEADER.unpack((segment / "header.bin").read_bytes())
        except (FileNotFoundError, struct.error):
            continue  # nothing is on the disk yet, or the next look finds it damaged
        unused = vectors.stat().st_size - count * size
        if unused > 0:
            with vectors.open("r+b") as file:
                file.seek(count * size)
                for _ in range(0, unused, _CLEARED_BYTES):
                    file.write(bytes(min(_CLEARED_BYTES, unused)))
                    unused -= _CLEARED_BYTES


def remove_files(directory: Path) -> None:
    """Removes Chroma's files and nothing else. Raises `OSError`."""
    if not directory.is_dir():
        directory.unlink(missing_ok=True)
        return
    for segment in _segments(directory):
        shutil.rmtree(segment)
    for path in directory.glob(f"{DATABASE_NAME}*"):  # last: without it there is nothing to be read
        shutil.rmtree(path) if path.is_dir() else path.unlink()


def _segments(directory: Path) -> list[Path]:
    return [
        p for p in sorted(directory.iterdir()) if p.is_dir() and _SEGMENT_NAME.fullmatch(p.name)
    ]


def _find_database_damage(path: Path) -> str:
    if not path.exists():
        return ""
    if not path.is_file():
        return f"{path.name} is no file"
    try:
        with closing(sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True)) as database:
            (said,) = database.execute("PRAGMA quick_check(1)").fetchone()
    except sqlite3.OperationalError:
        return ""  # it cannot be opened now, for whatever reason: Chroma will say the same
    except sqlite3.DatabaseError as exc:
        return str(exc)
    return "" if said == "ok" else f"{path.name}: {said.splitlines()[0]}"


def _find_graph_damage(segment: Path) -> str:
    """Describes the damage of a graph: a bad header, or links that lead to no element."""
    try:
        header = (segment / "header.bin").read_bytes()
        level0 = _map_file(segment / "data_level0.bin")
        upper = (segment / "link_lists.bin").read_bytes()
    except FileNotFoundError:
        return ""  # nothing of it is on the disk yet
    except OSError as exc:
        return str(exc.strerror)
    if len(header) != _HEADER.size:
        return "the header is cut off"
    version, _, most, count, size, label_at, data_at, levels, entry, links, links0, *_ = (
        _HEADER.unpack(header)
    )
    if version != _HEADER_VERSION:
        return "the header is damaged"
    fits = data_at == 4 + 4 * links0 and data_at < label_at == size - 8 and count <= most
    if not fits or len(level0) < count * size or (count and entry >= count):
        return "the header does not fit the data"
    rows = level0[: count * size].reshape(count, size)
    if not _are_links_valid(rows[:, :data_at], count):
        return "links lead nowhere"
    return (
        ""
        if _are_upper_links_valid(upper, count, links, levels, entry)
        else "upper links lead nowhere"
    )


def _map_file(path: Path) -> np.ndarray[tuple[int], np.dtype[np.uint8]]:
    """The bytes of a file, of which only those that are looked at are read."""
    if not path.stat().st_size:
        return np.zeros(0, dtype=np.uint8)
    return np.memmap(path, dtype=np.uint8, mode="r")


def _are_links_valid(lists: np.ndarray[tuple[int, int], np.dtype[np.uint8]], count: int) -> bool:
    """Whether lists of links, a row each, have no more than they can and lead to elements."""
    words = np.ascontiguousarray(lists).view("<u4")
    used = words[:, 0] & 0xFFFF
    if (used >= words.shape[1]).any():
        return False
    filled = np.arange(1, words.shape[1]) <= used[:, np.newaxis]
    return not (words[:, 1:][filled] >= count).any()


def _are_upper_links_valid(data: bytes, count: int, links: int, levels: int, entry: int) -> bool:
    """Whether the lists above the lowest level are whole: of each element its size, then they."""
    width = 4 + 4 * links
    at, lists = 0, []
    for element in range(count):
        if at + 4 > len(data):
            return False
        size = int.from_bytes(data[at : at + 4], "little")
        if size % width or (element == entry and size != levels * width):
            return False
        lists.append(data[at + 4 : at + 4 + size])
        at += 4 + size
    together = np.frombuffer(b"".join(lists), dtype=np.uint8)
    return at == len(data) and _are_links_valid(together.reshape(-1, width), count)
