"""How much a turn with tools may do."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class AgentLimits:
    """`steps` are answers of the model, of which the last is offered no tools; `calls` are calls of
    tools. `repairs` is how often a call that cannot be carried out is given back to the model,
    `same_calls` how often the same call is answered before the turn ends. `result_share` is the
    part of the context window that one result may fill."""

    steps: int = 8
    calls: int = 16
    repairs: int = 2
    same_calls: int = 2
    result_share: float = 0.25
