"""Locks the data directory, so that one process alone uses it."""

from __future__ import annotations

import asyncio
import fcntl
import json
import os
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path

from bot.errors import StorageError
from bot.private_files import FILE_MODE, make_folder, tighten

LOCK_NAME = "parlance.lock"


@contextmanager
def lock_data_dir(data_dir: Path) -> Iterator[None]:
    """Lock the data directory, which is created if need be, until the block or the process ends.

    Raises `StorageError` with the process that holds the lock. The operating system releases the
    lock of a process that died, so a stale file is no obstacle.
    """
    path = data_dir / LOCK_NAME
    try:
        make_folder(data_dir)
        held = os.open(path, os.O_RDWR | os.O_CREAT, FILE_MODE)
    except OSError as exc:
        raise StorageError(f"{data_dir} cannot be used as data_dir: {exc.strerror}.") from exc
    try:
        try:
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise StorageError(
                f"{data_dir} is in use by {_holder(held)}; `parlance stop` ends a running bot. "
                "Or name another data_dir."
            ) from None
        except OSError as exc:
            raise StorageError(f"{path} cannot be locked: {exc.strerror}.") from exc
        tighten(data_dir)
        try:
            _write(held, {"pid": os.getpid(), "host": socket.gethostname(), "since": _now()})
        except OSError as exc:
            raise StorageError(f"{path} cannot be written: {exc.strerror}.") from exc
        yield
        with suppress(OSError):  # the lock goes with the process, whatever stands in it
            _write(held, {})
    finally:
        os.close(held)


@asynccontextmanager
async def hold_data_dir(data_dir: Path) -> AsyncIterator[None]:
    """Lock the data directory as `lock_data_dir` does; its files are opened and written in a
    thread."""
    held = lock_data_dir(data_dir)
    await asyncio.to_thread(held.__enter__)
    try:
        yield
    finally:
        await asyncio.to_thread(held.__exit__, None, None, None)


def find_holder(data_dir: Path) -> str | None:
    """Which process holds the lock, in words; None if none does."""
    try:
        seen = os.open(data_dir / LOCK_NAME, os.O_RDONLY)
    except OSError:
        return None
    try:
        fcntl.flock(seen, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return _holder(seen)
    except OSError:
        return None
    finally:
        os.close(seen)
    return None


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")


def _write(held: int, holder: dict[str, str | int]) -> None:
    os.ftruncate(held, 0)
    os.pwrite(held, json.dumps(holder).encode(), 0)


def _holder(held: int) -> str:
    try:
        holder = json.loads(os.pread(held, 4096, 0))
        return f"process {holder['pid']} on {holder['host']} since {holder['since']}"
    except (ValueError, KeyError, TypeError):
        return "another process"
