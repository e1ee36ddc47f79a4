"""Keeps evicted conversations in host memory, within a budget of bytes."""

from __future__ import annotations

import logging
from collections import OrderedDict
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from backends.llama_cpp.sequence import Checkpoint

log = logging.getLogger("parlance.llama_cpp")


@dataclass(frozen=True, slots=True)
class OffloadedSequence:
    """A sequence's tokens, and the state from which llama.cpp restores it."""

    tokens: list[int]
    state: npt.NDArray[np.uint8]
    checkpoint: Checkpoint | None = None

    @property
    def size(self) -> int:
        """Bytes in host memory."""
        return self.state.size + (self.checkpoint.state.size if self.checkpoint else 0)


class KVOffload:
    """Holds the most recently offloaded conversations; drops the oldest over the budget."""

    def __init__(self, budget: int) -> None:
        self._budget = budget
        self._sequences: OrderedDict[str, OffloadedSequence] = OrderedDict()
        self.bytes = 0

    def __len__(self) -> int:
        return len(self._sequences)

    def fits(self, size: int) -> bool:
        """Return whether a state of that many bytes may be offloaded at all; log if not."""
        if size > self._budget > 0:
            log.info("llama_cpp.conversation_not_parked bytes=%d most=%d", size, self._budget)
        return size <= self._budget

    def has_room(self, size: int) -> bool:
        """Return whether a state of that many bytes fits without dropping another."""
        return self.bytes + size <= self._budget

    def find(self, conversation: str | None) -> OffloadedSequence | None:
        return self._sequences.get(conversation) if conversation is not None else None

    def put(self, conversation: str, offloaded: OffloadedSequence) -> None:
        self.take(conversation)
        while self._sequences and self.bytes + offloaded.size > self._budget:
            self.take(next(iter(self._sequences)))
        self._sequences[conversation] = offloaded
        self.bytes += offloaded.size

    def take(self, conversation: str) -> OffloadedSequence | None:
        """Remove and return a conversation; None if it is not here."""
        offloaded = self._sequences.pop(conversation, None)
        if offloaded is not None:
            self.bytes -= offloaded.size
        return offloaded

    def clear(self) -> None:
        self._sequences.clear()
        self.bytes = 0
