"""Prompts that models were sent: who keeps them, for how long, and who sees them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

from backends.base import ChatMessage, ToolCall
from bot.history.erasure import forget_conversation, forget_person
from bot.history.prompts import MAX_KEPT_PROMPTS, KeptPrompts, SentPrompt
from bot.history.retention import remove_expired
from tests.unit.bot.console.conftest import CHANNEL, Room, on_both_engines, open_room

DAYS = {"keep_prompts_days": 3}


async def ask(room: Room, text: str, by: str = "bob", place: str = CHANNEL) -> str:
    """Ask something; returns the answer's id once it is stored."""
    turn = (await (await room.ask(text, by, place)).end()).turn
    for one in room.app.core.open_turns:
        await one.ended.wait()
    return turn


async def test_none_is_kept_unless_it_is_asked_for(room: Room) -> None:
    turn = await ask(room, "What is a lamp?")
    assert await KeptPrompts(room.app.database).of_turn(turn) == []


async def test_a_prompt_is_shown_to_whoever_asked_alone(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("OPENAI_API_KEY=hunter2-hunter2-hunter2\n", "utf-8")
    async with open_room(tmp_path, console=DAYS) as room:
        await ask(room, "My key is hunter2-hunter2-hunter2.")
        turn = await ask(room, "What is a lamp?")
        (kept,) = await KeptPrompts(room.app.database).of_turn(turn)
        assert kept.model == "default"
        assert [one.role for one in kept.messages][-1] == "user"
        assert "What is a lamp?" in kept.messages[-1].text
        assert any("My key is [secret]" in one.text for one in kept.messages)

        path, sent = f"/console/turns/{turn}", "What the model was sent"
        own, admin = [await room.browser(name) for name in ("bob", "ann")]
        page = (await own.get(path)).text
        assert sent in page
        assert "[secret]" in page
        assert sent not in (await admin.get(path)).text
        shown = await admin.post(f"{path}/words", token=await admin.form(path))
        assert "What is a lamp?" in shown.text
        assert sent not in shown.text


async def test_prompts_go_with_their_days_and_with_people(tmp_path: Path) -> None:
    async with open_room(tmp_path, console=DAYS) as room:
        database, prompts = room.app.database, KeptPrompts(room.app.database)

        async def left(*turns: str) -> list[bool]:
            return [bool(await prompts.of_turn(turn)) for turn in turns]

        mine = await ask(room, "What is a lamp?", "ann")
        beside = await ask(room, "And a filament?", "bob")
        elsewhere = await ask(room, "What is a lamp?", "bob", "test:team:other")
        last = await ask(room, "What is a lamp?", "bob", "test:team:last")
        assert await left(mine, beside, elsewhere, last) == [True] * 4
        assert any(
            "What is a lamp?" in one.text for one in (await prompts.of_turn(beside))[0].messages
        )
        await forget_person(database, "test:ann")  # whose words are in the prompt of Bob
        assert await left(mine, beside, elsewhere, last) == [False, False, True, True]
        await forget_conversation(database, "test:team:other", "test:nobody")
        assert await left(elsewhere, last) == [False, True]
        now = datetime.now(UTC)
        await remove_expired(database, None, now + timedelta(days=2), keep_prompts_days=3)
        assert await left(last) == [True]
        await remove_expired(database, None, now + timedelta(days=4), keep_prompts_days=3)
        assert await left(last) == [False]
        assert await room.app.services.history.get(last) is not None


@on_both_engines
async def test_calls_of_tools_are_a_part_of_it_and_it_is_bounded(room: Room) -> None:
    turn = await room.turn("ann")
    prompts = KeptPrompts(room.app.database)
    called = ChatMessage("assistant", "", (ToolCall("1", "switch", {"on": True}),))
    sent = SentPrompt("default", (ChatMessage("user", "Light it."), called), ("switch",))
    await prompts.add(turn, [sent], str)
    await prompts.add(turn, [sent] * MAX_KEPT_PROMPTS, str)
    kept = await prompts.of_turn(turn)
    assert len(kept) == MAX_KEPT_PROMPTS
    assert kept[0].tools == ("switch",)
    assert [one.text for one in kept[0].messages] == [
        "Light it.", '{"name": "switch", "arguments": {"on": true}}',
    ]  # fmt: skip
