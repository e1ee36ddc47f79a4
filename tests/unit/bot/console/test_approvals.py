"""What waits for a choice is decided in the console by the way that a button in the chat takes."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from bot.history.suspensions import Suspension
from tests.unit.bot.console.channels import (
    AGENTS,
    BAD,
    Team,
    ask,
    direct_of,
    newest_change,
    press,
    wait_for_approval,
    with_tools,
)
from tests.unit.bot.console.conftest import Room, open_room


@pytest.fixture
def people() -> Team:
    return Team()


@pytest.fixture
async def room(tmp_path: Path, people: Team) -> AsyncIterator[Room]:
    async with open_room(tmp_path, people, **with_tools(tmp_path)) as made:
        yield made


async def waiting(room: Room, turn: str) -> Suspension | None:
    assert room.app.services.suspensions is not None
    return await room.app.services.suspensions.get(turn)


def done(folder: Path) -> list[str]:
    path = folder / "done"
    return path.read_text().splitlines() if path.exists() else []


async def test_approving_has_the_answer_go_on_in_its_channel(
    room: Room, people: Team, tmp_path: Path
) -> None:
    turn = await wait_for_approval(room)
    bob = await room.browser("bob")
    page = (await bob.get(AGENTS)).text
    assert "would send something out" in page
    assert BAD not in page
    assert "eve&lt;script&gt;" in page
    assert [*re.findall(r'name="choice" value="(\w+)"', page)] == ["approve", "grant", "refuse"]
    assert await press(bob, f"{AGENTS}/approvals/{turn}", choice="approve") == 303
    view = await people.opened[-1].end()
    assert "It is sent." in view.text
    assert any("Approved by Bob" in one.text for one in view.notices)
    assert done(tmp_path) == [f"send eve{BAD}"]
    assert await newest_change(room) == ("test:bob", "answered what waited", f"{turn}: approve")
    assert await press(bob, f"{AGENTS}/approvals/{turn}", choice="approve") == 404
    assert done(tmp_path) == [f"send eve{BAD}"]


async def test_what_is_refused_or_no_button_does_nothing(
    room: Room, people: Team, tmp_path: Path
) -> None:
    turn = await wait_for_approval(room)
    bob = await room.browser("bob")
    for choice in ("", "yes", "resume"):
        assert await press(bob, f"{AGENTS}/approvals/{turn}", choice=choice) == 400
    answer = await bob.post(f"{AGENTS}/approvals/{turn}", choice="approve")
    assert answer.status_code == 403  # without the form's own value
    assert await waiting(room, turn) is not None
    assert done(tmp_path) == []
    direct = await wait_for_approval(room, place=direct_of("bob"))
    assert await press(bob, f"{AGENTS}/approvals/{direct}", choice="refuse") == 303
    view = await people.opened[-1].end()
    assert any("Refused by Bob" in one.text for one in view.notices)
    assert done(tmp_path) == []


async def test_what_waits_for_somebody_else_is_not_here(
    room: Room, people: Team, tmp_path: Path
) -> None:
    turn = await wait_for_approval(room)
    ann = await room.browser("ann")  # an admin, who may not decide it in the chat either
    page = (await ann.get(AGENTS)).text
    assert "Waits for others" in page
    assert f"/turns/{turn}" in page
    assert "would send" not in page
    people.known.add("cleo")
    cleo = await room.browser("cleo")
    assert "Waits for others" not in (await cleo.get(AGENTS)).text
    for browser in (ann, cleo, await room.browser("")):
        assert await press(browser, f"{AGENTS}/approvals/{turn}", choice="approve") == 404
        assert await press(browser, f"{AGENTS}/approvals/nothing", choice="approve") == 404
        assert await press(browser, f"{AGENTS}/approvals/{turn}/seen") == 404
    assert await waiting(room, turn) is not None
    assert done(tmp_path) == []
    people.apart.add(("general", "bob"))  # who has left decides nothing there
    bob = await room.browser("bob")
    assert await press(bob, f"{AGENTS}/approvals/{turn}", choice="approve") == 400
    assert await waiting(room, turn) is not None


async def test_what_waits_for_admins_is_decided_by_them_alone(room: Room, people: Team) -> None:
    view = await ask(room, "bob", "deploy")
    bob, ann = await room.browser("bob"), await room.browser("ann")
    assert "Go on" not in (await bob.get(AGENTS)).text
    assert await press(bob, f"{AGENTS}/approvals/{view.turn}", choice="go") == 404
    page = (await ann.get(AGENTS)).text
    assert "The deploy of" in page
    assert BAD not in page
    assert await press(ann, f"{AGENTS}/approvals/{view.turn}", choice="go") == 303
    assert "deployed by Ann" in (await people.opened[-1].end()).text
    view = await ask(room, "bob", "deploy", direct_of("bob"))
    assert "The deploy of" not in (await ann.get(AGENTS)).text
    assert await press(ann, f"{AGENTS}/approvals/{view.turn}", choice="go") == 404


async def test_a_call_that_may_have_been_done_is_listed_until_it_is_noted(room: Room) -> None:
    turn = await wait_for_approval(room)
    calls, suspensions = room.app.services.calls, room.app.services.suspensions
    assert calls is not None
    assert suspensions is not None
    (call,) = await calls.of_turn(turn)
    await suspensions.take(turn)
    await calls.save(replace(call, state="running"))
    await room.app.services.history.interrupt_running()  # as the next process does
    await calls.interrupt()
    bob = await room.browser("bob")
    assert "Please look whether it was done" in (await bob.get(AGENTS)).text
    assert await press(await room.browser("ann"), f"{AGENTS}/approvals/{turn}/seen") == 404
    assert await press(bob, f"{AGENTS}/approvals/{turn}/seen") == 303
    assert [one.state for one in await calls.of_turn(turn)] == ["seen"]
    assert call.tool == "send"
