"""What the page Usage counts, for whom, and how it draws it."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta
from xml.etree import ElementTree
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import update

from backends.base import Usage
from bot.console.charts import CHART_HEIGHT, CHART_WIDTH, Series, draw_chart
from bot.console.pages.usage import MAX_SPAN, read_days
from bot.history.tables import turn_counts
from bot.schedules.service import Schedules
from bot.sign_in.changes import ChangeRecord
from bot.types import Author
from tests.unit.bot.console.conftest import CHANNEL, Browser, Room, on_both_engines

NOW = datetime(2026, 11, 30, 23, 30, tzinfo=UTC)


async def tables(browser: Browser, path: str = "/console/usage") -> dict[str, list[list[str]]]:
    """The rows of each section's table, as the words of their cells."""
    text = (await browser.get(path)).text
    return {
        name: [re.findall(r"<t[hd][^>]*>(?:<a[^>]*>)?([^<]*)", row) for row in rows(table)]
        for name, table in re.findall(r'aria-labelledby="by-(\w+)">(.*?)</section>', text, re.S)
        if "<tbody>" in table
    }


def rows(table: str) -> list[str]:
    return re.findall(r"<tr>.*?</tr>", table.partition("<tbody>")[2], re.S)


@on_both_engines
async def test_what_everybody_used_is_counted_by_place_model_and_skill(room: Room) -> None:
    await room.turn("ann", command="ask")
    await room.turn("bob", model="large", usage=Usage(1000, 0, 5, 2.0, 0.0, 1.0, 60.0))
    await room.turn("bob", "test:@dm:x", private=True, status="failed")
    found = await tables(await room.browser("ann"))
    used = ["1", "0", "100", "30", "0.10 s", "0.60 s", "0.90 s"]
    assert found["place"] == [
        ["test / team / general", "2", "0", "1,100", "35", "1.05 s", "1.80 s", "1 min 2 s"],
        ["for one person alone", "1", "1", "100", "30", "0.10 s", "0.60 s", "0.90 s"],
    ]
    assert ["large", "1", "0", "1,000", "5", "2.00 s", "3.00 s", "1 min 1 s"] in found["model"]
    assert ["ask", *used] in found["skill"]
    assert found["skill"][0][:3] == ["message", "2", "1"]
    assert "person" not in found


@on_both_engines
async def test_who_is_no_admin_sees_what_they_used_themselves(room: Room) -> None:
    await room.turn("ann", "test:team:secret-place", model="secret-model")
    await room.turn("bob")
    browser = await room.browser("bob")
    found = await tables(browser)
    assert [row[:2] for row in found["place"]] == [["test / team / general", "1"]]
    assert [row[:2] for row in found["model"]] == [["default", "1"]]
    text = (await browser.get("/console/usage")).text
    assert "secret" not in text
    assert "By person" not in text
    form = await browser.form()
    assert (await browser.post("/console/usage/people", token=form)).status_code == 403


async def test_that_somebody_looks_by_person_is_written_down(room: Room) -> None:
    await room.turn("bob", text="my question", said="my answer")
    browser = await room.browser("ann")
    form = await browser.form("/console/usage")
    path = "/console/usage/people?days=7"
    assert (await browser.post(path, token="")).status_code == 403
    text = (await browser.post(path, token=form)).text
    assert 'person=test%3Abob">Bob</a>' in text
    assert ">Bob</a>" not in (await browser.get("/console/usage")).text
    newest = (await ChangeRecord(room.app.database).newest())[0]
    assert (newest.person, newest.action) == ("test:ann", "looked at use by person")
    assert re.fullmatch(r"20\d\d-\d\d-\d\d – 20\d\d-\d\d-\d\d", newest.subject)


async def test_links_lead_to_the_turns_that_were_counted(room: Room) -> None:
    turn = await room.turn("ann", f"{CHANNEL}:t=9")
    other = await room.turn("ann", "test:team:other")
    browser = await room.browser("ann")
    text = (await browser.get("/console/usage")).text
    (address,) = set(re.findall(r'href="([^"]*place=[^"]*general)"', text))
    listed = (await browser.get(address.replace("&amp;", "&"))).text
    assert f"/turns/{turn}" in listed
    assert f"/turns/{other}" not in listed


async def test_pictures_say_in_words_what_they_show(room: Room) -> None:
    await room.turn("ann", model="<b>", command='"><script>alert(1)</script>')
    await room.turn("ann", status="failed")
    text = (await (await room.browser("ann")).get("/console/usage?days=7")).text
    assert "<script>alert" not in text
    assert " style=" not in text
    pictures = re.findall(r"<svg.*?</svg>", text, re.S)
    assert len(pictures) == 4
    for picture in pictures:
        svg = ElementTree.fromstring(picture)  # our own page
        assert svg.get("role") == "img"
        named = {one.get("id"): one.text for one in svg if one.tag in {"title", "desc"}}
        assert {*(svg.get("aria-labelledby") or "").split()} == {*named}
        assert all(named.values())
        assert "table below" in " ".join(str(one) for one in named.values())
    kinds = {one.get("class") for one in ElementTree.fromstring(pictures[0]).iter("rect")}
    assert kinds == {"good", "bad"}
    by_day = text.partition("Each day as a table")[2].partition("</table>")[0]
    assert len(rows(by_day)) == 7
    assert rows(by_day)[0].count("<td") == 7


async def test_where_nothing_was_asked_it_says_what_to_do(room: Room) -> None:
    await room.turn("ann")
    browser = await room.browser("ann")
    text = (await browser.get("/console/usage?since=2000-01-01&until=2000-02-01")).text
    assert "Nothing was asked on these days" in text
    assert "<svg" not in text


async def test_days_are_those_of_the_reader(room: Room) -> None:
    await room.turn("ann")
    late = datetime(2026, 1, 1, 22, 45, tzinfo=UTC)
    move = update(turn_counts).values(at=late)
    await room.app.database.write(lambda connection: connection.execute(move).rowcount)
    browser, days = await room.browser("ann"), "since=2026-01-01&until=2026-01-02"
    schedules = room.app.services.schedules
    assert isinstance(schedules, Schedules)
    await schedules.choose_zone(Author("test", "ann", "Ann"), "Asia/Kathmandu")
    text = (await browser.get(f"/console/usage?{days}")).text
    assert re.search(r'2026-01-02</th>\s*<td class="n">1</td>', text)
    assert re.search(r'2026-01-01</th>\s*<td class="n">0</td>', text)
    assert "Days are those of Asia/Kathmandu" in text


@pytest.mark.parametrize(
    ("query", "first", "last"),
    [
        ({}, "2026-11-02", "2026-12-01"),
        ({"days": "7"}, "2026-11-25", "2026-12-01"),
        ({"days": "8"}, "2026-11-02", "2026-12-01"),
        ({"since": "2026-05-01", "until": "2026-05-03"}, "2026-05-01", "2026-05-03"),
        ({"since": "2026-05-03", "until": "2026-05-01"}, "2026-05-01", "2026-05-03"),
        ({"until": "2026-05-30"}, "2026-05-01", "2026-05-30"),
        ({"since": "1990-01-01"}, "2026-09-01", "2026-12-01"),
        ({"since": "0001-01-01", "until": "9999-12-31"}, "2026-11-02", "2026-12-01"),
    ],
)
def test_days_of_a_query(query: dict[str, str], first: str, last: str) -> None:
    days = read_days(query, ZoneInfo("Europe/Berlin"), NOW)
    assert (str(days.first), str(days.last)) == (first, last)


@given(st.dictionaries(st.sampled_from(["days", "since", "until"]), st.text(max_size=20)))
@settings(max_examples=50)
def test_whatever_an_address_says_is_a_bounded_span(query: dict[str, str]) -> None:
    days = read_days(query, UTC, NOW)
    assert 1 <= len(days.all()) <= MAX_SPAN


@settings(max_examples=50)
@given(
    st.lists(
        st.tuples(st.floats(0, 1e9, allow_nan=False), st.floats(0, 1e9, allow_nan=False)),
        min_size=1,
        max_size=40,
    )
)
def test_bars_stay_within_their_picture(amounts: list[tuple[float, float]]) -> None:
    days = [date(2026, 1, 1) + timedelta(days=n) for n in range(len(amounts))]
    series = [
        Series("a", "main", [one[0] for one in amounts]),
        Series("b", "bad", [one[1] for one in amounts]),
    ]
    for bar in draw_chart("x", "X", days, series, str).bars:
        assert 0 <= bar.x <= bar.x + bar.width <= CHART_WIDTH
        assert -0.02 <= bar.y <= bar.y + bar.height <= CHART_HEIGHT + 0.02
