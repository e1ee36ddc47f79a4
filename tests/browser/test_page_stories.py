"""What people do on the console's pages for agents, documents, settings, duels and the chat."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Page, expect

from tests.browser.conftest import PHONE, Desk, overflow_px
from tests.unit.bot.console.channels import AGENTS, Team, ask, wait_for_approval, with_tools
from tests.unit.bot.console.conftest import Room, open_room

pytestmark = pytest.mark.asyncio(loop_scope="session")

LAMP = b"# Lamps\n\nThe filament of the lighthouse lamp is changed every 400 hours."
BOAT = b"# Boats\n\nThe rudder of the pilot boat is greased on Mondays."
REPLIES = [
    {"match": "Tell me slowly", "text": "one two three", "stall_after": 2},
    {"match": "filament", "text": "It is changed every 400 hours [1]."},
]


@pytest.fixture
def people() -> Team:
    return Team()


@pytest_asyncio.fixture(loop_scope="session")
async def room(chromium: Browser, tmp_path: Path, people: Team) -> AsyncIterator[Room]:
    """A bot with two models and a tool that must be approved, in channels; one question it never
    answers to the end."""
    sections = with_tools(tmp_path)
    del sections["mcp"]
    sections["models"]["default"]["replies"] += REPLIES
    sections["models"]["other"] = {"backend": "scripted", "echo": "The other said: {text}"}
    async with open_room(tmp_path, people, **sections) as made:
        yield made


async def test_approving_a_tool_has_the_answer_go_on(room: Room, people: Team, desk: Desk) -> None:
    turn = await wait_for_approval(room)
    page = await desk.page(room, "bob", width=PHONE)
    await page.goto(AGENTS)
    card = page.locator("article")
    await expect(card).to_contain_text("would send something out")
    assert await overflow_px(page) == 0
    await card.get_by_role("button", name="Approve", exact=True).click()
    await expect(page.get_by_text("Nothing waits for you")).to_be_visible()
    assert (await people.opened[-1].end()).state == "complete"
    await page.goto(f"/console/turns/{turn}")
    await expect(page.locator(".answer")).to_contain_text("It is sent.")


async def add(page: Page, name: str) -> None:
    """Send the file that is chosen, and see it listed."""
    await expect(page.locator(".chosen")).to_have_text(name)
    await page.get_by_role("button", name="Add").click()
    await expect(page.get_by_role("row", name=name)).to_be_visible()


async def test_documents_are_chosen_or_dropped_and_then_found(room: Room, desk: Desk) -> None:
    page = await desk.page(room, "ann")
    await page.goto("/console/documents/in?base=default")
    await expect(page.get_by_text("There is nothing in it yet")).to_be_visible()
    file = page.get_by_label("Files: choose them, or drop them here")
    await file.set_input_files({"name": "lamps.md", "mimeType": "text/markdown", "buffer": LAMP})
    await add(page, "lamps.md")
    dropped = await page.evaluate_handle(
        """text => {
            const given = new DataTransfer();
            given.items.add(new File([text], "boats.md", { type: "text/markdown" }));
            return given;
        }""",
        BOAT.decode(),
    )
    drop = page.locator("label.drop")
    for event in ("dragenter", "dragover", "drop"):
        await drop.dispatch_event(event, {"dataTransfer": dropped})
    await add(page, "boats.md")

    await page.get_by_label("Title or source").fill("boats")
    await page.get_by_role("button", name="Find").click()
    await expect(page.get_by_role("row", name="boats.md")).to_be_visible()
    await expect(page.get_by_role("row", name="lamps.md")).to_have_count(0)

    await page.get_by_role("link", name="Search", exact=True).click()
    for question, title, text in (
        ("How often is the filament of the lamp changed?", "Lamps", "every 400 hours"),
        ("When is the rudder of the boat greased?", "Boats", "on Mondays"),
    ):
        await page.get_by_label("Question").fill(question)
        await page.get_by_role("button", name="Search").click()
        await expect(page.get_by_label("Question")).to_have_value(question)
        passage = page.locator("details", has_text=title)
        await expect(passage.get_by_text(text)).to_be_hidden()
        await passage.locator("summary").click()
        await expect(passage.get_by_text(text)).to_be_visible()
    await page.get_by_role("link", name="boats.md").click()
    await expect(page.get_by_role("heading", level=1)).to_have_text("Boats")


async def test_the_model_that_an_admin_chooses_answers_next(room: Room, desk: Desk) -> None:
    assert "You said" in (await ask(room, "bob", "chat", message="hello")).text
    page = await desk.page(room, "ann", width=PHONE)
    await page.goto("/console/settings")
    await page.get_by_role("link", name="test / team / general").click()
    model = page.get_by_role("listitem").filter(has=page.get_by_text("model", exact=True)).first
    await expect(model.locator(".value")).to_have_text("default")
    assert await overflow_px(page) == 0
    await model.get_by_label("New value").select_option("other")
    await model.get_by_label("For whom").select_option("everybody in this channel")
    await model.get_by_role("button", name="Set", exact=True).click()
    await expect(page.get_by_role("status")).to_contain_text("everybody in this channel")
    await expect(model.locator(".value")).to_have_text("other")
    assert "The other said" in (await ask(room, "bob", "chat", message="hello")).text


async def test_a_duel_is_held_and_its_names_come_after_the_vote(room: Room, desk: Desk) -> None:
    page = await desk.page(room, "bob")
    await page.goto("/console/duel")
    await expect(page.get_by_text("There are no votes yet")).to_be_visible()
    await page.get_by_label("What both answer").fill("Why is the sky blue?")
    await page.get_by_label("One model").select_option("default")
    await page.get_by_label("The other model").select_option("other")
    await page.get_by_role("button", name="Begin").click()
    entry = page.locator(".entry.answered.complete")
    for answer in ("You said:", "The other said:"):
        await expect(entry).to_contain_text(answer)

    await page.get_by_role("navigation").get_by_role("link", name="Duel").click()
    await page.get_by_role("link", name="Vote", exact=True).click()
    for answer in ("You said:", "The other said:"):
        await expect(page.locator(".answer")).to_contain_text(answer)
    names = page.locator("dt", has_text=re.compile("^[AB]$"))
    await expect(names).to_have_count(0)
    better = page.get_by_role("button", name="A is better")
    await better.click()
    await expect(better).to_have_attribute("aria-pressed", "true")
    await expect(names).to_have_count(0)
    await page.get_by_role("button", name="Who is who?").click()
    await expect(names).to_have_count(2)
    await expect(better).to_have_count(0)
    winner = await page.locator("dt:text-is('A') + dd").inner_text()
    loser = await page.locator("dt:text-is('B') + dd").inner_text()
    assert {winner, loser} == {"default", "other"}

    await page.get_by_role("link", name="All duels").click()
    board = page.locator("table.board tbody tr")
    await expect(board).to_have_count(2)
    await expect(board.first).to_contain_text(winner)
    for row, counts in zip(await board.all(), (["1", "0", "0"], ["0", "0", "1"]), strict=True):
        cells = await row.locator("td.n").all_inner_texts()
        assert cells[-4:-1] == counts


async def test_an_answer_grows_and_is_stopped_and_one_of_documents_shows_its_passage(
    room: Room, desk: Desk
) -> None:
    async for _ in room.app.knowledge.add_bytes("lamps.md", LAMP):
        pass
    page = await desk.page(room, "bob", width=PHONE)
    await page.goto("/console/chat/new")
    message, answers = page.get_by_label("Your message"), page.locator(".entry.answered")
    stop = page.get_by_role("button", name="Stop", exact=True)
    await message.fill("Tell me slowly")
    await page.get_by_role("button", name="Send").click()
    await expect(answers).to_have_attribute("aria-busy", "true")
    await expect(answers.locator(".answer")).to_have_text("one two")  # while it is being written
    await stop.click()
    await expect(answers).to_contain_text("Stopped by Bob.")
    await expect(answers).not_to_contain_text("three")
    await expect(stop).to_be_hidden()

    await message.fill("/ask How often is the filament changed?")
    await message.press("Control+Enter")
    answer = answers.nth(1)
    await expect(answer.locator(".answer")).to_contain_text("every 400 hours")
    await expect(message).to_have_value("")
    await expect(answer).not_to_contain_text("lighthouse")
    await answer.get_by_role("button", name="[1] Lamps").click()
    await expect(answer.locator(".aside")).to_contain_text("The filament of the lighthouse lamp")
    assert await overflow_px(page) == 0
