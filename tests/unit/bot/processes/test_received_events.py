"""Events are kept as they came until they are handled, whichever process dies meanwhile."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Any

import pytest
import sqlalchemy as sa

from bot.background import background
from bot.errors import StorageError
from bot.history.sql_store import SqlHistoryStore
from bot.processes.crew import Crew, Role
from bot.processes.received_events import MAX_PAYLOAD_BYTES, Handler, ReceivedEvents
from bot.processes.tables import received_events
from bot.storage.address import DatabaseAddress
from bot.storage.database import Database
from tests.unit.bot.processes.conftest import Process
from tests.until import PATIENCE_S, until

Begin = Callable[[], Awaitable[Process]]


class Taker:
    """What a process handles of one platform."""

    def __init__(self) -> None:
        self.handled: list[str] = []
        self.connected = True
        self.format = 1
        self.fails_with: Exception | None = None

    async def handle(self, payload: Mapping[str, Any]) -> None:
        self.handled.append(payload["text"])
        if self.fails_with is not None and payload["text"] == "bad":
            raise self.fails_with

    def of(self, database: Database, crew: Crew | None = None) -> ReceivedEvents:
        return ReceivedEvents(
            database,
            crew or Crew(),
            lambda: {"slack": Handler(self.handle, self.format)} if self.connected else {},
        )


async def put(events: ReceivedEvents, text: str, place: str = "C1") -> str:
    key = f"Ev-{text!a}"
    return await events.put("slack", key, f"of {key}", place, "slack:U1", {"text": text})


async def kept(database: Database) -> int:
    async with database.read() as connection:
        query = sa.select(sa.func.count()).select_from(received_events)
        return await connection.scalar(query) or 0


@pytest.fixture
async def database(database_address: DatabaseAddress) -> AsyncIterator[Database]:
    database = await Database.open(database_address)
    yield database
    await database.close()


async def test_what_a_process_has_received_and_not_handled_is_handled_by_the_next(
    database: Database,
) -> None:
    died, handler = Taker().of(database), Taker()
    texts = ["one", "two", "half of a pair \ud83d", "nothing \0"]
    for text in texts:
        assert await put(died, text) == "here"
    async with background(handler.of(database).run(), "events"):
        await until(lambda: len(handler.handled) == len(texts))
    assert handler.handled == texts
    assert await kept(database) == 0


async def test_an_event_that_is_delivered_again_is_known(database: Database) -> None:
    events = Taker().of(database)
    assert await put(events, "one") == "here"
    assert await put(events, "one") == "known"
    assert await events.put("discord", "Ev-'one'", "1", "C1", "discord:1", {}) == "here"


async def test_what_was_handled_is_not_handled_again_after_a_restart(database: Database) -> None:
    handler = Taker()
    events = handler.of(database)
    async with background(events.run(), "events"):
        assert await put(events, "one") == "here"
    assert await kept(database) == 0
    async with background(handler.of(database).run(), "events"):
        await asyncio.sleep(0.1)
    assert handler.handled == []


async def test_what_a_dead_process_has_claimed_is_not_handled_again(database: Database) -> None:
    died, handler = Taker().of(database), Taker()
    await put(died, "claimed")
    await put(died, "not claimed")
    assert await SqlHistoryStore(database).claim("slack", "of Ev-'claimed'")
    async with background(handler.of(database).run(), "events"):
        await until(lambda: handler.handled == ["not claimed"])
        assert await kept(database) == 1


async def test_an_event_that_ends_each_process_is_given_up_and_the_others_are_handled(
    database: Database,
) -> None:
    handler = Taker()
    handler.fails_with = RuntimeError("boom")
    died = handler.of(database)
    await put(died, "bad")
    await put(died, "good")
    events = handler.of(database)
    async with background(events.run(), "events"):
        await until(lambda: "good" in handler.handled)

        def is_tried_again() -> bool:
            events.look_again()
            return handler.handled.count("bad") == 2

        await until(is_tried_again)
        for _ in range(4):
            events.look_again()
            await asyncio.sleep(0.1)
    assert handler.handled.count("good") == 1
    assert handler.handled.count("bad") == 2  # the third process would not be tried


async def test_an_event_that_cannot_be_stored_in_time_or_at_all_is_left_to_whoever_received_it(
    database: Database,
) -> None:
    events, hold = Taker().of(database), threading.Event()
    busy = asyncio.create_task(database.write(lambda _: hold.wait(PATIENCE_S) and None))
    await asyncio.sleep(0.1)
    with pytest.raises(StorageError, match="in time"):
        await put(events, "one")
    hold.set()
    await busy
    with pytest.raises(StorageError, match="too large"):
        await events.put("slack", "2", "2", "C1", "slack:U1", {"text": "x" * MAX_PAYLOAD_BYTES})


# --- several processes ---------------------------------------------------------------------------


@asynccontextmanager
async def taking(process: Process, handler: Taker, role: Role) -> AsyncIterator[ReceivedEvents]:
    crew = Crew(process.leases, process.membership, process.lanes, role=role)
    events = handler.of(process.database, crew)
    async with background(events.run(), "events"):
        yield events


async def knows(front: ReceivedEvents, workers: int) -> None:
    await until(lambda: len(front._takers("slack")) == workers)


async def test_a_front_gives_the_events_of_a_place_to_one_worker_in_their_order(
    begin: Begin,
) -> None:
    one, two, three = await begin(), await begin(), await begin()
    own, left, right = Taker(), Taker(), Taker()
    async with (
        taking(one, own, "front") as front,
        taking(two, left, "worker"),
        taking(three, right, "worker"),
    ):
        await knows(front, 2)
        for number in range(60):
            given = await put(front, f"{number % 20:02} {number:02}", f"C{number % 20}")
            assert given == "elsewhere"
        await until(lambda: len(left.handled) + len(right.handled) == 60)
    assert left.handled
    assert right.handled
    assert not own.handled
    for handler in (left, right):
        for place in range(20):
            of_place = [text for text in handler.handled if text.startswith(f"{place:02} ")]
            assert len(of_place) in (0, 3)
            assert of_place == sorted(of_place)


async def test_what_a_dead_worker_was_given_is_handled_by_another(begin: Begin) -> None:
    one, two, three = await begin(), await begin(), await begin()
    own, first, second = Taker(), Taker(), Taker()
    async with taking(one, own, "front") as front, taking(two, first, "worker"):
        await knows(front, 1)
        await put(front, "before")
        await until(lambda: first.handled == ["before"])
        await two.have_stood_still()
        two.database._listeners.clear()  # it hears nothing any more
        assert await put(front, "after") == "elsewhere"
        async with taking(three, second, "worker"):
            await until(lambda: "after" in second.handled)
    # Whether the first event was claimed is not known, so it is handled again.
    assert second.handled == ["before", "after"]
    assert not own.handled


async def test_a_worker_that_drains_is_given_nothing_and_a_front_alone_handles_all(
    begin: Begin,
) -> None:
    one, two = await begin(), await begin()
    own, other = Taker(), Taker()
    async with taking(one, own, "front") as front, taking(two, other, "worker") as worker:
        await knows(front, 1)
        assert await put(front, "one") == "elsewhere"
        await until(lambda: other.handled == ["one"])
        other.connected = False
        worker.stop_taking()
        await knows(front, 0)
        assert await put(front, "two") == "here"
    assert own.handled == []  # whoever put it handles it


async def test_a_worker_that_reads_another_format_is_given_nothing(begin: Begin) -> None:
    one, two, three = await begin(), await begin(), await begin()
    own, older, same = Taker(), Taker(), Taker()
    older.format = 0
    async with taking(one, own, "front") as front, taking(two, older, "worker"):
        await until(lambda: any((front._known or {}).values()))
        assert await put(front, "one") == "here"
        async with taking(three, same, "worker"):
            await knows(front, 1)
            assert await put(front, "two") == "elsewhere"
            await until(lambda: same.handled == ["two"])
    assert older.handled == []
