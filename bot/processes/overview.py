"""Which processes use a database, for an operator; blocks."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import select

from bot.processes.crew import ROLE
from bot.processes.tables import leases, processes
from bot.storage.address import ServerAddress
from bot.storage.blocking import revision_at, snapshot


def list_processes(address: ServerAddress) -> Sequence[dict[str, object]]:
    """A row for each process: where it runs, since when, when it was last heard of (by the
    database's clock), the newest schema that it knows, its role, and what it alone does. Raises
    `StorageError`."""
    if revision_at(address) is None:
        return []
    with snapshot(address) as connection:
        alone: defaultdict[str, list[str]] = defaultdict(list)
        for row in connection.execute(select(leases).order_by(leases.c.name)):
            alone[row.process].append(row.name)
        found = connection.execute(select(processes).order_by(processes.c.started_at)).all()
    return [
        {
            "process": row.host,
            "since": _moment(row.started_at),
            "heard": _moment(row.beat_at),
            "schema": row.schema,
            "role": _role(row.told),
            "alone": ", ".join(alone[row.id]),
        }
        for row in found
    ]


def _role(told: str) -> str:
    try:
        return str(json.loads(told).get(ROLE, "all"))
    except ValueError:
        return "all"


def _moment(at: datetime) -> str:
    return at.astimezone().isoformat(timespec="seconds")
