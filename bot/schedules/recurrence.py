"""When a cron line is due, by the clocks of a time zone.

What `cronsim` makes of it holds also where clocks change: a time that does not exist that day comes
at the next that does, and one that there is twice comes once. The first call imports it.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import islice, pairwise
from typing import Final

from bot.schedules.zones import zone_named

_CHECKED_TIMES: Final = 200
CRON_FIELDS: Final = 5


def upcoming(cron: str, zone: str, after: datetime, number: int = 1) -> list[datetime]:
    """Return the next times after one, in UTC; fewer where there are no more.

    Raises `ValueError` for a line that is none, with what is wrong with it.
    """
    from cronsim import CronSim, CronSimError

    if len(cron.split()) != CRON_FIELDS:
        raise ValueError("a cron line has five fields")
    try:
        times = CronSim(cron, after.astimezone(zone_named(zone)))
        return [one.astimezone(UTC) for one in islice(times, number)]
    except CronSimError as error:
        raise ValueError(str(error)) from error


def latest(cron: str, zone: str, until: datetime) -> datetime | None:
    """Return the last time until one, that one included."""
    from cronsim import CronSim

    before = (until + timedelta(microseconds=1)).astimezone(zone_named(zone))
    found = next(CronSim(cron, before, reverse=True), None)
    return None if found is None else found.astimezone(UTC)


def shortest_gap(cron: str, zone: str, after: datetime) -> timedelta | None:
    """Return the shortest time between two of the next occurrences; None where it is due at most
    once. Raises `ValueError`."""
    times = upcoming(cron, zone, after, _CHECKED_TIMES)
    gaps = [later - earlier for earlier, later in pairwise(times)]
    return min(gaps, default=None)
