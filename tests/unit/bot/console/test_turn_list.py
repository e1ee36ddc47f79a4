"""The list of turns: its order, its pages, and how places are called."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection
from sqlalchemy.dialects.sqlite import dialect

from backends.base import Usage
from bot.console import lookups
from bot.console.pages.turns import read_order
from bot.console.places import PlaceNames
from bot.history.turn_search import (
    TurnFilter,
    TurnOrder,
    TurnSearch,
    search_query,
)
from bot.storage.database import Database
from bot.types import ConversationKey
from tests.unit.bot.console.conftest import CHANNEL, Room, on_both_engines
from tests.until import until

LINK = re.compile(r'href="/console/turns/(\w+)"')
TOOK = [(3, 0.5, 5.0), (1, 2.0, 1.0), (2, 1.0, 3.0), (2, 1.0, 3.0)]
"""Tokens written, and the seconds of waiting and of writing, of some turns."""


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[Database]:
    database = await Database.open(tmp_path / "parlance.db")
    yield database
    await database.close()


async def took(room: Room) -> list[str]:
    return [
        await room.turn(usage=Usage(9, 0, tokens, wait, 0.0, 0.0, writing))
        for tokens, wait, writing in TOOK
    ]


async def test_columns_sort_both_ways_and_say_so(room: Room) -> None:
    a, b, c, d = await took(room)
    browser = await room.browser("ann")
    for sort, wanted, column in (
        ("", [d, c, b, a], "When"),
        ("time", [a, b, c, d], "When"),
        ("-written", [a, d, c, b], "Tokens"),
        ("written", [b, c, d, a], "Tokens"),
        ("-wait", [b, d, c, a], "Waited"),
        ("-total", [a, d, c, b], "Time"),
        ("nonsense", [d, c, b, a], "When"),
    ):
        text = (await browser.get(f"/console/turns?sort={sort}&skill=message")).text
        assert LINK.findall(text) == wanted, sort
        (heads,) = re.findall(r"<thead>.*?</thead>", text, re.DOTALL)
        sorted_by = re.findall(r'aria-sort="(\w+)"><a href="([^"]+)">(\w+)<', heads)
        assert [(state, name) for state, _, name in sorted_by] == [
            ("descending" if not sort or sort[0] in "-n" else "ascending", column)
        ]
        assert "skill=message" in sorted_by[0][1], "what was looked for is kept"
        other = (await browser.get(sorted_by[0][1].replace("&amp;", "&"))).text
        assert LINK.findall(other) == wanted[::-1], "another press turns it round"


@on_both_engines
async def test_pages_follow_each_other_whatever_comes_in_meanwhile(room: Room) -> None:
    made = [await room.turn(usage=Usage(1, 0, n // 7, 0, 0, 0, 1.0)) for n in range(120)]
    browser = await room.browser("ann")
    for sort in ("time", "-time", "written", "-written"):
        seen: list[str] = []
        address = f"/console/turns?sort={sort}&place={CHANNEL}"
        while address:
            text = (await browser.get(address)).text
            seen += LINK.findall(text)
            more = re.findall(r'rel="next" href="([^"]+)"', text)
            address = more[0].replace("&amp;", "&") if more else ""
            if sort.startswith("-"):  # what is newer than the page belongs to an earlier one
                await room.turn(usage=Usage(1, 0, 10_000, 0, 0, 0, 1.0), place="test:other:x")
        assert len(seen) == len({*seen}) == len(made)
        assert {*seen} == {*made}


async def test_what_is_empty_says_what_to_do(room: Room) -> None:
    browser = await room.browser("ann")
    assert "Nobody has asked anything yet" in (await browser.get("/console/turns")).text
    assert "Leave a field empty" in (await browser.get("/console/turns?model=x")).text
    await room.turn()
    text = (await browser.get("/console/turns?after=0.0")).text
    assert "There are no more" in text
    assert "Back to the first page" in text


@given(st.dictionaries(st.sampled_from(["sort", "after"]), st.text(max_size=50)))
@settings(max_examples=50)
def test_whatever_an_address_says_is_an_order(query: dict[str, str]) -> None:
    order = read_order(query)
    assert order.after is None or all(0 <= one < 2**63 for one in order.after)


@on_both_engines
async def test_turns_come_in_pages_of_any_size(room: Room) -> None:
    made = await took(room)
    search = TurnSearch(room.app.database)
    page = await search.page(TurnFilter(), limit=2)
    assert [one.id for one in page.turns] == made[:1:-1]
    rest = await search.page(TurnFilter(), TurnOrder(after=page.more), limit=2)
    assert [one.id for one in rest.turns] == made[1::-1]
    assert rest.more is None


@pytest.mark.parametrize(
    "wanted",
    [
        TurnFilter(),
        TurnFilter(status="refused", model="none", skill="ask"),
        TurnFilter(person="discord:1"),
        TurnFilter(place="discord:1:2", since=datetime(2026, 1, 1, tzinfo=UTC)),
    ],
)
@pytest.mark.parametrize("order", [TurnOrder(), TurnOrder("total", after=(5, 5))])
async def test_no_row_with_a_text_is_read_to_find_out_which_turns_are_wanted(
    database: Database, wanted: TurnFilter, order: TurnOrder
) -> None:
    query = search_query(wanted, order, 51)
    compiled = query.compile(dialect=dialect(paramstyle="named"))

    def explain(connection: Connection) -> list[str]:
        driver = connection.connection.driver_connection
        assert driver is not None
        explained = f"EXPLAIN QUERY PLAN {compiled}"
        return [row[3] for row in driver.execute(explained, compiled.params)]

    plan = await database.write(explain)
    scans = [step for step in plan if step.startswith("SCAN")]
    assert all("COVERING INDEX ix_turns_listed" in step for step in scans), plan


async def test_places_have_the_names_that_their_platform_shows(
    room: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lookups, "PAGE_WAIT_S", 30.0)
    turn = await room.turn(place=f"{CHANNEL}:t=9")
    browser = await room.browser("ann")
    assert "test / team / general / thread 9" in (await browser.get("/console/turns")).text
    room.people.places = {"general": "<b>Team</b> / #general"}
    fresh = PlaceNames(room.app.core.platforms)
    assert await fresh.of([CHANNEL, "test:@dm:d", "", "odd"]) == {
        CHANNEL: "test / <b>Team</b> / #general",
        "test:@dm:d": "test / d",
        "": "for one person alone",
        "odd": "odd",
    }
    await fresh.close()
    monkeypatch.setattr(lookups, "_EMPTY_REUSE_S", 0.0)
    for path in ("", f"/{turn}"):
        text = (await browser.get(f"/console/turns{path}")).text
        assert "test / &lt;b&gt;Team&lt;/b&gt; / #general / thread" in text


async def test_a_page_does_not_wait_for_a_platform_that_is_slow(
    room: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = asyncio.Event()

    async def slow(place: ConversationKey) -> str:
        await told.wait()
        return "#general"

    monkeypatch.setattr(lookups, "PAGE_WAIT_S", 0.0)
    names = PlaceNames(room.app.core.platforms)
    monkeypatch.setattr(room.people, "place_name", slow)
    assert await names.of([CHANNEL]) == {CHANNEL: "test / team / general"}
    told.set()
    await until(lambda: not names._lookups._asking)
    monkeypatch.setattr(lookups, "PAGE_WAIT_S", 30.0)
    assert await names.of([CHANNEL]) == {CHANNEL: "test / #general"}
    await names.close()


async def test_a_platform_that_never_answers_is_asked_a_bounded_number_of_times(
    room: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[ConversationKey] = []

    async def never(place: ConversationKey) -> str:
        asked.append(place)
        await asyncio.Event().wait()
        return ""

    monkeypatch.setattr(lookups, "PAGE_WAIT_S", 0.0)
    monkeypatch.setattr(room.people, "place_name", never)
    names = PlaceNames(room.app.core.platforms)
    for number in range(300):
        await names.of([f"test:team:c{number}"])
    await asyncio.sleep(0)
    assert len(asked) <= lookups.MAX_LOOKUPS
    await names.close()
