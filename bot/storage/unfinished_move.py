"""Marks a database into which another one is being copied: it is not whole yet."""

from __future__ import annotations

from typing import Final

import sqlalchemy as sa
from sqlalchemy import Connection

UNFINISHED_TABLE: Final = "unfinished_move"
"""The table that is there until all is copied and compared."""


def is_unfinished(connection: Connection) -> bool:
    """Whether a database at a server has only a part of another one."""
    has = sa.text("SELECT to_regclass(:name) IS NOT NULL")
    return bool(connection.scalar(has, {"name": UNFINISHED_TABLE}))
