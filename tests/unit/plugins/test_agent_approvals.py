"""Approvals that are pressed twice, late, by others, at the wrong moment, for something else."""

from __future__ import annotations

import asyncio
import json
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, get_args

from sqlalchemy import select, update

from backends.scripted.script import Reply, ScriptedCall
from bot.events import ActionCall
from bot.history.suspensions import Suspension
from bot.history.tables import suspended
from bot.history.tool_calls import CallState
from bot.storage.database import Database
from bot.testing import Answer, Parlance, running_skills
from bot.types import Author, ConversationKey
from tests.until import until

HERE = ConversationKey("test", "workspace", "general")
ANN, BOB = Author("test", "ann", "Ann"), Author("test", "bob", "Bob")
TOOLS = '''
import asyncio
from pathlib import Path
from bot.api import Context, hookimpl, tool

FOLDER = Path("FOLDER")


@tool(effect="outward", matters=("to",))
async def send(ctx: Context, to: str) -> str:
    """Send a message to somebody."""
    await asyncio.to_thread(_append, f"send {to}\\n")
    while await asyncio.to_thread((FOLDER / "hold").exists):
        await asyncio.sleep(0.01)
    return f"Sent to {to}."


def _append(text):
    with (FOLDER / "done").open("a") as file:
        file.write(text)


@hookimpl
def register_tools():
    return [send]
'''
SEND = Reply(tool_calls=(ScriptedCall(name="send", arguments={"to": "eve"}),))


@asynccontextmanager
async def running(folder: Path, *replies: str | Reply) -> AsyncIterator[Parlance]:
    place = folder / "plugins"
    place.mkdir(exist_ok=True)
    (place / "tools.py").write_text(TOOLS.replace('"FOLDER"', repr(str(folder))))
    async with running_skills(
        plugins=["plugins.agent", "plugins.chat"], folders=[place], folder=folder, replies=replies
    ) as core:
        yield core


def done(folder: Path) -> list[str]:
    path = folder / "done"
    return path.read_text().splitlines() if path.exists() else []


def pressed(answer: Answer, value: str = "approve", by: Author = ANN) -> ActionCall:
    return ActionCall(uuid.uuid4().hex, HERE, by, "resume", answer.view.turn, value)


async def states(parlance: Parlance) -> list[str]:
    assert parlance.services.calls is not None
    return [c.state for c in await parlance.services.calls.of_person(ANN.key, get_args(CallState))]


async def suspension(parlance: Parlance, turn: str) -> Suspension:
    assert parlance.services.suspensions is not None
    found = await parlance.services.suspensions.get(turn)
    assert found is not None
    return found


async def test_pressed_by_many_at_once_it_is_done_once(tmp_path: Path) -> None:
    async with running(tmp_path, SEND, "Sent.") as parlance:
        asked = await parlance.say("/agent write somebody")
        answers = await asyncio.gather(*(parlance.send(pressed(asked)) for _ in range(5)))
        assert sorted(one.state for one in answers) == ["complete", *["refused"] * 4]
        assert done(tmp_path) == ["send eve"]


async def test_another_person_is_refused_with_a_sentence_for_them_alone(tmp_path: Path) -> None:
    async with running(tmp_path, SEND, "Sent.") as parlance:
        asked = await parlance.say("/agent write somebody")
        refused = await parlance.send(pressed(asked, by=BOB))
        [notice] = refused.view.notices
        assert notice.text == "Only the person who asked can decide this."
        assert notice.private
        named = await parlance.say(f"/approvals approve {asked.view.turn[:6]}", user="bob")
        assert "Nothing of that name waits for you" in named.text
        assert await states(parlance) == ["waiting"]
        assert done(tmp_path) == []


async def test_after_its_time_it_is_refused(tmp_path: Path) -> None:
    async with running(tmp_path, SEND, "Sent.") as parlance:
        asked = await parlance.say("/agent write somebody")
        suspensions = parlance.services.suspensions
        assert suspensions is not None
        await suspensions.postpone(asked.view.turn, datetime.now(UTC) - timedelta(seconds=1))
        late = await parlance.send(pressed(asked))
        assert late.text == "This was answered already, or its time is over."
        late = await parlance.say("/approvals approve " + asked.view.turn[:6])
        assert late.text == "This was answered already, or its time is over."
        assert done(tmp_path) == []


async def test_while_it_is_carried_out_that_is_said(tmp_path: Path) -> None:
    (tmp_path / "hold").touch()
    async with running(tmp_path, SEND, "Sent.") as parlance:
        asked = await parlance.say("/agent write somebody")
        running_on = asyncio.create_task(parlance.send(pressed(asked)))
        await until(lambda: states(parlance), fits=lambda found: found == ["running"])
        again = await parlance.send(pressed(asked))
        assert again.text == "This was answered already, and I am at it."
        (tmp_path / "hold").unlink()
        assert "Sent." in (await running_on).text
        assert done(tmp_path) == ["send eve"]


async def test_for_arguments_that_have_changed_nothing_is_done(tmp_path: Path) -> None:
    async with running(tmp_path, SEND, "I leave it.") as parlance:
        asked = await parlance.say("/agent write somebody")
    database = await Database.open(tmp_path / "parlance.db")
    try:
        async with database.read() as connection:
            state = json.loads((await connection.execute(select(suspended.c.state))).scalar_one())
        [call] = state["steps done"]["agent:0"]["calls"]
        call[2]["to"] = "mallory"

        def job(connection: Any) -> None:
            connection.execute(update(suspended).values(state=json.dumps(state)))

        await database.write(job)
    finally:
        await database.close()
    async with running(tmp_path, "I leave it.") as parlance:
        ended = await parlance.send(pressed(asked))
        assert "This is not what was shown, so it was not done." in ended.text
        assert "Approved by" not in ended.text
        assert done(tmp_path) == []
        assert await states(parlance) == ["refused"]


async def test_what_is_said_meanwhile_is_answered_and_the_task_goes_on_as_it_was(
    tmp_path: Path,
) -> None:
    async with running(tmp_path, SEND, "Hello to you.", "Sent.") as parlance:
        asked = await parlance.say("/agent write somebody")
        meanwhile = await parlance.say("/chat what a beautiful morning this is")
        assert "Hello to you." in meanwhile.text
        ended = await parlance.send(pressed(asked))
        assert ended.view.turn == asked.view.turn, "beneath its card"
        assert "Sent." in ended.text
        last = "\n".join(m.content for m in parlance.model.requests[-1].messages)
        assert "beautiful morning" not in last, "it goes on with what it saw"


async def test_an_approval_whose_tool_is_gone_is_not_carried_out(tmp_path: Path) -> None:
    async with running(tmp_path, SEND, "Sent.") as parlance:
        asked = await parlance.say("/agent write somebody")
    async with running_skills(
        plugins=["plugins.agent"], folder=tmp_path, replies=["I cannot."]
    ) as parlance:
        ended = await parlance.send(pressed(asked))
        assert ended.view.text == "I cannot."
        assert await states(parlance) == ["failed"]
        assert (await parlance.say("/approvals")).text == "Nothing waits for you."
