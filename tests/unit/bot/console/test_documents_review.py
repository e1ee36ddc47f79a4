"""Questions without an answer, and feedback: whose words are shown, and what is only counted."""

from __future__ import annotations

import asyncio
from typing import Any

from bot.sign_in.changes import ChangeRecord
from bot.types import Explanation, Source
from tests.unit.bot.console.conftest import CHANNEL, Room

QUESTIONS = "/console/documents/questions"
SCRIPT = "<script>alert(1)</script>"


async def ask(room: Room, by: str, text: str, outcome: str = "absent", **more: Any) -> str:
    source = Source(1, f"Lamps {SCRIPT}", "lamps.md", base=more.pop("base", "default"))
    why = Explanation(passages=(source,), outcome=outcome)
    return await room.turn(by, more.pop("place", CHANNEL), text=text, explanation=why, **more)


async def test_words_of_others_are_shown_once_they_are_asked_for(room: Room) -> None:
    for _ in range(3):
        await ask(room, "bob", f"How hot is the sun? {SCRIPT}")
    await ask(room, "bob", "Where is the moon?", "unsure")
    await ask(room, "bob", "What is a lamp?", "answer")
    await ask(room, "ann", "Is it my own?")
    ann = await room.browser("ann")
    page = (await ann.get(QUESTIONS)).text
    assert "Is it my own?" in page
    assert "sun" not in page
    assert "3 not answered, 1 not sure" in " ".join(page.split())
    shown = (await ann.post(QUESTIONS, token=await ann.form(QUESTIONS), days="7")).text
    assert shown.index("How hot is the sun?") < shown.index("Where is the moon?")
    assert "What is a lamp?" not in shown
    assert "<script>alert" not in shown
    newest = (await ChangeRecord(room.app.database).newest())[0]
    assert (newest.person, newest.action) == ("test:ann", "read questions that were not answered")


async def test_private_questions_are_only_counted(room: Room) -> None:
    await ask(room, "bob", "secret direct?", place="test:@dm:x", private=True)
    await ask(room, "bob", "secret own?", base="@test:bob")
    await ask(room, "bob", "secret unknown?", private=None)
    for ident in ("ann", ""):
        browser = await room.browser(ident)
        form = await browser.form(QUESTIONS)
        for page in (await browser.get(QUESTIONS), await browser.post(QUESTIONS, token=form)):
            assert page.status_code == 200
            assert "secret" not in page.text
            assert "3 not answered" in " ".join(page.text.split())
    bob = await room.browser("bob")
    own = (await bob.get(QUESTIONS)).text
    assert own.count("secret") == 3
    await ask(room, "ann", "secret of an admin?")
    assert (await bob.get(QUESTIONS)).text == own  # and nothing that others asked is counted
    assert (await bob.post(QUESTIONS, token=await bob.form())).status_code == 403


async def test_feedback_is_shown_with_the_passages_that_it_is_about(room: Room) -> None:
    for base, name in (("default", "lamps.md"), ("@test:bob", "diary.md")):
        text = f"# {name}\n\nA text."
        async for _ in room.app.knowledge.add_bytes(name, text.encode(), base=base):
            pass
    [lamps] = await room.app.knowledge.list("default")
    [diary] = await room.app.knowledge.list("@test:bob")
    passage = f"Bulbs are cold. {SCRIPT}"
    about = Source(
        1, "Lamps", "lamps.md", heading=SCRIPT, passage=passage, document=lamps.id, base="default"
    )
    own = Source(2, "Diary", "diary.md", passage="secret", document=diary.id, base="@test:bob")
    history = room.app.services.history
    turn = await room.turn("bob", explanation=Explanation(passages=(about, own)))
    await history.feedback(turn, "test:bob", "bad")
    await history.feedback(turn, "test:zoe", "wrong", "1")
    await history.feedback(turn, "test:zoe", "good")
    ann, bob = await room.browser("ann"), await room.browser("bob")
    page = (await ann.get("/console/documents/feedback")).text
    assert "Bulbs are cold." in page
    assert "1 × wrong, 1 × thumbs down on the answer" in " ".join(page.split())
    assert "secret" not in page
    assert "<script>alert" not in page
    assert (await bob.get("/console/documents/feedback")).status_code == 400  # for admins
    await asyncio.sleep(0.01)
    async for _ in room.app.knowledge.add_bytes("lamps.md", b"# Lamps\n\nNew.", base="default"):
        pass
    assert "Bulbs" not in (await ann.get("/console/documents/feedback")).text
