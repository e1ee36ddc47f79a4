"""What the benchmark of the console takes for granted: its store, and when an event is lost."""

from __future__ import annotations

from datetime import UTC
from pathlib import Path

from bench.console import Watched, count_lost
from bench.console_store import DAYS, fill_store
from bot.history.days import Days
from bot.history.turn_search import TurnFilter, TurnSearch
from bot.history.usage import UsageCounts
from bot.storage.database import Database


async def test_its_store_has_the_turns_and_their_counts(tmp_path: Path) -> None:
    path = tmp_path / "parlance.db"
    await fill_store(path, 300)
    database = await Database.open(path)
    found = await TurnSearch(database).page(TurnFilter(), limit=1000)
    assert len(found.turns) == 300
    report = await UsageCounts(database).report(Days.newest(DAYS + 2, UTC))
    assert report.total.turns == report.total.measured == 300
    assert report.total.written == sum(one.written for one in found.turns)
    assert len(report.by["place"]) > 5
    await database.close()


def test_an_event_is_lost_where_a_number_is_left_out_doubled_or_late() -> None:
    whole = Watched([3, 4, 5])
    assert count_lost([whole, Watched([4, 5])]) == 0
    assert count_lost([whole, Watched([3, 5])]) == 1
    assert count_lost([whole, Watched([3, 4])]) == 1
    assert count_lost([whole, Watched([3, 4, 4, 5])]) == 1
    assert count_lost([whole, Watched([3, 5, 4])]) > 0
