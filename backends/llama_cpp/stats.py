"""Figures of a running engine, for status pages, metrics and benchmarks."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class EngineStats:
    """What an engine has done since it was made, and how it stands now.

    Rates are tokens a second over all conversations together: `decode_rate` over the rounds that
    only wrote, `prefill_rate` over those that read; 0 until there was one. Counters only grow.
    Drafted tokens were computed ahead, and those accepted among them were written. `python_share`
    is the part of the writing rounds that was spent outside llama.cpp.
    """

    resident: bool = False
    slots: int = 0
    slots_busy: int = 0
    waiting: int = 0
    idle_sequences: int = 0
    parked_sequences: int = 0
    parked_bytes: int = 0
    cells: int = 0
    cells_live: int = 0
    requests: int = 0
    prompt_tokens: int = 0
    cached_tokens: int = 0
    completion_tokens: int = 0
    evicted: int = 0
    restored: int = 0
    preempted: int = 0
    drafted_tokens: int = 0
    accepted_tokens: int = 0
    rounds: int = 0
    decode_rate: float = 0.0
    prefill_rate: float = 0.0
    python_share: float = 0.0
    last_error: str | None = None

    @property
    def cache_hit_ratio(self) -> float:
        """The share of all prompt tokens that came from the cache."""
        return self.cached_tokens / self.prompt_tokens if self.prompt_tokens else 0.0
