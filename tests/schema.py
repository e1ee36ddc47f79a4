"""Writes the schema of a new database, as SQL: what the migrations make of an empty file."""

from __future__ import annotations

import asyncio
import sqlite3
import tempfile
from contextlib import closing
from pathlib import Path

from bot.storage.migrations import migrate
from bot.storage.schema_version import migrations_folder, present_schema


def dump(path: Path) -> str:
    """A database as SQL, without the transaction around it and the spaces at the ends of lines."""
    with closing(sqlite3.connect(path)) as database:
        _, *statements, _ = database.iterdump()
    lines = "\n".join(statements).splitlines()
    return "\n".join(line.rstrip() for line in lines if line.strip()) + "\n"


def main() -> None:
    """Write the file of the newest revision, and remove that of the one before."""
    for old in migrations_folder().glob("schema-*.sql"):
        old.unlink()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "parlance.db"
        asyncio.run(migrate(path))
        present_schema().write_text(dump(path), "utf-8")


if __name__ == "__main__":
    main()
