"""Opens a database of either kind; the one that is not configured is not imported."""

from __future__ import annotations

import asyncio
import importlib
from pathlib import Path

from bot.storage.address import DatabaseAddress
from bot.storage.database_engine import DatabaseEngine
from bot.storage.schema_version import migrate_if_needed


async def open_engine(address: DatabaseAddress) -> DatabaseEngine:
    """Bring the database to the present schema, and open it. Raises `StorageError`."""
    if isinstance(address, Path):
        await migrate_if_needed(address)
        # As late as the other: the module of each imports its driver.
        module = await asyncio.to_thread(importlib.import_module, "bot.storage.sqlite_engine")
        engine: DatabaseEngine = await asyncio.to_thread(module.SqliteEngine, address)
        return engine
    module = await asyncio.to_thread(importlib.import_module, "bot.storage.postgresql.engine")
    opened: DatabaseEngine = await asyncio.to_thread(module.PostgresqlEngine.open, address)
    return opened
