"""What the console shows of duels, and how people vote there."""

from __future__ import annotations

import re
from dataclasses import replace

from bot.console.pages.duel import CHART_WIDTH, make_bars
from bot.duels.store import DuelStore
from bot.duels.values import Standing
from bot.sign_in.changes import ChangeRecord
from bot.sign_in.places import console_place
from tests.unit.bot.console.conftest import PLACE, Browser, Room
from tests.until import until

WORDS = "**A**\n\nFrom light.\n\n**B**\n\nFrom paint."


async def held(room: Room, by: str = "bob", **more: object) -> str:
    """A duel of two models in an answer to somebody; returns the answer's id."""
    given = {"command": "duel", "model": "", "text": "Why is the sky blue?", "said": WORDS, **more}
    turn = await room.turn(by, **given)  # type: ignore[arg-type]
    await DuelStore(room.app.database).add(turn, "question", "small", "large")
    return turn


async def post(browser: Browser, path: str) -> str:
    """Press a button of a page, and read what comes."""
    form = await browser.form()
    answer = await browser.post(path, token=form)
    if answer.status_code == 303:
        answer = await browser.get(answer.headers["location"])
    return answer.text


async def until_said(browser: Browser, path: str, words: str) -> str:
    """Read a page until it says something."""
    return (await until(lambda: browser.get(path), fits=lambda page: words in page.text)).text


def told(text: str) -> bool:
    """Whether a page says which model is which."""
    return "<dd>small</dd>" in text or "A small" in text


async def test_who_asked_votes_and_is_told_afterwards(room: Room) -> None:
    turn = await held(room)
    browser = await room.browser("bob")
    listed = (await browser.get("/console/duel")).text
    assert f'href="/console/duel/{turn}">Vote</a>' in listed
    assert not told(listed)
    page = (await browser.get(f"/console/duel/{turn}")).text
    assert "From paint." in page
    assert not told(page)
    voted = await post(browser, f"/console/duel/{turn}/vote/a")
    assert "<dd>A is better</dd>" in voted
    assert not told(voted)
    changed = await post(browser, f"/console/duel/{turn}/vote/bad")
    assert "<dd>Both bad</dd>" in changed
    shown = await post(browser, f"/console/duel/{turn}/names")
    assert told(shown)
    assert "/vote/" not in shown
    refused = await post(browser, f"/console/duel/{turn}/vote/a")
    assert "your vote stays as it is" in refused
    listed = (await browser.get("/console/duel")).text
    assert "A small, B large" in listed
    assert "few votes yet" in listed
    done = [one.action for one in await ChangeRecord(room.app.database).newest()]
    assert "voted on a duel" in done
    assert "asked who is who in a duel" in done


async def test_a_duel_begins_in_a_conversation_of_the_chat(room: Room) -> None:
    browser = await room.browser("bob")
    form = await browser.form("/console/duel")
    question = 'Is "blue" a=colour or \\ b=light?'
    begun = await browser.post(
        "/console/duel", token=form, question=question, kind="question", a=""
    )
    assert begun.status_code == 303
    assert begun.headers["location"].startswith("/console/chat/")
    await until_said(browser, begun.headers["location"], "colour or")
    store = DuelStore(room.app.database)
    page = await until(
        lambda: store.page("test:bob", everybody=False), fits=lambda page: page.duels
    )
    stored = await room.app.services.history.recent(
        str(console_place(replace(PLACE, channel="d-bob"), begun.headers["location"][-12:]))
    )
    assert [one.command for one in stored] == []  # it is in no later prompt
    assert [one.kind for one in page.duels] == ["question"]
    shown = await until_said(browser, f"/console/duel/{page.duels[0].turn}", "/vote/a")
    assert "colour or" in shown
    assert "<strong>B</strong>" in shown
    assert "/vote/a" in shown


async def test_what_is_wrong_with_a_duel_is_said_in_the_chat(room: Room) -> None:
    browser = await room.browser("bob")
    form = await browser.form("/console/duel")
    fields = {"token": form, "question": "hello", "a": "default", "b": "default"}
    begun = await browser.post("/console/duel", **fields)
    await until_said(browser, begun.headers["location"], "Name two different models")
    nobody = await browser.post("/console/duel", token="x", question="hello")
    assert nobody.status_code == 403


async def test_a_vote_of_a_page_and_one_of_the_chat_are_the_same(room: Room) -> None:
    turn = await held(room)
    store = DuelStore(room.app.database)
    assert room.app.services.duels is not None
    await room.app.services.duels.vote(turn, "test:bob", "a")
    await post(await room.browser("bob"), f"/console/duel/{turn}/vote/b")
    board = await store.board()
    assert (board.votes, board.standings[0].model) == (1, "large")


async def test_the_duels_of_others_are_not_here(room: Room) -> None:
    turn = await held(room, "ann")
    browser = await room.browser("bob")
    assert f'/duel/{turn}"' not in (await browser.get("/console/duel")).text
    assert (await browser.get(f"/console/duel/{turn}")).status_code == 404
    form = await browser.form()
    for path in ("vote/a", "names"):
        answer = await browser.post(f"/console/duel/{turn}/{path}", token=form)
        assert answer.status_code == 404
    plain = await room.turn("bob")
    assert (await browser.get(f"/console/duel/{plain}")).status_code == 404
    assert (await browser.get("/console/duel/nothing")).status_code == 404
    assert (await DuelStore(room.app.database).board()).votes == 0


async def test_an_admin_sees_the_words_once_they_ask_and_votes(room: Room) -> None:
    turn = await held(room)
    browser = await room.browser("ann")
    page = (await browser.get(f"/console/duel/{turn}")).text
    assert "From paint." not in page
    assert "sky blue" not in page
    words = await post(browser, f"/console/duel/{turn}/words")
    assert "From paint." in words
    newest = (await ChangeRecord(room.app.database).newest())[0]
    assert (newest.person, newest.action, newest.subject) == ("test:ann", "read a turn", turn)
    assert "<dd>Tie</dd>" in await post(browser, f"/console/duel/{turn}/vote/tie")


async def test_a_duel_in_private_is_its_askers_alone(room: Room) -> None:
    turn = await held(room, place="test:@dm:x", private=True)
    for ident in ("ann", ""):
        browser = await room.browser(ident)
        for shown in (
            (await browser.get(f"/console/duel/{turn}")).text,
            await post(browser, f"/console/duel/{turn}/words"),
        ):
            assert "From paint." not in shown
            assert "/vote/" not in shown
        form = await browser.form()
        answer = await browser.post(f"/console/duel/{turn}/vote/a", token=form)
        assert answer.status_code == 404


async def test_a_vote_needs_a_form_of_the_session_and_must_be_one(room: Room) -> None:
    turn = await held(room)
    browser = await room.browser("bob")
    assert (await browser.post(f"/console/duel/{turn}/vote/a", token="x")).status_code == 403
    form = await browser.form()
    assert (await browser.post(f"/console/duel/{turn}/vote/c", token=form)).status_code == 404
    assert (await DuelStore(room.app.database).board()).votes == 0


async def test_who_may_not_use_duels_finds_no_page(room: Room) -> None:
    settings = room.app.services.settings
    assert settings is not None
    await settings.put("command.duel", "admins", "default", PLACE, "test:ann")
    browser = await room.browser("bob")
    assert (await browser.get("/console/duel")).status_code == 404


async def test_duels_come_in_pages(room: Room) -> None:
    made = [await held(room) for _ in range(22)]
    browser = await room.browser("bob")
    text = (await browser.get("/console/duel")).text
    assert len(re.findall(r"/console/duel/\w+\">Vote<", text)) == 20
    older = re.search(r'href="(/console/duel\?before=\d+)"', text)
    assert older is not None
    rest = (await browser.get(older[1])).text
    assert re.findall(r"/console/duel/(\w+)\">Vote<", rest) == [made[1], made[0]]


def test_bars_are_drawn_on_one_scale() -> None:
    one = Standing("x", 1100, 1050, 1150, 1, 0, 0, 1)
    other = Standing("y", 900, 800, 1000, 0, 0, 1, 1)
    first, second = make_bars([one, other])
    assert second.start == 0
    assert first.start + first.width == CHART_WIDTH
    assert second.start < second.rating < first.average < first.start < first.rating
    assert first.average == second.average
    assert make_bars([]) == []


async def test_foreign_text_is_no_part_of_the_pages(room: Room) -> None:
    bad = "<script>alert(1)</script><img src=x onerror=alert(1)>"
    turn = await room.turn(
        "bob", command="duel", model="", text=bad, said=f"**A**\n\n{bad} [x](javascript:alert(1))"
    )
    store = DuelStore(room.app.database)
    await store.add(turn, "question", bad, f"{bad}2")
    await store.vote(turn, "test:bob", "a")
    await store.tell_names(turn, "test:bob")
    browser = await room.browser("bob")
    for path in ("/console/duel", f"/console/duel/{turn}"):
        text = (await browser.get(path)).text
        assert "&lt;script&gt;alert(1)" in text
        assert "<script>alert" not in text
        assert "<img" not in text
        assert 'href="javascript' not in text
        assert " style=" not in text
