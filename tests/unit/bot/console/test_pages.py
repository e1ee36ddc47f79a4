"""What the pages of the console show, and to whom."""

from __future__ import annotations

import asyncio
import json
import re

from bot.history.protocol import StoredMessage
from bot.observability.logs import recent_errors
from bot.sign_in.changes import ChangeRecord
from bot.status import describe_all, now, report
from bot.types import Explanation, Source
from tests.unit.bot.console.conftest import Room, on_both_engines


async def test_turns_are_found_by_what_is_known_about_them(room: Room) -> None:
    first = await room.turn("ann", command="ask")
    failed = await room.turn("bob", "test:team:other:t=9", status="failed", error="ab12cd34")
    browser = await room.browser("ann")

    async def found(query: str) -> list[str]:
        text = (await browser.get(f"/console/turns?{query}")).text
        return re.findall(r'href="/console/turns/(\w+)"', text)

    assert await found("") == [failed, first]
    assert await found("person=test:bob") == [failed]
    assert await found("place=test:team:other") == [failed]
    assert await found("place=test:team") == [failed, first]
    assert await found("place=test:tea") == []
    assert await found("skill=ask") == [first]
    assert await found("skill=message") == [failed]
    assert await found("status=failed") == [failed]
    assert await found("error=AB12CD34") == [failed]
    assert await found("model=default&status=complete") == [first]
    assert await found("since=2999-01-01T00:00") == []
    assert await found("until=2999-01-01T00:00&since=nonsense") == [failed, first]
    assert "No turn is like that" in (await browser.get("/console/turns?error=none")).text


async def test_somebody_who_is_no_admin_sees_their_own_turns_alone(room: Room) -> None:
    own, other = await room.turn("bob"), await room.turn("ann")
    browser = await room.browser("bob")
    text = (await browser.get("/console/turns?person=test:ann")).text
    assert f"/turns/{own}" in text
    assert f"/turns/{other}" not in text
    assert (await browser.get(f"/console/turns/{own}")).status_code == 200
    seen = await browser.get(f"/console/turns/{other}")
    assert seen.status_code == 404
    assert seen.text == (await browser.get("/console/turns/nothing")).text


async def test_a_turn_of_somebody_else_is_neither_stopped_nor_read_by_its_id(room: Room) -> None:
    other = await room.turn("ann", said="secret words")
    browser = await room.browser("bob")
    form = await browser.form()
    for what, status in (("words", 403), ("stop", 404)):
        answer = await browser.post(f"/console/turns/{other}/{what}", token=form)
        assert answer.status_code == status
        assert "secret words" not in answer.text
    done = [one.action for one in await ChangeRecord(room.app.database).newest()]
    assert done == ["signed in"]


async def test_words_of_others_are_shown_when_they_are_asked_for_which_is_written_down(
    room: Room,
) -> None:
    turn = await room.turn("bob", text="my question", said="my answer")
    browser = await room.browser("ann")
    page = (await browser.get(f"/console/turns/{turn}")).text
    assert "my question" not in page
    assert "my answer" not in page
    form = await browser.form(f"/console/turns/{turn}")
    shown = (await browser.post(f"/console/turns/{turn}/words", token=form)).text
    assert "my question" in shown
    assert "my answer" in shown
    newest = (await ChangeRecord(room.app.database).newest())[0]
    assert (newest.person, newest.action, newest.subject) == ("test:ann", "read a turn", turn)


async def test_private_words_are_shown_to_nobody_else_whoever_asks(room: Room) -> None:
    direct = await room.turn("bob", "test:@dm:x", said="secret words", private=True)
    unknown = await room.turn("bob", said="secret words", private=None)
    source = Source(1, "Diary", "diary.md", passage="secret words", base="@test:bob")
    drawn = await room.turn("bob", said="secret words", explanation=Explanation(passages=(source,)))
    for ident in ("ann", ""):
        browser = await room.browser(ident)
        for turn in (direct, unknown, drawn):
            form = await browser.form(f"/console/turns/{turn}")
            shown = await browser.post(f"/console/turns/{turn}/words", token=form)
            assert shown.status_code == 200
            assert "secret words" not in shown.text, (ident, turn)
            assert "for the person who asked alone" in shown.text
    own = await room.browser("bob")
    assert "secret words" in (await own.get(f"/console/turns/{direct}")).text


async def test_foreign_text_is_no_part_of_the_page(room: Room) -> None:
    bad = "<script>alert(1)</script><img src=x onerror=alert(1)>"
    link = "[x](javascript:alert(1)) ![p](http://evil.example/p.png)"
    source = Source(1, bad, "javascript:alert(1)", heading=bad, passage=bad)
    turn = await room.turn(
        "ann",
        text=bad,
        said=f"{bad}\n\n{link}",
        model=bad,
        explanation=Explanation(passages=(source,)),
    )
    browser = await room.browser("ann")
    for path in (f"/console/turns/{turn}", "/console/turns", f"/console/turns?place={bad}"):
        text = (await browser.get(path)).text
        assert "<script>alert" not in text
        assert "onerror=alert(1)>" not in text
        assert 'href="javascript' not in text
        assert "<img" not in text


async def test_a_turn_shows_what_its_time_went_into(room: Room) -> None:
    turn = await room.turn("ann", status="failed", error="ab12cd34")
    text = (await (await room.browser("ann")).get(f"/console/turns/{turn}")).text
    for words in ("waiting for the model", "loading it", "reading", "writing", "ab12cd34"):
        assert words in text


@on_both_engines
async def test_what_the_bot_reports_of_itself_is_the_same_on_both_engines(room: Room) -> None:
    told = await report(room.app, [room.people], now())
    assert json.loads(json.dumps(told)) == told
    assert [one["name"] for one in told["platforms"]] == ["test"]
    assert {one["model"] for one in told["models"]} == {"default", "other", "embedder"}
    assert (told["open_turns"], told["queue"], told["documents"]) == (0, 0, 0)
    assert told["disk"]["database"] > 10_000
    (own,) = await describe_all(room.app, [room.people])
    assert own["models"] == told["models"]


@on_both_engines
async def test_what_goes_on_now_comes_by_itself(room: Room) -> None:
    browser = await room.browser("ann")
    async with browser.http.stream("GET", f"{browser.base}/console/now/events") as events:
        assert events.headers["content-type"].startswith("text/event-stream")
        lines = events.aiter_lines()
        assert (await anext(lines)).startswith("id: ")
        assert (await anext(lines)).startswith("data: <section")


async def test_errors_of_every_kind_are_listed(room: Room) -> None:
    """One without an id, such as a library's, ended the page."""
    recent_errors.append({"event": "library.failed"})
    failed = {"event": "turn.failed", "error_id": "ab12cd34", "reason": "x"}
    recent_errors.append({**failed, "timestamp": "2026-01-02T03:04:05Z"})
    text = (await (await room.browser("ann")).get("/console/")).text
    assert "library.failed" in text
    assert 'href="/console/turns?error=ab12cd34"' in text


async def test_streams_end_with_the_bot(room: Room) -> None:
    browser = await room.browser("ann")
    async with browser.http.stream("GET", f"{browser.base}/console/now/events") as events:
        lines = events.aiter_lines()
        await anext(lines)
        assert room.app.sign_in.close is not None
        closing = asyncio.ensure_future(room.app.sign_in.close())
        async for _ in lines:
            continue
        await closing


async def test_the_checks_run_when_they_are_asked_for(room: Room) -> None:
    browser = await room.browser("ann")
    assert "model default" not in (await browser.get("/console/health")).text
    form = await browser.form("/console/health")
    text = (await browser.post("/console/health", token=form)).text
    assert "documents" in text
    assert "Parlance" in text
    assert "ran the checks" in text


async def test_every_answer_says_what_a_browser_may_do(room: Room) -> None:
    browser = await room.browser("ann")
    for path in ("/console/", "/console/turns", "/console/none"):
        headers = (await browser.get(path)).headers
        assert "default-src 'none'" in headers["content-security-policy"]
        assert headers["x-content-type-options"] == "nosniff"
    for path in ("/console/", "/console/turns"):
        text = (await browser.get(path)).text
        assert " style=" not in text
        assert "onclick" not in text
        assert "http://" not in text
        assert "https://" not in text


async def test_a_stored_message_says_who_could_read_it(room: Room) -> None:
    turn = await room.turn("ann", error="ab12cd34", status="failed")
    stored = await room.app.services.history.get(turn)
    assert isinstance(stored, StoredMessage)
    assert stored.private is False
    assert stored.error == "ab12cd34"
