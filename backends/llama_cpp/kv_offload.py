"""Conversations that were pushed out of the cache, in host memory and within a byte budget."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt


@dataclass(frozen=True, slots=True)
class Parked:
    """A sequence's tokens, and what llama.cpp needs to put it back."""

    tokens: list[int]
    state: npt.NDArray[np.uint8]


class Parking:
    """Keeps the most recently parked conversations; the oldest goes where the budget is spent."""

    def __init__(self, budget: int) -> None:
        self._budget = budget
        self._parked: OrderedDict[str, Parked] = OrderedDict()
        self.bytes = 0

    def __len__(self) -> int:
        return len(self._parked)

    def fits(self, size: int) -> bool:
        """Whether a state of that many bytes may be parked at all."""
        return size <= self._budget

    def find(self, conversation: str | None) -> Parked | None:
        return self._parked.get(conversation) if conversation is not None else None

    def put(self, conversation: str, parked: Parked) -> None:
        self.take(conversation)
        while self._parked and self.bytes + parked.state.size > self._budget:
            self.take(next(iter(self._parked)))
        self._parked[conversation] = parked
        self.bytes += parked.state.size

    def take(self, conversation: str) -> Parked | None:
        """Remove and return a conversation; None where it is not parked."""
        parked = self._parked.pop(conversation, None)
        if parked is not None:
            self.bytes -= parked.state.size
        return parked

    def clear(self) -> None:
        self._parked.clear()
        self.bytes = 0
