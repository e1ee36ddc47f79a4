"""How often and how long."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Timing:
    """How often and how long; all in seconds. Tests make them short."""

    edit_interval: float = 1.0
    retry_base: float = 1.0
    attempts: int = 6
    """Rounds in which the end of an answer is tried, with doubling pauses between them."""
    backoff_base: float = 0.5
    backoff_cap: float = 30.0
    ping_interval: float = 5.0
    away: float = 30.0
    """A connection that is not back by itself after this is given up for a new one."""
