"""What is planned, what is remembered, and the tools: in the console as in the chat."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from bot.types import Author
from tests.unit.bot.console.channels import (
    AGENTS,
    BAD,
    GENERAL,
    Team,
    ask,
    direct_of,
    newest_change,
    press,
    wait_for_approval,
    with_tools,
)
from tests.unit.bot.console.conftest import Browser, Room, open_room


@pytest.fixture
def people() -> Team:
    return Team()


@pytest.fixture
async def room(tmp_path: Path, people: Team) -> AsyncIterator[Room]:
    async with open_room(tmp_path, people, **with_tools(tmp_path)) as made:
        yield made


# --- reminders and schedules --------------------------------------------------------------------


async def job_of(room: Room, by: str, request: str, place: Any = GENERAL) -> str:
    await ask(room, by, "timezone", place, zone="Asia/Tokyo")
    await ask(room, by, "remind", place, request=request)
    assert room.app.services.schedules is not None
    jobs = await room.app.services.schedules.of_person(Author("test", by, by))
    return jobs[-1].id


async def test_one_sees_ones_own_reminders_with_their_times_and_ends_them(room: Room) -> None:
    job = await job_of(room, "bob", f"me every Monday at 9 to call {BAD}")
    bob = await room.browser("bob")
    page = (await bob.get(AGENTS)).text
    assert "09:00 (Asia/Tokyo)" in page
    assert page.count("<time datetime=") >= 3
    assert "Every Monday at 09:00." in page
    assert BAD not in page
    assert await press(bob, f"{AGENTS}/schedules/{job}/cancel") == 303
    assert "Nothing is planned" in (await bob.get(AGENTS)).text
    assert await newest_change(room) == ("test:bob", "cancelled a schedule", job)
    assert await press(bob, f"{AGENTS}/schedules/{job}/cancel") == 404


async def test_private_reminders_of_others_are_not_here_for_anybody(room: Room) -> None:
    job = await job_of(room, "bob", "me tomorrow at 9 to call the doctor")
    for browser in (await room.browser("ann"), await room.browser("")):
        page = (await browser.get(AGENTS)).text
        assert "the doctor" not in page
        assert job not in page
        assert await press(browser, f"{AGENTS}/schedules/{job}/cancel") == 404
        assert await press(browser, f"{AGENTS}/schedules/{job}/words") == 404
    assert room.app.services.schedules is not None
    assert await room.app.services.schedules.jobs.get(job) is not None


async def test_an_admin_ends_what_speaks_in_a_channel_and_reads_it_when_they_ask(
    room: Room,
) -> None:
    job = await job_of(room, "bob", "here tomorrow at 9: the stand-up")
    ann, people = await room.browser("ann"), room.people
    page = (await ann.get(AGENTS)).text
    assert f"/schedules/{job}/words" in page
    assert "the stand-up" not in page
    form = await ann.form(AGENTS)
    shown = (await ann.post(f"{AGENTS}/schedules/{job}/words", token=form)).text
    assert "the stand-up" in shown
    assert await newest_change(room) == ("test:ann", "read a schedule", job)
    people.known.add("cleo")
    cleo = await room.browser("cleo")
    assert job not in (await cleo.get(AGENTS)).text
    assert await press(cleo, f"{AGENTS}/schedules/{job}/cancel") == 404
    assert await press(cleo, f"{AGENTS}/schedules/{job}/words") == 403
    assert await press(ann, f"{AGENTS}/schedules/{job}/cancel") == 303
    assert job not in (await ann.get(AGENTS)).text


# --- memories -----------------------------------------------------------------------------------


async def test_one_sees_and_deletes_ones_own_memories_and_nobody_elses(room: Room) -> None:
    await ask(room, "bob", "remember", text=f"I work in Lisbon {BAD}")
    await ask(room, "ann", "remember", text="We deploy on Fridays", here=True)
    bob, ann = await room.browser("bob"), await room.browser("ann")
    page = (await bob.get(AGENTS)).text
    assert "I work in Lisbon" in page
    assert BAD not in page
    assert "Fridays" not in page
    (own,) = re.findall(r"/memories/(\d+)/delete", page)
    page = (await ann.get(AGENTS)).text
    assert "Lisbon" not in page
    (shared,) = re.findall(r"/memories/(\d+)/delete", page)
    assert await press(ann, f"{AGENTS}/memories/{own}/delete") == 404
    assert await press(bob, f"{AGENTS}/memories/{shared}/delete") == 404
    assert await press(bob, f"{AGENTS}/memories/{own}/delete") == 303
    assert "Lisbon" not in (await bob.get(AGENTS)).text
    assert await newest_change(room) == ("test:bob", "deleted a memory", own)
    assert await press(ann, f"{AGENTS}/memories/{shared}/delete") == 303
    assert "Fridays" not in (await ann.get(AGENTS)).text
    assert await press(bob, f"{AGENTS}/memories", do="off") == 303
    assert "I keep and use nothing for you" in (await bob.get(AGENTS)).text
    assert "I keep nothing" in (await ask(room, "bob", "remember", text="x y")).notices[0].text
    assert await press(bob, f"{AGENTS}/memories", do="on") == 303
    assert "I keep and use nothing for you" not in (await bob.get(AGENTS)).text


async def test_what_the_chat_refuses_is_refused_here(room: Room) -> None:
    job = await job_of(room, "bob", "me tomorrow at 9 to call Eve")
    await ask(room, "bob", "remember", text="I work in Lisbon")
    bob = await room.browser("bob")
    (own,) = re.findall(r"/memories/(\d+)/delete", (await bob.get(AGENTS)).text)
    settings = room.app.services.settings
    assert settings is not None
    for command in ("schedule", "memory", "button:resume"):
        await settings.put(f"command.{command}", "admins", "default", GENERAL, "test:ann")
    turn = await wait_for_approval(room)
    assert await press(bob, f"{AGENTS}/schedules/{job}/cancel") == 400
    assert await press(bob, f"{AGENTS}/memories/{own}/delete") == 400
    assert await press(bob, f"{AGENTS}/memories", do="off") == 400
    assert await press(bob, f"{AGENTS}/approvals/{turn}", choice="approve") == 400
    assert f"/approvals/{turn}" in (await bob.get(AGENTS)).text


# --- tools --------------------------------------------------------------------------------------


async def test_tools_say_what_they_do_whether_they_ask_and_who_may_have_them_used(
    room: Room, people: Team
) -> None:
    bob, ann = await room.browser("bob"), await room.browser("ann")
    page = (await bob.get(f"{AGENTS}/tools")).text
    row = page.partition(">send<")[2].partition("</tr>")[0]
    for words in ("sends something out", "unless you have said it yourself", "everyone", "you may"):
        assert words in row
    assert "Servers of tools" not in page
    settings = room.app.services.settings
    assert settings is not None
    await settings.put("command.tool:send", "admins", "channel", GENERAL, "test:ann")
    assert "you may" in (await bob.get(f"{AGENTS}/tools")).text.partition(">send<")[2]
    page = (await bob.get(f"{AGENTS}/tools?place={GENERAL}")).text
    row = page.partition(">send<")[2].partition("</tr>")[0]
    assert "admins" in row
    assert "You may not have this tool used here." in row
    row = (await ann.get(f"{AGENTS}/tools?place={GENERAL}")).text.partition(">send<")[2]
    assert "you may" in row.partition("</tr>")[0]
    people.apart |= {("general", "bob"), ("general", "ann")}
    for place in (GENERAL, direct_of("ann"), "nonsense", "test:team", "a:b:c:x=1"):
        assert (await bob.get(f"{AGENTS}/tools?place={place}")).status_code == 404, place
    for place in (GENERAL, direct_of("bob")):  # nothing says that others read there
        assert (await ann.get(f"{AGENTS}/tools?place={place}")).status_code == 404, place
    await room.turn("cleo")
    assert (await ann.get(f"{AGENTS}/tools?place={GENERAL}")).status_code == 200


async def test_servers_are_shown_to_admins_without_what_only_they_are_to_know(room: Room) -> None:
    await room.app.servers.refresh("loud")
    ann, bob = await room.browser("ann"), await room.browser("bob")
    page = (await ann.get(f"{AGENTS}/tools")).text
    servers = page.partition('id="servers-title"')[2]
    odd, loud = servers.partition(">odd<")[2], servers.partition(">loud<")[2].partition("</tr>")[0]
    assert "a secret is missing" in odd
    assert "NO_SUCH_SECRET" in odd
    assert "running" in loud
    assert "tool no-schema is left out" in loud
    assert "--record" not in page  # arguments may be secrets
    tool = page.partition(">loud_look<")[2].partition("</tr>")[0]
    assert "server loud" in tool
    assert "admins" in tool
    tool = (await bob.get(f"{AGENTS}/tools")).text.partition(">loud_look<")[2].partition("</tr>")[0]
    assert "Only admins can do this." in tool
    for browser in (ann, bob):
        page = (await browser.get(f"{AGENTS}/tools")).text
        assert page.count("&lt;script&gt;") >= 2
        assert BAD not in page


async def test_calls_are_counted_by_tool_and_for_others_their_own(room: Room, people: Team) -> None:
    turn = await wait_for_approval(room)
    bob, ann = await room.browser("bob"), await room.browser("ann")
    await press(bob, f"{AGENTS}/approvals/{turn}", choice="refuse")
    await people.opened[-1].end()
    await wait_for_approval(room, "ann")

    async def counted(browser: Browser) -> list[str]:
        page = (await browser.get(f"{AGENTS}/tools")).text.partition('id="counts-title"')[2]
        return re.findall(r'class="n">(\d+)<', page)

    assert await counted(ann) == ["2", "0", "0", "1", "0"]
    assert await counted(bob) == ["1", "0", "0", "1", "0"]
