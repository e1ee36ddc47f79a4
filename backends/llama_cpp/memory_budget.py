"""Models of one process share its machine's memory: before one is loaded, idle ones make room.

Those that have been idle for the longest go first. One that is answering stays: its answers end
before it is asked again. Where the system does not tell its free memory nothing is unloaded.
"""

from __future__ import annotations

import logging
import threading
import time
import weakref
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

log = logging.getLogger("parlance.llama_cpp")

_MEMINFO = Path("/proc/meminfo")
_STEP_S = 0.02


class Resident(Protocol):
    """A model's owner. `used_at` is on the clock of `time.monotonic`."""

    @property
    def resident(self) -> bool: ...

    @property
    def busy(self) -> bool: ...

    @property
    def used_at(self) -> float: ...

    def unload(self) -> None: ...


_known: weakref.WeakSet[Resident] = weakref.WeakSet()
_lock = threading.Lock()


def available_memory() -> int | None:
    """Bytes that can be taken without swapping; None where the system does not tell."""
    try:
        lines = _MEMINFO.read_text(encoding="ascii").splitlines()
    except OSError:
        return None
    for line in lines:
        if line.startswith("MemAvailable:"):
            return int(line.split()[1]) * 1024
    return None


def enter(owner: Resident) -> None:
    """From now on this model makes room for others, until it is garbage."""
    with _lock:
        _known.add(owner)


def make_room(
    owner: Resident,
    needed: int,
    *,
    available: Callable[[], int | None] = available_memory,
    patience_s: float = 5.0,
) -> None:
    """Unload idle models other than `owner` until `needed` bytes are free, or none is left.

    Called in the owner's thread, before it loads; it waits for each at most `patience_s` seconds.
    """
    while (free := available()) is not None and free < needed:
        with _lock:
            idle = [one for one in _known if one is not owner and one.resident and not one.busy]
        if not idle:
            return
        oldest = min(idle, key=lambda one: one.used_at)
        log.info("unloading an idle model: %d MB are needed, %d are free", needed >> 20, free >> 20)
        oldest.unload()
        ends = time.monotonic() + patience_s
        while oldest.resident and time.monotonic() < ends:
            time.sleep(_STEP_S)
        if oldest.resident:
            return
