"""Something that an operator should know of, and what looks for it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

DEFAULT_PATIENCE_S = 60.0


@dataclass(frozen=True, slots=True)
class Trouble:
    """One thing that is not as it should be.

    `key` is the same as long as it is the same trouble. `text` says in a sentence or two what is
    wrong and what to do, `over` that it is well again; empty where that is not said. Neither holds
    what anybody wrote. It is told when it has lasted for `patience_s` seconds.
    """

    key: str
    text: str
    over: str = ""
    patience_s: float = DEFAULT_PATIENCE_S


Watch: TypeAlias = Callable[[], Awaitable[Sequence[Trouble]]]
"""Looks for troubles of one kind, and returns those that there are now."""
