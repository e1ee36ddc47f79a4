"""What goes wrong between the bot and a homeserver, and what people see of it."""

from __future__ import annotations

from typing import Any

import pytest

from tests.peers.on_synapse import SynapseDriver
from tests.peers.test_matrix import driven, driver, make_driver, text, told
from tests.scenarios.conftest import house, make_house
from tests.scenarios.harness import SLOW, STORY, House

__all__ = ["driver", "house", "make_driver", "make_house"]

pytestmark = pytest.mark.peers


def told_to_ada(driver: SynapseDriver) -> str:
    """What the bot has said in Ada's direct room."""
    return "\n".join(str(c["body"]) for c in driver.shown_to("ada", driver.rooms["ada"]))


def configured(driver: SynapseDriver, **more: Any) -> None:
    """Change the section of Matrix."""
    before = driver.config()["matrix"]
    driver.config = lambda: {"matrix": {**before, **more}}  # type: ignore[method-assign]


class TestWhereItMayNotWrite:
    async def room(self, driver: SynapseDriver) -> str:
        """A room in which its owner Ada may write, and the bot may not."""
        return await driver.make_room(
            driver.people["ada"].login,
            driver.bot,
            name="News *of* us",
            power_level_content_override={"events_default": 50},
        )

    async def test_the_person_hears_it_directly(self, house: House) -> None:
        driver = driven(house)
        room = await self.room(driver)
        await driver.people["ada"].say(room, driver.mentioning("hello there"))
        await told(house, "You said: hello there")
        assert "I may not write in News \\*of\\* us, so I answer here." in told_to_ada(driver)
        await driver.press("regenerate")
        await house.until(lambda: len(house.model.requests) == 2, "asked again")
        await told(house, "You said: hello there")
        assert not driver.people["ada"].by(driver.bot.user, room)

    async def test_who_has_no_direct_room_gets_one(self, house: House) -> None:
        driver = driven(house)
        zoe = await driver.person("zoe")
        room = await driver.make_room(
            zoe.login, driver.bot, power_level_content_override={"events_default": 50}
        )
        await zoe.say(room, text("!chat model=nonesuch hello"))
        await zoe.until(lambda: zoe.nio.invited_rooms, "an invitation")
        [direct] = zoe.nio.invited_rooms
        await driver.synapse.call(zoe.login, "POST", f"/rooms/{direct}/join", {})

        def heard() -> bool:
            shown = zoe.by(driver.bot.user, direct).values()
            return any("There is no model named" in content["body"] for content in shown)

        await zoe.until(heard, "the refusal")


class TestEdits:
    async def test_those_that_fail_for_good_are_made_good_by_new_messages(
        self, make_house: Any
    ) -> None:
        house: House = await make_house(tokens_per_s=2000)
        driver = driven(house)
        driver.proxy.fail_next("edit", 403, times=10_000)
        await driver.mention("tell a story")
        await house.sees(STORY.split()[-1])
        assert all(word in house.text for word in STORY.split())

    async def test_text_only_when_it_is_done(self, make_house: Any) -> None:
        house: House = await make_house(open=False, tokens_per_s=600)
        driver = driven(house)
        configured(driver, only_when_done=True)
        await house.start()
        await driver.mention("take your time")
        await house.until(driver.working, "a status")
        assert "slow" not in house.text
        await house.reads(SLOW.split()[-1])


class TestMarks:
    async def test_a_question_is_acknowledged_and_then_marked_as_answered(
        self, make_house: Any
    ) -> None:
        house: House = await make_house(open=False)
        driver = driven(house)
        configured(driver, acknowledge=True)
        await house.start()
        await driver.mention("hello there")
        await house.reads("You said: hello there")

        def marks() -> set[str]:
            found = driver.people["ada"].reactions.values()
            return {emoji for _, event, emoji in found if event == driver.asked}

        await house.until(lambda: marks() == {"✅"}, "the mark")


class TestInterrupted:
    async def test_an_answer_that_is_gone_is_let_go(self, make_house: Any) -> None:
        house: House = await make_house(open=False, tokens_per_s=60)
        driver = driven(house)
        await house.start_apart()
        await driver.mention("take your time")
        await house.sees("slow004")
        await house.kill()
        await driver.delete_answer()
        await house.start()
        await driver.mention("hello there")
        await house.reads("You said: hello there")
        assert "interrupted" not in house.text
