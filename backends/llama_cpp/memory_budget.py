"""Unloads idle models of this process before another is loaded, so that memory suffices.

The model that has been idle the longest is unloaded first. One that is answering stays until its
answers end. Nothing is unloaded if the system does not report its free memory.
"""

from __future__ import annotations

import logging
import threading
import time
import weakref
from collections.abc import Callable
from typing import Protocol

from backends.machine import available_memory

log = logging.getLogger("parlance.llama_cpp")

_POLL_INTERVAL_S = 0.02


class ModelOwner(Protocol):
    """The owner of a loaded model. `used_at` is on the clock of `time.monotonic`."""

    @property
    def resident(self) -> bool: ...

    @property
    def busy(self) -> bool: ...

    @property
    def used_at(self) -> float: ...

    def unload(self) -> None: ...


_registered_owners: weakref.WeakSet[ModelOwner] = weakref.WeakSet()
_make_room_lock = threading.Lock()


def register_owner(owner: ModelOwner) -> None:
    """Let this model be unloaded for others, for as long as the owner exists."""
    with _make_room_lock:
        _registered_owners.add(owner)


def make_room(
    owner: ModelOwner,
    needed: int,
    *,
    available: Callable[[], int | None] = available_memory,
    patience_s: float = 5.0,
) -> None:
    """Unload idle models other than `owner` until `needed` bytes are free, or none is left.

    Called in the owner's thread, before it loads; it waits for each at most `patience_s` seconds.
    """
    while (free := available()) is not None and free < needed:
        with _make_room_lock:
            idle = [
                one
                for one in _registered_owners
                if one is not owner and one.resident and not one.busy
            ]
        if not idle:
            return
        oldest = min(idle, key=lambda one: one.used_at)
        log.info("llama_cpp.idle_model_unloaded needed_mb=%d free_mb=%d", needed >> 20, free >> 20)
        oldest.unload()
        ends = time.monotonic() + patience_s
        while oldest.resident and time.monotonic() < ends:
            time.sleep(_POLL_INTERVAL_S)
        if oldest.resident:
            return
