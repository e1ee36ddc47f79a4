"""Cards over `kill -9` and over their time: shown once, and without buttons that do nothing."""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from tests.scenarios.conftest import DRIVERS
from tests.scenarios.test_agent_calls import MODEL, AgentHouse

CARD = "would send something out"


@pytest.fixture(params=["discord", "slack"])
async def house(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[AgentHouse]:
    driver = await DRIVERS[request.param]()
    made = AgentHouse(tmp_path, driver, **MODEL)
    yield made
    await made.stop()
    fake: Any = driver.fake  # type: ignore[attr-defined]
    fake.heal()
    await driver.close()


def cards(house: AgentHouse) -> int:
    return sum(CARD in message for message in house.driver.messages())


async def waits_for_card(house: AgentHouse) -> None:
    """Ask, and wait until the approval is stored, whatever is shown."""
    await house.driver.mention("/agent write somebody")
    await house.until(lambda: rows(house, "SELECT turn FROM suspended"), "stored")


def rows(house: AgentHouse, query: str) -> list[Any]:
    path = house.folder / "data" / "parlance.db"
    with closing(sqlite3.connect(path)) as database:
        return database.execute(query).fetchall()


async def killed_at_the_card(house: AgentHouse, *, done: bool) -> None:
    await house.start_apart()
    fake: Any = house.driver.fake  # type: ignore[attr-defined]
    fake.hold_text(CARD, done=done)
    await waits_for_card(house)
    await fake.held.wait()
    await house.until(lambda: cards(house) == int(done), "what was passed on")
    await house.kill()
    fake.heal()


@pytest.mark.parametrize("done", [False, True])
async def test_killed_at_the_card_it_stands_there_once_with_its_buttons(
    house: AgentHouse, done: bool
) -> None:
    await killed_at_the_card(house, done=done)
    await house.start()
    await house.sees(CARD)
    await house.until(lambda: house.offers("Approve"), "a button")
    await house.until(
        lambda: rows(house, "SELECT 1 FROM replies WHERE finished"), "that it is known"
    )
    assert cards(house) == 1
    await house.press("Approve")
    await house.reads("It is sent.")
    assert house.done == ["send eve"]
    assert house.text.count("Approved by") == 1
    assert not house.offers("Approve")


async def test_killed_at_a_second_card_the_first_stays_as_it_is(house: AgentHouse) -> None:
    await house.start_apart()
    await house.driver.mention("/agent write two people")
    await house.until(lambda: house.offers("Approve"), "a button")
    await house.until(
        lambda: rows(house, "SELECT 1 FROM replies WHERE finished"), "that it is known"
    )
    fake: Any = house.driver.fake  # type: ignore[attr-defined]
    fake.hold_text("to: `zed`", done=False)
    await house.press("Approve")
    await fake.held.wait()
    await house.until(
        lambda: rows(house, "SELECT 1 FROM tool_calls WHERE state = 'waiting'"), "a second call"
    )
    await house.until(lambda: rows(house, "SELECT turn FROM suspended"), "stored")
    await house.kill()
    fake.heal()
    await house.start()
    await house.sees("to: `zed`")
    [first] = [message for message in house.driver.messages() if "to: `ann`" in message]
    assert "Approved by" in first
    assert "to: `zed`" not in first
    await house.until(lambda: house.offers("Approve"), "a button")
    await house.press("Approve")
    await house.reads("Both are sent.")
    assert house.done == ["send ann", "send zed"]
    assert cards(house) == 2


async def test_a_card_that_stands_there_is_not_shown_again(house: AgentHouse) -> None:
    await house.start_apart()
    await waits_for_card(house)
    await house.until(lambda: rows(house, "SELECT 1 FROM replies WHERE finished"), "shown")
    await house.kill()
    await house.start()
    await house.driver.mention("/approvals")
    await house.hears("waits for you")
    public = [m for m in house.driver.messages() if CARD in m and "/approvals" not in m]
    assert len(public) == 1


@pytest.mark.parametrize("down", [False, True])
async def test_an_expired_card_says_so_and_has_no_buttons(house: AgentHouse, down: bool) -> None:
    await house.start()
    await waits_for_card(house)
    await house.until(lambda: house.offers("Approve"), "a button")
    if down:
        await house.stop()
    with closing(sqlite3.connect(house.folder / "data" / "parlance.db")) as database:
        database.execute("UPDATE suspended SET resume_at = resume_at - 40 * 86400 * 1000000")
        database.commit()
    if down:
        await house.start()
    else:
        assert house.app is not None
        house.app.core.intake.dependencies.suspensions.changed.set()  # type: ignore[union-attr]
    await house.sees("Nobody approved it in time, so it was not done.")
    [card] = [message for message in house.driver.messages() if CARD in message]
    assert "Nobody approved it in time" in card, "where its buttons were"
    assert not house.offers("Approve")
    assert not house.offers("Refuse")
    assert house.done == []
