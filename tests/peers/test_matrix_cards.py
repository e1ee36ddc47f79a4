"""Cards on Matrix: ✅ and ❎ decide, by whom, over `kill -9`, and while the bot is away."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from tests.peers.on_synapse import SynapseDriver
from tests.peers.synapse.server import Synapse
from tests.scenarios.harness import Person
from tests.scenarios.test_agent_calls import (
    MODEL,
    AgentHouse,
    test_killed_while_it_waits_the_press_carries_it_out_once,
)
from tests.scenarios.test_agent_cards import (
    CARD,
    cards,
    test_a_card_that_stands_there_is_not_shown_again,
    test_an_expired_card_says_so_and_has_no_buttons,
    test_killed_at_a_second_card_the_first_stays_as_it_is,
    test_killed_at_the_card_it_stands_there_once_with_its_buttons,
)

__all__ = [
    "test_a_card_that_stands_there_is_not_shown_again",
    "test_an_expired_card_says_so_and_has_no_buttons",
    "test_killed_at_a_second_card_the_first_stays_as_it_is",
    "test_killed_at_the_card_it_stands_there_once_with_its_buttons",
    "test_killed_while_it_waits_the_press_carries_it_out_once",
]

pytestmark = pytest.mark.peers

APPROVE, ALWAYS, REFUSE = "✅", "🔓", "❎"


class MatrixAgentHouse(AgentHouse):
    """The house of the agent's calls, in which people put reactions to the cards."""

    @property
    def people(self) -> SynapseDriver:
        driver: Any = self.driver
        assert isinstance(driver, SynapseDriver)
        return driver

    def offers(self, label: str) -> bool:
        return label in self.people.all_buttons()

    async def press(self, label: str, by: Person = "ada") -> None:
        await self.people.leave(label, by)


@pytest.fixture
async def house(
    homeserver: Synapse, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[MatrixAgentHouse]:
    folder = tmp_path_factory.mktemp("people")
    driver = await SynapseDriver(homeserver, folder, encrypted=False).open()
    made = MatrixAgentHouse(tmp_path, driver, **MODEL)
    yield made
    driver.proxy.heal()
    await made.stop()
    await driver.close()


async def card_is_shown(house: MatrixAgentHouse) -> tuple[str, str]:
    """Ask for something that waits, and wait for its card; returns its room and event."""
    await house.driver.mention("/agent write somebody")
    await house.reads(CARD)
    driver = house.people
    shown = driver.people["ada"].by(driver.bot.user, driver.room)
    [card] = [event for event, content in shown.items() if CARD in content["body"]]
    return driver.room, card


def own_reactions(house: MatrixAgentHouse, card: str) -> set[str]:
    """The reactions of the bot to a card."""
    driver = house.people
    found = driver.people["ada"].reactions.values()
    return {emoji for who, event, emoji in found if who == driver.bot.user and event == card}


def refusals(house: MatrixAgentHouse) -> int:
    """How often somebody was told that they may not decide."""
    words = "Only the person who asked can decide this."
    return sum(words in said for said in house.driver.private())


async def test_the_bot_puts_its_reactions_there_and_takes_them_away(
    house: MatrixAgentHouse,
) -> None:
    await house.start()
    _, card = await card_is_shown(house)
    every = {APPROVE, ALWAYS, REFUSE}
    await house.until(lambda: own_reactions(house, card) == every, "all of them")
    await house.press("Approve")
    await house.reads("It is sent.")
    await house.until(lambda: not own_reactions(house, card), "none")
    assert house.done == ["send eve"]


async def test_a_reaction_with_another_tone_or_form_of_the_emoji_counts(
    house: MatrixAgentHouse,
) -> None:
    await house.start()
    room, card = await card_is_shown(house)
    await house.people.people["ada"].react(room, card, APPROVE + "\ufe0f")
    await house.reads("It is sent.")


async def test_another_emoji_decides_nothing(house: MatrixAgentHouse) -> None:
    await house.start()
    room, card = await card_is_shown(house)
    for emoji in ("👍", "🆗", "❌", "yes"):
        await house.people.people["ada"].react(room, card, emoji)
    await house.driver.mention("/agent think first", by="eve")
    await house.sees("one two")  # which came after them
    assert house.done == []
    assert house.states() == [("send", "waiting")]


async def test_nobody_else_decides_not_even_an_admin(house: MatrixAgentHouse) -> None:
    await house.start()
    await card_is_shown(house)
    await house.press("Approve", "eve")
    await house.press("Approve", "root")
    await house.until(lambda: refusals(house) == 2, "two refusals")
    assert house.done == []
    await house.press("Refuse")
    await house.reads("Refused by")
    assert house.done == []


async def test_what_was_decided_while_the_bot_was_away_is_carried_out_once(
    house: MatrixAgentHouse,
) -> None:
    await house.start()
    await card_is_shown(house)
    await house.stop()
    await house.press("Approve", by="eve")
    await house.press("Approve")
    await house.press("Refuse")
    await house.start()
    await house.reads("It is sent.")
    await house.until(lambda: refusals(house) == 1, "a refusal")
    await house.until(lambda: house.states() == [("send", "done")], "done")
    assert house.done == ["send eve"]
    assert cards(house) == 1


async def test_a_decision_that_was_taken_back_and_given_again_is_carried_out_once(
    house: MatrixAgentHouse,
) -> None:
    await house.start()
    room, card = await card_is_shown(house)
    ada = house.people.people["ada"]
    first = await ada.react(room, card, APPROVE)
    await ada.redact(room, first)
    await ada.react(room, card, APPROVE)
    await house.reads("It is sent.")
    assert house.done == ["send eve"]
