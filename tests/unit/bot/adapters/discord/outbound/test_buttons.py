"""The buttons under an answer, also after a restart."""

from __future__ import annotations

from typing import Any

import pytest

from backends.scripted.backend import ScriptedBackend
from bot.adapters.discord.outbound.buttons import (
    MAX_CUSTOM_ID_CHARS,
    build_button_view,
    build_custom_id,
    is_answer_button,
)
from bot.types import Action
from tests.fakes.discord import FakeDiscord
from tests.fakes.discord.running import Bot, running
from tests.fakes.discord.state import DM, EVE
from tests.unit.bot.adapters.discord.inbound.test_messages import finished


async def answered(fake: FakeDiscord) -> None:
    await fake.say("hello", mention=True)
    await fake.until(lambda: finished(fake))


async def test_stop_ends_the_answer_and_keeps_what_is_there(make: Any, fake: FakeDiscord) -> None:
    backend = ScriptedBackend("default", replies=["word " * 4000], tokens_per_s=50)
    async with running(make(bench={"backend": backend})) as bot:
        await fake.say("long", mention=True)
        await fake.until(lambda: any("word" in m["content"] for m in fake.from_bot()))
        await fake.press("Stop")
        (answer,) = await fake.until(
            lambda: [m for m in fake.from_bot() if "Stopped by ada" in m["content"]]
        )
        assert answer["content"].startswith("word")
        assert fake.buttons(answer) == ["Try again"]
        await fake.until(lambda: fake.from_bot(private=True))
        assert bot.bench.backend.cancelled == 1


async def test_others_cannot_stop_it(make: Any, fake: FakeDiscord) -> None:
    backend = ScriptedBackend("default", replies=["word " * 400], tokens_per_s=50)
    async with running(make(bench={"backend": backend})) as bot:
        await fake.say("long", mention=True)
        await fake.until(lambda: any("word" in m["content"] for m in fake.from_bot()))
        await fake.press("Stop", user=EVE)
        (word,) = await fake.until(lambda: fake.from_bot(private=True))
        assert "Only the person who asked" in word["content"]
        assert bot.bench.backend.cancelled == 0


@pytest.mark.parametrize(
    ("label", "says"), [("👍", "was good"), ("👎", "not good"), ("Why this answer?", "**Model**")]
)
async def test_a_press_is_answered_to_the_person_alone(
    bot: Bot, fake: FakeDiscord, label: str, says: str
) -> None:
    await answered(fake)
    before = fake.from_bot()
    await fake.press(label)
    (word,) = await fake.until(lambda: fake.from_bot(private=True))
    assert says in word["content"]
    assert fake.from_bot() == before


async def test_buttons_work_after_a_restart(make: Any, fake: FakeDiscord) -> None:
    first = make()
    async with running(first):
        await answered(fake)
    second = make(bench={"store": first.bench.store})
    async with running(second):
        await fake.press("Regenerate")
        await fake.until(lambda: len(finished(fake)) == 2)
        await fake.press("👍")
        await fake.until(lambda: fake.from_bot(private=True))
        assert len(second.bench.store.superseded) == 1


async def test_a_button_whose_answer_is_forgotten(make: Any, fake: FakeDiscord) -> None:
    async with running(make()):
        await answered(fake)
    async with running(make()):
        await fake.press("Regenerate")
        (word,) = await fake.until(lambda: fake.from_bot(private=True))
        assert "no longer known" in word["content"]


async def test_a_button_of_an_earlier_version(bot: Bot, fake: FakeDiscord) -> None:
    await answered(fake)
    button = finished(fake)[0]["components"][0]["components"][0]
    button |= {"custom_id": "parlance-v0-again", "label": "Old"}
    await fake.press("Old")
    (word,) = await fake.until(lambda: fake.from_bot(private=True))
    assert "earlier version" in word["content"]


async def test_a_press_in_a_direct_message(bot: Bot, fake: FakeDiscord) -> None:
    await fake.say("hello", channel=DM)
    (first,) = await fake.until(lambda: finished(fake, DM))
    await fake.press("Regenerate")
    await fake.until(lambda: finished(fake, DM)[-1]["id"] != first["id"])


async def test_an_id_that_is_too_long_makes_no_button() -> None:
    long = Action("source", "Show", "x" * MAX_CUSTOM_ID_CHARS)
    with pytest.raises(ValueError, match="too long"):
        build_custom_id(long, "t")
    assert build_button_view([long], "t") is None
    assert is_answer_button(build_custom_id(Action("source", "Show", "3"), "t"))
    assert not is_answer_button("parlance:dance:t:")
