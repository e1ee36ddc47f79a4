"""What a question came with: kept within bounds, and there when it is answered again."""

from __future__ import annotations

import asyncio
import uuid
from dataclasses import replace
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from backends.scripted.backend import ScriptedBackend
from bot.events import ActionCall, Attachment, CommandCall, ContextMessage, Message
from bot.history.attachments import MAX_CONTEXT_MESSAGES, MAX_SNAPSHOT_BYTES, take_snapshot
from bot.testing import Parlance, running_skills
from bot.types import ActionName, Author, ConversationKey
from tests.fakes.core import ADA, HERE
from tests.until import until

GENERAL = ConversationKey("test", "workspace", "general")
ANN = Author("test", "ann", "Ann")
BOB = Author("test", "bob", "Bob")
NOTE = "The deploy is on Friday at noon."


def attachment(name: str, data: bytes = b"") -> Attachment:
    async def read(limit: int) -> bytes:
        return data[:limit]

    return Attachment(name, len(data), None, read)


def press(action: ActionName, turn: str) -> ActionCall:
    return ActionCall(uuid.uuid4().hex, GENERAL, ANN, action, turn)


def asked(parlance: Parlance) -> str:
    return parlance.model.requests[-1].messages[-1].content


@given(
    st.lists(st.text(max_size=20).map(lambda text: text * 20_000), max_size=4),
    st.lists(st.text(), max_size=80),
)
def test_no_more_is_kept_than_there_is_room_for(files: list[str], quotes: list[str]) -> None:
    attached = tuple(attachment(f"{n}.md") for n in range(len(files)))
    context = tuple(ContextMessage("Bob", text) for text in quotes)
    event = Message("e", HERE, ADA, "?", attachments=attached, context=context)
    read = [(file, "title", text) for file, text in zip(attached, files, strict=True)]
    kept = take_snapshot(event, read)
    texts = [*(file.text for file in kept.files), *(quote.text for quote in kept.quotes)]
    assert sum(len(text.encode()) for text in texts) <= MAX_SNAPSHOT_BYTES
    assert len(kept.quotes) <= MAX_CONTEXT_MESSAGES
    whole = {name.name: text for name, text in zip(attached, files, strict=True)}
    for file in kept.files:
        assert file.cut == (file.text != whole[file.name])


def test_a_file_that_nobody_read_is_not_kept() -> None:
    event = Message("e", HERE, ADA, "?", attachments=(attachment("a.md"),))
    assert not take_snapshot(event, [])


def test_a_long_text_with_pictures_looked_whole_when_it_was_restored() -> None:
    file = attachment("plan.pdf")
    event = Message("e", HERE, ADA, "?", attachments=(file,))
    kept = take_snapshot(event, [(file, "Plan", "x" * MAX_SNAPSHOT_BYTES * 2)], [file])

    async def find(message: str) -> tuple[Attachment, ...]:
        return (file,)

    (restored,) = kept.attachments("e", find)
    assert restored.text is not None
    assert restored.text.endswith("\n\n[…]")


async def test_regenerate_has_the_files_and_quotes_also_after_a_restart(tmp_path: Path) -> None:
    quotes = [ContextMessage("Bob", "Who knows when?", id="m1"), ContextMessage("Eve", "", id="m2")]
    async with running_skills(folder=tmp_path) as before:
        files = {"plan.md": NOTE}
        first = await before.say("When is it?", attachments=files, context=quotes)
        prompt = asked(before)
    assert NOTE in prompt
    assert "Bob: Who knows when?" in prompt
    async with running_skills(folder=tmp_path) as after:
        again = await after.send(press("regenerate", first.view.turn))
        once_more = await after.send(press("regenerate", again.view.turn))
        for request in after.model.requests:
            assert NOTE in request.messages[-1].content
            assert "Bob: Who knows when?" in request.messages[-1].content
    assert (again.state, once_more.state) == ("complete", "complete")


async def test_a_question_that_was_only_a_file_is_answered_again(parlance: Parlance) -> None:
    first = await parlance.say("", attachments={"plan.md": NOTE})
    await parlance.send(press("regenerate", first.view.turn))
    assert NOTE in asked(parlance)
    assert len(parlance.model.requests) == 2


async def test_why_shows_what_was_read_with_the_question(parlance: Parlance) -> None:
    quotes = [ContextMessage("Bob", "Who knows when?")]
    first = await parlance.say("When?", attachments={"plan.md": NOTE}, context=quotes)
    why = await parlance.send(press("why", first.view.turn))
    assert f"- plan.md ({len(NOTE)} characters): “{NOTE}”" in why.text
    assert "- Bob: “Who knows when?”" in why.text


async def test_why_shows_it_to_nobody_else(parlance: Parlance) -> None:
    first = await parlance.say("When?", attachments={"plan.md": NOTE})
    why = await parlance.send(replace(press("why", first.view.turn), author=BOB))
    assert "Model" in why.text
    assert "plan.md" not in why.text


async def test_it_is_kept_before_the_model_begins(tmp_path: Path) -> None:
    slow = ScriptedBackend("default", replies=["word " * 200], tokens_per_s=20)
    async with running_skills(folder=tmp_path, models=[slow]) as parlance:
        asking = asyncio.create_task(parlance.say("When?", attachments={"plan.md": NOTE}))
        await until(lambda: slow.requests)
        turn = next(iter(parlance.core.open_turns))
        question = await parlance.services.history.by_event("test", turn.event.id)
        assert question is not None
        kept = await parlance.services.history.material(question.id)
        turn.stop("stopped")
        await asking
    assert kept is not None
    assert kept.files[0].text == NOTE


async def test_forgetting_a_person_takes_their_files_along(parlance: Parlance) -> None:
    await parlance.say("When?", attachments={"plan.md": NOTE})
    (question, _) = await parlance.services.history.recent(str(GENERAL))
    assert await parlance.services.history.material(question.id) is not None
    await parlance.say("/forget confirm=yes")
    assert await parlance.services.history.material(question.id) is None


async def test_a_message_menu_is_answered_again_from_its_message(parlance: Parlance) -> None:
    target = ContextMessage(
        "Bob", "Look at this", id="m1", attachments=(attachment("p.md", NOTE.encode()),)
    )
    call = CommandCall(
        "e1", GENERAL, ANN, "summarize", target=target, attachments=target.attachments
    )
    first = await parlance.send(call)
    again = await parlance.send(press("regenerate", first.view.turn))
    assert again.state == "complete", again.text
    assert NOTE in asked(parlance)
    assert len(parlance.model.requests) == 2
