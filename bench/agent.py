"""Models with tools: what orders of others reach, what approvals cost, what many tools add.

The sets of tasks are data of others; where they cannot be fetched their rows say so. The models are
scripted: one obeys what it reads, others know what is right. See docs/benchmarks.md.
"""

from __future__ import annotations

from bench import agent_dojo, agent_many_tools, agent_tickets
from bench.agent_sets import NotFetched
from bench.core import logging_as_in_production
from bench.rows import Row

_PARTS = {
    "AgentDojo": agent_dojo.rows,
    "tau2 telecom": agent_tickets.rows,
    "BFCL multiple": agent_many_tools.rows,
}


async def rows(quick: bool = False) -> list[Row]:
    """Measure each part; quick takes a part of the tasks."""
    found: list[Row] = []
    with logging_as_in_production():
        for name, part in _PARTS.items():
            try:
                found += await part(quick)
            except NotFetched as error:
                found.append(Row(f"{name}: not run, {error}", None, "", "", None))
    return found
