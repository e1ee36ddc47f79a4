"""Models with tools: what orders of others reach, what approvals cost, what many tools add.

The sets of tasks are data of others; where they cannot be fetched their rows say so. The models are
scripted: one obeys what it reads, others know what is right. AGENT_MODEL=NAME adds rows of a model
of config.yaml. See docs/benchmarks.md.
"""

from __future__ import annotations

import os
from collections.abc import Awaitable

from bench import agent_dojo, agent_many_tools, agent_speed, agent_tickets
from bench.agent_sets import NotFetched
from bench.core import logging_as_in_production
from bench.rows import Row
from bot.app import open_app
from bot.installation import Installation

_PARTS = {
    "AgentDojo": agent_dojo.rows,
    "tau2 telecom": agent_tickets.rows,
    "BFCL multiple": agent_many_tools.rows,
    "speed": agent_speed.rows,
}


async def rows(quick: bool = False) -> list[Row]:
    """Measure each part; quick takes a part of the tasks."""
    found: list[Row] = []
    with logging_as_in_production():
        for name, part in _PARTS.items():
            found += await _played(name, part(quick))
        if model := os.environ.get("AGENT_MODEL"):
            async with open_app(Installation.read()) as app:
                backend = app.pool.backend(model)
                found += await _played("AgentDojo", agent_dojo.real_rows(backend, quick))
                found += await _played("BFCL", agent_many_tools.real_rows(backend, quick))
    return found


async def _played(name: str, part: Awaitable[list[Row]]) -> list[Row]:
    try:
        return await part
    except NotFetched as error:
        return [Row(f"{name}: not run, {error}", None, "", "", None)]
