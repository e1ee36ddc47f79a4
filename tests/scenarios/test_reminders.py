"""A reminder over a restart, on every platform."""

from __future__ import annotations

import asyncio
import sqlite3
from contextlib import closing
from datetime import timedelta
from pathlib import Path

from tests.scenarios.harness import House

TEXT = "water the plants"


def database_of(house: House) -> Path:
    return house.folder / "data" / "parlance.db"


def states(house: House) -> list[str]:
    """What became of the times that something was due."""
    with closing(sqlite3.connect(database_of(house))) as database:
        return [row[0] for row in database.execute("SELECT state FROM occurrences")]


async def test_a_reminder_over_a_restart(house: House) -> None:
    request = f"us tomorrow at 9: {TEXT}"
    await house.driver.command("remind", {"request": request})
    await house.hears("I will say there")
    await house.stop()
    _let_a_day_pass(house)
    await house.start()
    await house.sees(TEXT)
    await house.sees("I was not running.")
    await house.until(lambda: states(house) == ["done"], "the reminder done")
    await house.restart()
    await asyncio.sleep(0.2)
    assert house.text.count("I was not running.") <= 1
    assert states(house) == ["done"]


def _let_a_day_pass(house: House) -> None:
    with closing(sqlite3.connect(database_of(house))) as database:
        day = int(timedelta(days=2) / timedelta(microseconds=1))
        database.execute("UPDATE jobs SET next_at = next_at - ?", (day,))
        database.commit()
