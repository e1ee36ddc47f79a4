"""What asks the person something in the chat, and what comes without being asked for."""

from __future__ import annotations

import asyncio
import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from bot.background import background
from bot.history.suspensions import Suspensions
from bot.schedules.job import Job
from bot.types import ConversationKey, Text
from tests.unit.bot.console.chat_client import Chat
from tests.unit.bot.console.conftest import Room, on_both_engines, open_room

PLUGIN = '''
from bot.api import File, Notice, Option, Skill, Text, command, hookimpl
from bot.skills.inquiry import Inquiry


@command("deploy")
async def deploy(ctx):
    """Deploy it."""
    if ctx.resumed is None:
        await ctx.say(Notice("Shall I deploy?"))
        await ctx.say(File("plan.md", b"first <b>this</b>"))
        await ctx.suspend(buttons=[("yes", "Do it"), ("no", "Leave it")])
    await ctx.say(Notice(f"{ctx.resumed.by} chose {ctx.resumed.choice}.", choice=True))
    await ctx.say(Text("All done."))


@command("survey")
async def survey(ctx):
    """Ask something."""
    options = (Option("How many", name="count", kind="int", required=True),)
    asked = Inquiry("Survey", "How many are there?", options)
    answer = await ctx.services.inquiries.ask(ctx.turn, asked)
    await ctx.say(Text(f"{answer.choice}: {dict(answer.values)}"))


@hookimpl
def register_skills():
    return [Skill("asking", commands=(deploy, survey))]
'''


def place_of(chat: Chat) -> ConversationKey:
    """The conversation of Bob's chat."""
    return ConversationKey("console", "@dm", "test:@dm:d-bob", chat.at.rpartition("/")[2])


@pytest.fixture
def sections(tmp_path: Path) -> dict[str, Any]:
    folder = tmp_path / "plugins"
    folder.mkdir()
    (folder / "asking.py").write_text(PLUGIN, "utf-8")
    return {"plugins": {"folders": [str(folder)]}}


async def test_what_waits_for_a_choice_goes_on_by_its_button(
    tmp_path: Path, sections: dict[str, Any]
) -> None:
    async with open_room(tmp_path, **sections) as room:
        chat = Chat(await room.browser("bob"))
        await chat.send("/deploy")
        page = await chat.shows("Shall I deploy?", ">Leave it</button>")
        assert "<pre>first &lt;b&gt;this&lt;/b&gt;</pre>" in page
        await chat.press("Do it")
        page = await chat.shows("Bob chose yes.", "All done.")
        assert ">Do it</button>" not in page
        assert page.index("Bob chose yes.") < page.index("All done.")


async def test_what_waits_can_be_answered_after_a_restart(
    tmp_path: Path, sections: dict[str, Any]
) -> None:
    async with open_room(tmp_path, **sections) as room:
        chat = Chat(await room.browser("bob"))
        await chat.send("/deploy")
        await chat.shows(">Do it</button>")
    async with open_room(tmp_path, **sections) as room:
        again = Chat(await room.browser("bob"), chat.at)
        await again.press("Do it")
        page = await again.shows("Bob chose yes.", "All done.")
        assert ">Do it</button>" not in page


async def test_what_waits_goes_on_by_itself_with_the_rights_of_whoever_asked(
    tmp_path: Path, sections: dict[str, Any]
) -> None:
    async with open_room(tmp_path, **sections) as room:
        chat = Chat(await room.browser("bob"))
        await chat.send("/deploy")
        await chat.shows(">Do it</button>")
        place = place_of(chat)
        asker = await room.app.core.platforms.asker_now("test:bob", place)
        assert asker is not None
        assert (asker.author.name, asker.direct, asker.admin) == ("Bob", True, False)
        assert asker.conversation == place
        assert await room.app.core.platforms.asker_now("other:bob", place) is None
        suspensions = suspensions_of(room)
        (waiting,) = await suspensions.of_person("test:bob")
        await suspensions.postpone(waiting.turn, datetime.now(UTC) - timedelta(seconds=1))
        watching = asyncio.create_task(room.app.core.resume_turns())
        page = await chat.shows("All done.")
        watching.cancel()
        assert ">Do it</button>" not in page


async def test_a_tool_gets_what_is_filled_into_its_form(
    tmp_path: Path, sections: dict[str, Any]
) -> None:
    async with open_room(tmp_path, **sections) as room:
        chat = Chat(await room.browser("bob"))
        await chat.send("/survey")
        page = await chat.shows("How many are there?", ">Decline</button>")
        found = re.search(r'href="([^"]+)">Answer</a>', page)
        assert found is not None
        form = await chat.browser.get(found[1])
        assert 'name="option-count"' in form.text
        stranger = await room.browser("ann")
        assert (await stranger.get(found[1])).status_code == 404
        wrong = await chat.browser.post(found[1], token=await chat.token(), **{"option-count": "x"})
        assert wrong.status_code == 400
        assert 'value="x"' in wrong.text
        await chat.browser.post(found[1], token=await chat.token(), **{"option-count": "7"})
        await chat.shows("accept: {", "count", "7", "Survey has it now")
        await chat.when(lambda text: "How many are there?" not in text)


async def test_a_reminder_comes_into_the_conversation(tmp_path: Path) -> None:
    async with open_room(tmp_path) as room:
        chat = Chat(await room.browser("bob"))
        await chat.send("one")
        await chat.shows("👍")
        place = place_of(chat)
        async with chat.stream() as stream:
            said = await room.app.core.open_reply(place)
            said.add(Text("Drink some tea."))
            await said.finish("complete")
            await stream.until("Drink some tea.")


@on_both_engines
async def test_at_a_server_nothing_that_was_due_in_a_conversation_came(
    tmp_path: Path, room_database: dict[str, Any]
) -> None:
    async with open_room(tmp_path, **room_database) as room:
        chat = Chat(await room.browser("bob"))
        await chat.send("one")
        await chat.shows("👍")
        place = place_of(chat)
        assert (schedules := room.app.services.schedules) is not None
        due, text = datetime.now(UTC) - timedelta(seconds=1), "Drink some tea."
        job = Job("j1", "test:bob", "Bob", place, "remind", text, "UTC", due, due, direct=True)
        assert await schedules.jobs.add(job, of_person=1, in_place=1)
        async with chat.stream() as stream, background(room.app.core.run_jobs(), "jobs"):
            await stream.until(text)


async def test_what_waits_stands_there_once_whatever_was_shown_before_a_restart(
    tmp_path: Path, sections: dict[str, Any]
) -> None:
    async with open_room(tmp_path, **sections) as room:
        chat = Chat(await room.browser("bob"))
        await chat.send("/deploy")
        await chat.shows(">Do it</button>")
        (waiting,) = await suspensions_of(room).of_person("test:bob")
        shown = await room.app.core.replies.get(waiting.turn)
        assert shown is not None
        await room.app.core.replies.save(replace(shown, finished=False, address={}))
    async with open_room(tmp_path, **sections) as room:
        again = Chat(await room.browser("bob"), chat.at)
        await again.shows(">Do it</button>")
        await room.app.core.show_waiting_cards()
        assert (await again.page()).count(">Do it</button>") == 1
        shown = await room.app.core.replies.get(waiting.turn)
        assert shown is not None
        assert shown.finished


def suspensions_of(room: Room) -> Suspensions:
    found = room.app.services.suspensions
    assert found is not None
    return found
