"""A sequence of the context, and a place in it to which it can go back."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """What a memory that cannot be cut held after the first `length` tokens."""

    length: int
    state: npt.NDArray[np.uint8]


@dataclass(slots=True, eq=False)
class Sequence:
    """A sequence of the context; `tokens` are those that have been computed, in order."""

    id: int
    conversation: str | None = None
    tokens: list[int] = field(default_factory=list)
    shared: int = 0
    """Tokens at the beginning whose cells belonged to another sequence when they were copied."""
    checkpoint: Checkpoint | None = None

    @property
    def own(self) -> int:
        """Cells that only this sequence uses."""
        return len(self.tokens) - min(self.shared, len(self.tokens))


def common_prefix(a: list[int], b: list[int]) -> int:
    """Return the length of the longest common prefix, by comparing slices, not token by token."""
    low, high = 0, min(len(a), len(b))
    if a[:high] == b[:high]:
        return high
    while low < high:
        middle = (low + high + 1) // 2
        if a[low:middle] == b[low:middle]:
            low = middle
        else:
            high = middle - 1
    return low
