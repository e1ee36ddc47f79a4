"""Has one process at a time decide by what it reads, such as whether a limit is reached."""

from __future__ import annotations

from typing import Final

import sqlalchemy as sa
from sqlalchemy import Connection

_LOCK: Final = sa.text("SELECT pg_advisory_xact_lock(hashtextextended(:name, 0))")


def one_at_a_time(connection: Connection, *names: str) -> None:
    """In a job that reads and then writes by what it read: until its transaction ends, no other
    process goes beyond this line with one of these names. Where one process alone writes, nothing
    is done."""
    if connection.dialect.name == "postgresql":
        for name in sorted(names):  # so that two processes do not wait for each other
            connection.execute(_LOCK, {"name": name})
