"""Sources that are synced every so often: when, in which order, and after failures and restarts."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from structlog.testing import capture_logs

from bot.config.knowledge import KnowledgeSettings, SyncSource
from bot.knowledge.index.syncs import SyncStore
from bot.knowledge.ingestion.schedule import SyncSchedule
from bot.knowledge.service import KnowledgeService
from tests.unit.bot.knowledge.conftest import Drain, Room
from tests.until import PATIENCE_S, until

HOUR_S = 3_600.0
PAGE = "<html><head><title>{0}</title></head><body><main><h1>{0}</h1><p>About {0}.</p></main>"


class Clock:
    """A clock that goes on only when it is told to, or slept by."""

    def __init__(self) -> None:
        self.now = 1_800_000_000.0

    def __call__(self) -> float:
        return self.now


def scheduled(
    room: Room, clock: Clock, *sources: dict[str, Any]
) -> tuple[KnowledgeService, SyncSchedule]:
    """A service and its schedule, as after a start."""
    entries = tuple(SyncSource(**source) for source in sources)
    settings = KnowledgeSettings(chunk_tokens=60, sync=entries)
    service = room.service(settings, clock=clock)
    return service, SyncSchedule(service.source_sync, SyncStore(room.database), clock)


def asked(room: Room) -> list[str]:
    """The pages that were asked for since the last call."""
    paths = [seen.path for seen in room.web.seen]
    room.web.seen.clear()
    return paths


async def test_a_source_is_read_when_it_is_due_and_not_before(room: Room) -> None:
    clock = Clock()
    hourly = {"url": room.web.page("/hourly", PAGE.format("hours")), "every": "1h"}
    daily = {"url": room.web.page("/daily", PAGE.format("days")), "every": "1d"}
    never = {"url": room.web.page("/never", PAGE.format("never"))}
    service, schedule = scheduled(room, clock, hourly, daily, never)
    wait_s = await schedule.sync_due()
    assert asked(room) == ["/hourly", "/daily"]
    assert {d.title for d in await service.list()} == {"hours", "days"}
    assert 60 <= wait_s <= HOUR_S
    await schedule.sync_due()
    clock.now += HOUR_S - 1
    await schedule.sync_due()
    assert asked(room) == []
    clock.now += HOUR_S * 0.1 + 1  # the period, and at most a tenth
    await schedule.sync_due()
    assert asked(room) == ["/hourly"]


async def test_a_restart_reads_nothing_again_and_catches_up_on_what_was_missed(room: Room) -> None:
    clock = Clock()
    source = {"url": room.web.page("/lamp", PAGE.format("lamp")), "every": "1h"}
    _, schedule = scheduled(room, clock, source)
    await schedule.sync_due()
    assert asked(room) == ["/lamp"]
    _, schedule = scheduled(room, clock, source)
    await schedule.sync_due()
    assert asked(room) == []
    clock.now += 5 * HOUR_S  # it was down
    _, schedule = scheduled(room, clock, source)
    await schedule.sync_due()
    assert asked(room) == ["/lamp"]


async def test_a_clock_that_is_set_back_keeps_nothing_from_being_read(room: Room) -> None:
    clock = Clock()
    source = {"url": room.web.page("/lamp", PAGE.format("lamp")), "every": "1h"}
    _, schedule = scheduled(room, clock, source)
    await schedule.sync_due()
    asked(room)
    clock.now -= 1_000 * HOUR_S
    assert await schedule.sync_due() <= 2 * HOUR_S


async def test_a_failure_is_tried_again_ever_less_often_and_told_once(room: Room) -> None:
    clock = Clock()
    url = room.web.page("/lamp", "busy", status=503)
    service, schedule = scheduled(room, clock, {"url": url, "every": "1d"})
    tries = []
    with capture_logs() as logs:
        for minute in range(60):
            await schedule.sync_due()
            tries += [minute] * len(asked(room))
            clock.now += 60
    assert len(tries) == 4  # at once, then after 5, 10, 20 and more minutes
    assert tries[0] == 0
    assert 5 <= tries[1] <= 6
    assert [entry["event"] for entry in logs] == ["documents.sync_failed"]
    (failure,) = await service.source_sync.failures()
    assert (failure.location, failure.why) == (url, "127.0.0.1 answered 503 (Service Unavailable).")
    assert failure.since.timestamp() == pytest.approx(1_800_000_000)
    room.web.page("/lamp", PAGE.format("lamp"))
    clock.now += 6 * HOUR_S
    with capture_logs() as logs:
        await schedule.sync_due()
    assert [entry["event"] for entry in logs] == [
        "documents.sync_works_again",
        "documents.synced",
    ]
    assert logs[1]["changes"] == "1 added"
    assert await service.source_sync.failures() == []


async def test_what_becomes_other_is_logged_and_what_does_not_is_not(room: Room) -> None:
    clock = Clock()
    for name in ("apples", "bridges", "castles"):
        room.file(f"{name}.md", f"# About {name}\n\nEverything about {name}.\n")
    _, schedule = scheduled(room, clock, {"path": room.path / "docs", "every": "10m"})
    with capture_logs() as logs:
        await schedule.sync_due()
        clock.now += 700
        await schedule.sync_due()
        room.file("apples.md", "# About apples\n\nThey are red now.\n")
        room.file("dragons.md", "# About dragons\n\nThey spit fire.\n")
        (room.path / "docs/castles.md").unlink()
        clock.now += 700
        await schedule.sync_due()
    assert [entry["changes"] for entry in logs] == ["3 added", "1 added, 1 changed, 1 removed"]


async def test_a_page_of_a_sitemap_that_cannot_be_read_is_logged_once(room: Room) -> None:
    clock = Clock()
    pages = [room.web.page("/lamp", PAGE.format("lamp")), room.web.url("/missing")]
    text = "".join(f"<url><loc>{page}</loc></url>" for page in pages)
    url = room.web.page("/sitemap.xml", f"<urlset>{text}</urlset>", "application/xml")
    _, schedule = scheduled(room, clock, {"url": url, "every": "10m"})
    with capture_logs() as logs:
        for _ in range(3):
            await schedule.sync_due()
            clock.now += 700
    assert [e["event"] for e in logs] == ["documents.synced", "documents.left_out"]


async def test_an_embedder_that_is_down_is_a_failure_and_ends_nothing(
    room: Room, drain: Drain
) -> None:
    clock = Clock()
    room.file("apples.md", "# About apples\n\nThey are green.\n")
    room.backend.available = False
    source = {"path": room.path / "docs", "every": "10m"}
    service, schedule = scheduled(room, clock, source)
    await schedule.sync_due()
    (failure,) = await service.source_sync.failures()
    assert failure.why
    room.backend.available = True
    clock.now += 700
    await schedule.sync_due()
    assert await service.source_sync.failures() == []
    assert len(await service.list()) == 1


async def test_a_sync_of_a_person_and_one_that_is_due_read_one_after_the_other(
    room: Room, drain: Drain
) -> None:
    clock = Clock()
    reading = most = 0

    async def handler(request: web.Request) -> web.StreamResponse:
        nonlocal reading, most
        reading += 1
        most = max(most, reading)
        await asyncio.sleep(0.02)
        reading -= 1
        return web.Response(text=PAGE.format(request.path), content_type="text/html")

    sources = [{"url": room.web.route(f"/{n}", handler), "every": "1h"} for n in range(4)]
    service, schedule = scheduled(room, clock, *sources)
    await asyncio.gather(schedule.sync_due(), drain(service.sync()), schedule.sync_due())
    assert most == 1
    assert len(await service.list()) == 4


async def test_a_schedule_that_is_cancelled_stops_reading_a_server_that_never_ends(
    room: Room,
) -> None:
    clock = Clock()
    url = room.web.endless("/lamp", b"<p>more</p>", 0.01)
    service, schedule = scheduled(room, clock, {"url": url, "every": "1h"})
    running = asyncio.create_task(schedule.run())
    async with asyncio.timeout(PATIENCE_S):
        await until(lambda: room.web.seen)
        running.cancel()
        with suppress(asyncio.CancelledError):
            await running
    assert await SyncStore(room.database).all() == {}  # it is still due
    assert await service.source_sync.failures() == []


async def test_the_rounds_wait_until_the_next_source_is_due(room: Room) -> None:
    clock = Clock()
    source = {"url": room.web.page("/lamp", PAGE.format("lamp")), "every": "1h"}
    service, _ = scheduled(room, clock, source)
    slept: list[float] = []

    async def sleep(seconds: float) -> None:
        slept.append(seconds)
        clock.now += seconds
        if len(slept) == 100:
            raise asyncio.CancelledError

    schedule = SyncSchedule(service.source_sync, SyncStore(room.database), clock, sleep)
    with suppress(asyncio.CancelledError):
        await schedule.run()
    hours = sum(slept) / HOUR_S
    assert hours / 1.11 - 1 <= len(asked(room)) <= hours + 1


def test_nothing_is_imported_where_no_source_names_a_period(tmp_path: Path) -> None:
    program = (
        "import sys, bot.app, bot.cli.bot_process; "
        "print([m for m in sys.modules if m.endswith(('ingestion.schedule', 'loading.git'))])"
    )
    root = Path(__file__).parents[5]
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, cwd=root
    )
    assert done.stdout.strip() == "[]"
