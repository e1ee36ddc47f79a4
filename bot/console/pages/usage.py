"""How much is asked and what it takes, by day, place, model, skill, and by person if asked for."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, timedelta, tzinfo
from typing import Any, Final
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute

from bot.catalogue.sentence import say
from bot.console.charts import Chart, Series, draw_chart
from bot.console.formatting import write_number, write_seconds
from bot.console.lookups import BriefLookups
from bot.console.site import CONSOLE_PATH, Site
from bot.console.visit import Visit
from bot.history.days import Days
from bot.history.usage import PersonUse, UsageCounts, UseReport
from bot.types import Author

SHORT_SPANS: Final = (7, 30, 90)
"""Spans that are one press away, in days."""
DEFAULT_SPAN: Final = 30
MAX_SPAN: Final = 92
"""As many days as a quarter has; each is drawn."""
_MAX_FIELD_CHARACTERS: Final = 10
_ZONES_REUSE_S: Final = 15.0


def read_days(given: Mapping[str, str], zone: tzinfo, now: datetime | None = None) -> Days:
    """The days of a query: so many up to today (`days`), or from one date to another (`since`,
    `until`). What makes no sense is left out, and at most `MAX_SPAN` of them are looked at."""
    count = given.get("days", "")[:_MAX_FIELD_CHARACTERS]
    if count in map(str, SHORT_SPANS):
        return Days.newest(int(count), zone, now)
    newest = Days.newest(DEFAULT_SPAN, zone, now)
    last = _date(given.get("until", "")) or newest.last
    first = _date(given.get("since", "")) or last - timedelta(days=DEFAULT_SPAN - 1)
    first, last = min(first, last), max(first, last)
    return Days(max(first, last - timedelta(days=MAX_SPAN - 1)), last, zone)


def _date(text: str) -> date | None:
    """A date of this or the last centuries; None for anything else."""
    try:
        found = date.fromisoformat(text[:_MAX_FIELD_CHARACTERS])
    except ValueError:
        return None
    return found if 1990 <= found.year <= 2200 else None


def draw_charts(report: UseReport) -> Sequence[Chart]:
    """The pictures of a report."""
    days = [day for day, _ in report.days]
    used = [use for _, use in report.days]

    def whole(value: float) -> str:
        return write_number(round(value))

    return [
        draw_chart(
            "turns",
            say("Turns"),
            days,
            [
                Series(say("answered"), "good", [one.turns - one.failed for one in used]),
                Series(say("failed"), "bad", [one.failed for one in used]),
            ],
            whole,
        ),
        draw_chart(
            "tokens",
            say("Tokens"),
            days,
            [
                Series(say("written"), "main", [one.written for one in used]),
                Series(say("read"), "quiet", [one.read for one in used]),
            ],
            whole,
        ),
        draw_chart(
            "waits",
            say("Wait until the first word, on average"),
            days,
            [
                Series(say("for a free model"), "busy", [one.mean_queue_s or 0.0 for one in used]),
                Series(
                    say("loading and reading"),
                    "quiet",
                    [(one.mean_wait_s or 0.0) - (one.mean_queue_s or 0.0) for one in used],
                ),
            ],
            write_seconds,
        ),
        draw_chart(
            "machine",
            say("Time that the machine worked"),
            days,
            [Series(say("worked"), "main", [one.machine_s for one in used])],
            write_seconds,
        ),
    ]


class UsagePage:
    """The page. `close` must be called at the end."""

    def __init__(self, site: Site) -> None:
        self._site = site
        self._counts = UsageCounts(site.app.database)
        self._zones: BriefLookups[Author] = BriefLookups(self._find_zone, _ZONES_REUSE_S)

    def routes(self) -> Sequence[BaseRoute]:
        """The routes of this page."""
        return [
            self._site.route("/usage", self._show),
            self._site.route("/usage/people", self._show_people, method="POST", admins=True),
        ]

    async def close(self) -> None:
        """Give up what is being asked."""
        await self._zones.close()

    async def _show(self, request: Request, visit: Visit) -> Response:
        days = await self._days(request, visit)
        return await self._page(visit, days, None)

    async def _show_people(self, request: Request, visit: Visit) -> Response:
        """Show how much each person used, and write down that somebody looked."""
        days = await self._days(request, visit)
        span = f"{days.first} – {days.last}"
        await self._site.changes.add(visit.asker.author.key, say("looked at use by person"), span)
        return await self._page(visit, days, await self._counts.people(days))

    async def _page(self, visit: Visit, days: Days, people: Sequence[PersonUse] | None) -> Response:
        own = None if visit.asker.admin else visit.asker.author.key
        report = await self._counts.report(days, own)
        values: dict[str, Any] = {
            "days": days,
            "newest": days.last == Days.newest(1, days.zone).last,
            "spans": SHORT_SPANS,
            "longest": MAX_SPAN,
            "report": report,
            "total": report.total,
            "charts": draw_charts(report),
            "people": people,
            "places": await self._site.places.of(name for name, _ in report.by["place"]),
            "within": _turns_within(days),
            "span": urlencode({"since": days.first, "until": days.last}),
        }
        return self._site.page(visit, "usage.html", **values)

    async def _days(self, request: Request, visit: Visit) -> Days:
        person = visit.asker.author
        name = (await self._zones.get([person])).get(person)
        zone = await asyncio.to_thread(ZoneInfo, name) if name else UTC
        return read_days(request.query_params, zone)

    async def _find_zone(self, person: Author) -> str:
        schedules = self._site.app.services.schedules
        return "" if schedules is None else await schedules.zone_of(person)


def _turns_within(days: Days) -> str:
    """The address of the turns of these days, to which more can be added."""
    # As the fields of that page have it: in the zone of the machine.
    start, end = (moment.astimezone().replace(tzinfo=None) for moment in (days.start, days.end))
    span = {"since": start.isoformat("T", "minutes"), "until": end.isoformat("T", "minutes")}
    return f"{CONSOLE_PATH}/turns?{urlencode(span)}"
