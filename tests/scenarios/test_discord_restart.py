"""Questions on Discord that an earlier process was asked: edited, deleted, and answered again."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from tests.fakes.discord.state import BOT, CHANNEL, GUILD
from tests.scenarios.harness import House
from tests.scenarios.on_discord import DiscordDriver
from tests.until import until

NOTE = b"The deploy is on Friday at noon."


@pytest.fixture
async def driver() -> AsyncIterator[DiscordDriver]:
    made = await DiscordDriver().open()
    yield made
    await made.close()


async def test_an_edited_question_can_be_answered_anew_after_a_restart(
    house: House, driver: DiscordDriver
) -> None:
    question = await driver.fake.say("one plus one", mention=True)
    await house.reads("You said: one plus one")
    await house.restart()
    await driver.fake.edit(question, f"<@{BOT}> one plus two")
    await house.sees("You have changed your question.")
    await driver.fake.press("Answer the new one")
    await house.reads("You said: one plus two")


async def test_edits_that_change_nothing_offer_nothing_after_a_restart(
    house: House, driver: DiscordDriver
) -> None:
    question = await driver.fake.say("one plus one", mention=True)
    await house.reads("You said: one plus one")
    await house.restart()
    await driver.fake.edit(question, f"<@{BOT}> one plus one")
    await driver.mention("something else")
    await house.reads("You said: something else")
    assert "changed your question" not in house.text


async def test_a_deleted_question_leaves_the_prompts_to_come_also_after_a_restart(
    house: House, driver: DiscordDriver
) -> None:
    await driver.mention("the password is swordfish")
    await house.reads("You said: the password is swordfish")
    thread = int(driver.fake.threads()[0]["id"])
    await house.restart()
    await driver.delete()
    assert house.app is not None
    history = house.app.services.history
    await until(
        lambda: history.recent(f"discord:{GUILD}:{CHANNEL}:t={thread}"),
        fits=lambda found: not found,
    )
    await driver.fake.say("what is the password?", mention=True, channel=thread)
    await house.reads("You said: what is the password?")
    asked = "\n".join(m.content for m in house.model.requests[-1].messages)
    assert "swordfish" not in asked
    assert "swordfish" in house.text


async def test_a_deleted_question_takes_along_what_a_crash_left_of_its_answer(
    make_house: Any, driver: DiscordDriver
) -> None:
    house: House = await make_house(tokens_per_s=20, open=False)
    await house.start_apart()
    await driver.mention("take your time")
    await house.sees("slow004")
    await house.kill()
    await house.start()
    await house.reads("interrupted by a restart")
    await driver.delete()
    await house.until(lambda: not house.text, "nothing left of the answer")


async def test_regenerate_has_the_file_that_is_gone_from_discord(
    house: House, driver: DiscordDriver
) -> None:
    note = driver.fake.world.add_file(f"http://127.0.0.1:{driver.fake.port}", "plan.md", NOTE)
    await driver.fake.say("When is it?", mention=True, attachments=[note])
    await house.reads("When is it?")
    await house.restart()
    driver.fake.world.files.clear()
    await driver.press("regenerate")
    await house.until(lambda: house.model.requests, "the question again")
    assert NOTE.decode() in house.model.requests[-1].messages[-1].content
