"""Atomic file placement, digests, and a lock between processes."""

from __future__ import annotations

import asyncio
import fcntl
import hashlib
import os
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from functools import lru_cache
from pathlib import Path

_LOCK_POLL_S = 0.1
_BLOCK_BYTES = 2**20


def move_into_place(temporary: Path, final: Path) -> None:
    """Move a finished file to its final name; no reader or power cut ever sees half of it.

    Both paths must be on one disk.
    """
    with temporary.open("rb") as file:
        os.fsync(file.fileno())
    final.parent.mkdir(parents=True, exist_ok=True)
    temporary.replace(final)
    folder = os.open(final.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def write_atomically(path: Path, content: bytes) -> None:
    """Write a small file, whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    temporary.write_bytes(content)
    move_into_place(temporary, path)


def sha256_of(*paths: Path) -> str:
    """Return the SHA-256, in hex, of a file, or of several one after another.

    It is cached until a file's size or modification time changes.
    """
    states = [(path.resolve(), path.stat()) for path in paths]
    return _sha256(tuple((path, found.st_size, found.st_mtime_ns) for path, found in states))


@lru_cache(maxsize=64)
def _sha256(files: tuple[tuple[Path, int, int], ...]) -> str:
    digest = hashlib.sha256()
    for path, _, _ in files:
        with path.open("rb") as file:
            while block := file.read(_BLOCK_BYTES):
                digest.update(block)
    return digest.hexdigest()


@asynccontextmanager
async def hold_lock(path: Path) -> AsyncIterator[None]:
    """Hold the lock file `path` against every other holder, in this process or another.

    Waits until it is free. The file stays: removing it would let two holders in at once.
    """
    handle = await asyncio.to_thread(_open, path)
    try:
        while not _try_lock(handle):  # noqa: ASYNC110 - the holder may be another process
            await asyncio.sleep(_LOCK_POLL_S)
        yield
    finally:
        os.close(handle)


@contextmanager
def try_lock(path: Path) -> Iterator[bool]:
    """As `hold_lock`, without waiting: yields whether the lock was free and is now held."""
    handle = _open(path)
    try:
        yield _try_lock(handle)
    finally:
        os.close(handle)


def _open(path: Path) -> int:
    path.parent.mkdir(parents=True, exist_ok=True)
    return os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)


def _try_lock(handle: int) -> bool:
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
