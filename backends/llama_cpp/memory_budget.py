"""Unloads idle models of this process before another is loaded, so that memory suffices.

The model that has been idle the longest is unloaded first. One that is answering stays until its
answers end. Nothing is unloaded for a kind of memory whose free bytes nobody reports.
"""

from __future__ import annotations

import logging
import threading
import time
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Protocol

from backends.errors import BackendUnavailable
from backends.llama_cpp.memory_estimate import MemoryDemand
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
_load_lock = threading.Lock()


def register_owner(owner: ModelOwner) -> None:
    """Let this model be unloaded for others, for as long as the owner exists."""
    with _make_room_lock:
        _registered_owners.add(owner)


@contextmanager
def turn_to_load(go_on: Callable[[], bool]) -> Iterator[None]:
    """Let one model at a time find its room and take it: two would count the same memory.

    Raises `BackendUnavailable` once `go_on` returns False.
    """
    while not _load_lock.acquire(timeout=_POLL_INTERVAL_S):
        if not go_on():
            raise BackendUnavailable("Loading the model was ended.")
    try:
        yield
    finally:
        _load_lock.release()


def make_room(
    owner: ModelOwner,
    needed: MemoryDemand,
    *,
    available: Callable[[], int | None] = available_memory,
    video: Callable[[], int | None] = lambda: None,
    patience_s: float = 5.0,
) -> None:
    """Unload idle models other than `owner` until what is needed is free, or none is left.

    `available` and `video` tell the free bytes in main memory and on graphics cards, None where
    nobody knows. Called in the owner's thread, before it loads; it waits for each at most
    `patience_s` seconds.
    """
    while _is_short(available(), needed.host) or _is_short(video(), needed.video):
        with _make_room_lock:
            idle = [
                one
                for one in _registered_owners
                if one is not owner and one.resident and not one.busy
            ]
        if not idle:
            return
        oldest = min(idle, key=lambda one: one.used_at)
        log.info(
            "llama_cpp.idle_model_unloaded needed_mb=%d needed_video_mb=%d",
            needed.host >> 20,
            needed.video >> 20,
        )
        oldest.unload()
        ends = time.monotonic() + patience_s
        while oldest.resident and time.monotonic() < ends:
            time.sleep(_POLL_INTERVAL_S)
        if oldest.resident:
            return


def _is_short(free: int | None, needed: int) -> bool:
    return free is not None and free < needed
