"""What people do in the console, in a real browser."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import Browser, expect

from bot.console.visit import COOKIE
from tests.browser.conftest import PHONE, Desk, overflow_px
from tests.unit.bot.console.conftest import Room, open_room

pytestmark = pytest.mark.asyncio(loop_scope="session")

SLOW = "Tell me slowly"
BROKEN = "Tell me nonsense"
LAMP = "# Lamps\n\n## Filament\n\nThe filament of the lighthouse lamp is changed every 400 hours."
REPLIES = [
    {"match": SLOW, "text": "one two three", "stall_after": 2},
    {"match": BROKEN, "error": "protocol"},
    {"match": "filament", "text": "It is changed every 400 hours [1]."},
]


@pytest_asyncio.fixture(loop_scope="session")
async def room(chromium: Browser, tmp_path: Path) -> AsyncIterator[Room]:
    """A bot whose model stalls, fails, or answers from a document, by what it is asked."""
    models = {
        "default": {"backend": "scripted", "replies": REPLIES},
        "embedder": {"backend": "scripted"},
    }
    async with open_room(tmp_path, models=models) as made:
        yield made


async def test_a_link_lets_one_browser_in_and_looking_does_not_spend_it(
    room: Room, desk: Desk
) -> None:
    link = await room.link("ann")
    first, second = await desk.page(room), await desk.page(room)
    for page in (first, second):  # both look, and nobody is in yet
        await page.goto(link)
        await expect(page.get_by_role("button", name="Open the console")).to_be_visible()
        answer = await page.request.get("/console/")
        assert answer.status == 401
    await first.get_by_role("button", name="Open the console").click()
    await expect(first.get_by_role("heading", level=1)).to_have_text("Now")
    await second.get_by_role("button", name="Open the console").click()
    await expect(second.get_by_role("heading", level=1)).to_have_text("This link is used up")
    again = await first.goto(link)
    assert again is not None
    assert again.status == 410

    await first.goto("/console/")
    await first.get_by_role("button", name="Sign out").click()
    await expect(first.get_by_role("heading", level=1)).to_have_text("You are signed out")
    await first.goto("/console/")
    await expect(first.get_by_role("heading", level=1)).to_have_text("You are not signed in")


async def test_a_cookie_that_somebody_else_has_set_is_not_the_one_that_lets_in(
    room: Room, desk: Desk
) -> None:
    page = await desk.page(room)
    base = (await room.link("ann")).partition("/console")[0]
    planted = {"name": COOKIE, "value": "planted-by-somebody", "url": base}
    await page.context.add_cookies([planted])  # type: ignore[list-item]
    await page.goto(await room.link("ann"))
    await page.get_by_role("button", name="Open the console").click()
    await expect(page.get_by_role("heading", level=1)).to_have_text("Now")
    (kept,) = await page.context.cookies()
    assert kept["value"] != "planted-by-somebody"
    assert kept["httpOnly"]
    assert kept["sameSite"] == "Lax"
    assert await page.evaluate("document.cookie") == ""


async def test_now_changes_by_itself_and_a_turn_is_stopped(room: Room, desk: Desk) -> None:
    page = await desk.page(room, "ann")
    await page.goto("/console/")
    await expect(page.get_by_text("Nothing is being answered")).to_be_visible()
    sink = await room.ask(SLOW, by="bob")
    look = page.get_by_role("link", name="Look")
    await look.focus()  # it comes while the page is open
    await expect(page.get_by_role("row", name="Bob")).to_contain_text("writing")
    since = page.get_by_role("row", name="Bob").locator("td.n")
    await expect(since).not_to_have_text(await since.inner_text())
    await expect(look).to_be_focused()  # what changes does not take the keyboard away
    await look.click()
    await page.get_by_role("button", name="Stop").click()
    view = await sink.end()
    assert view.state == "cancelled"
    await expect(page.get_by_text("Nothing is being answered")).to_be_visible()


async def test_a_turn_is_found_by_the_id_of_its_error(room: Room, desk: Desk) -> None:
    failed = await (await room.ask(BROKEN)).end()
    (error,) = [one.error_id for one in failed.notices if one.error_id]
    await room.turn("ann")
    page = await desk.page(room, "ann", width=PHONE)
    await page.goto("/console/turns")
    await page.get_by_label("Error id").fill(str(error))
    await page.keyboard.press("Enter")
    found = page.locator("tbody tr")
    await expect(found).to_have_count(1)
    await expect(found).to_contain_text("failed")
    await found.get_by_role("link").first.click()
    await expect(page.get_by_role("heading", level=1)).to_contain_text("failed")
    await expect(page.get_by_text(str(error))).to_be_visible()
    assert await overflow_px(page) == 0


@pytest.mark.parametrize("scripts", [True, False], ids=["scripts", "no scripts"])
async def test_the_passages_of_an_answer_are_opened(scripts: bool, room: Room, desk: Desk) -> None:
    async for _ in room.app.knowledge.add_bytes("lamps.md", LAMP.encode()):
        pass
    answered = await (await room.ask("/ask How often is the filament changed?")).end()
    assert answered.state == "complete", answered.text
    page = await desk.page(room, "ann", scripts=scripts)
    await page.goto("/console/turns")
    await page.locator("tbody tr").get_by_role("link").first.click()
    passage = page.get_by_text("is changed every 400 hours.")
    await expect(passage).to_be_hidden()
    await (
        page.locator("summary", has_text="lamps.md")
        .or_(page.locator("summary", has_text="Lamps"))
        .first.click()
    )
    await expect(passage).to_be_visible()


async def test_what_is_read_needs_no_scripts(room: Room, desk: Desk) -> None:
    turn = await room.turn("ann", text="What is a lamp?", said="A **light**.")
    page = await desk.page(room, "ann", width=PHONE, scripts=False)
    await page.goto("/console/")
    await page.get_by_role("link", name="Turns").click()
    await page.get_by_label("State").select_option("complete")
    await page.get_by_role("button", name="Search").click()
    await expect(page.locator("tbody time")).to_contain_text("UTC")
    await page.locator("tbody a").click()
    await expect(page).to_have_url(re.compile(f"/turns/{turn}$"))
    await expect(page.locator(".answer strong")).to_have_text("light")
    await page.get_by_role("button", name="Sign out").click()
    await expect(page.get_by_role("heading", level=1)).to_have_text("You are signed out")


async def test_times_are_in_the_zone_and_language_of_the_reader(room: Room, desk: Desk) -> None:
    await room.turn("ann")
    texts = []
    for zone, language in (("Asia/Tokyo", "en-GB"), ("America/New_York", "de-DE")):
        page = await desk.page(room, "ann", timezone_id=zone, locale=language)
        await page.goto("/console/turns")
        moment = page.locator("tbody time")
        stamp = await moment.get_attribute("datetime")
        written = await page.evaluate(
            "stamp => new Intl.DateTimeFormat(undefined,"
            ' { dateStyle: "medium", timeStyle: "short" }).format(new Date(stamp))',
            stamp,
        )
        await expect(moment).to_have_text(written)
        texts.append(written)
    assert texts[0] != texts[1]


async def test_the_keyboard_alone_is_enough(room: Room, desk: Desk) -> None:
    await room.turn("ann")
    page = await desk.page(room, "ann")
    await page.goto("/console/")
    await page.keyboard.press("Tab")
    await expect(page.get_by_role("link", name="Skip to the content")).to_be_focused()
    await page.keyboard.press("Enter")
    await expect(page.locator("main")).to_be_focused()
    turns = page.get_by_role("navigation").get_by_role("link", name="Turns")
    await turns.focus()
    await page.keyboard.press("Shift+Tab")
    await page.keyboard.press("Tab")
    await expect(turns).to_be_focused()
    outline = await turns.evaluate("one => getComputedStyle(one).outlineStyle")
    assert outline == "solid"
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("heading", level=1)).to_have_text("Turns")
