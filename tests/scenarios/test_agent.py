"""Tools, approvals and the reasons, as people on each platform meet them."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from tests.scenarios.agent_house import (
    HOSTILE,
    LONG,
    PROPOSED,
    PROPOSES,
    QUESTION,
    notes,
    replies,
    sections,
)
from tests.scenarios.harness import Driver, House

CARD = "**write_note** would change something:"


@pytest.fixture
async def house(make_house: Any, driver: Driver, tmp_path: Path) -> House:
    """A house whose model calls tools."""
    opened: House = await make_house(replies=replies(), sections=sections(tmp_path, driver))
    return opened


async def test_a_question_that_takes_two_tools_is_answered(house: House) -> None:
    await house.driver.mention(QUESTION)
    await house.reads("(Asia/Tokyo), and the sum is 397.8.")


async def test_why_shows_each_step(house: House) -> None:
    await house.driver.mention(QUESTION)
    await house.reads("the sum is 397.8.")
    await house.driver.press("why")
    await house.is_told("1. current_time (`zone: Asia/Tokyo`): done")
    await house.is_told("2. calculate (`expression: 17 / 100 * 2340`): done")


async def test_a_press_approves_and_the_card_says_so(house: House, tmp_path: Path) -> None:
    await house.driver.mention("write to Mara")
    await house.sees(CARD)
    await house.sees("- name: `Mara`")
    await house.sees("- **text: `the lamp is lit`** (the model's own)")
    assert notes(tmp_path) == []
    await house.driver.choose("approve")
    await house.reads("It is written.")
    assert notes(tmp_path) == ["Mara: the lamp is lit"]
    await house.reads("Approved by")
    assert re.search(r"Approved by [\w ]+, \d\d:\d\d UTC\.", house.text)


async def test_the_card_keeps_what_was_decided_in_place_of_its_buttons(house: House) -> None:
    await house.driver.mention("write to Mara")
    await house.sees(CARD)
    await house.until(lambda: "Refuse" in shown_buttons(house), "buttons")
    await house.driver.choose("refuse")
    await house.reads("Then I leave it.")
    [card] = [text for text in house.driver.messages() if CARD in text]
    assert "- name: `Mara`" in card
    assert "Refused by " in card.splitlines()[-1]
    [answer] = [text for text in house.driver.messages() if "Then I leave it." in text]
    assert "Refused by" not in answer
    assert not {"Approve", "Refuse"} & {*all_buttons(house)}


async def test_what_is_refused_is_not_done(house: House, tmp_path: Path) -> None:
    await house.driver.mention("write to Mara")
    await house.sees(CARD)
    await house.driver.choose("refuse")
    await house.reads("Then I leave it.")
    await house.reads("Refused by ")
    assert notes(tmp_path) == []


async def test_the_press_of_another_person_is_refused(house: House, tmp_path: Path) -> None:
    await house.driver.mention("write to Mara")
    await house.sees(CARD)
    await house.driver.choose("approve", by="eve")
    await house.is_told("Only the person who asked can decide this.")
    assert notes(tmp_path) == []
    assert "Approve" in shown_buttons(house), "their press takes no buttons away"
    await house.driver.choose("approve")
    await house.reads("It is written.")
    await house.reads("Approved by")


async def test_a_press_after_a_restart_is_carried_out_once(house: House, tmp_path: Path) -> None:
    await house.driver.mention("write to Mara")
    await house.sees(CARD)
    await house.until(lambda: "Approve" in shown_buttons(house), "buttons")
    await house.restart()
    await house.driver.choose("approve")
    await house.reads("It is written.")
    assert notes(tmp_path) == ["Mara: the lamp is lit"]
    await house.reads("Approved by")


async def test_what_a_model_proposes_to_keep_is_kept_by_a_press(house: House) -> None:
    await house.driver.mention(PROPOSES)
    await house.reads("You like lamps.")
    await house.sees(f"- **text: `{PROPOSED}`** (the model's own)")
    await house.driver.command("memory")
    await house.is_told("I remember nothing here.")
    if house.driver.name == "terminal":
        await house.driver.choose("0.0")
    else:
        await house.driver.press("accept")
    await house.is_told(f"Kept for you: {PROPOSED}")
    await house.driver.command("memory")
    await house.is_told(f"- **1**: {PROPOSED}")


async def test_what_i_may_use_and_what_waits_are_nobody_elses_business(house: House) -> None:
    await house.driver.command("tools")
    await house.is_told("- **write_note**: Write a note.")
    await house.is_told("- **add_document**: Only admins can do this.")
    await house.driver.mention("write to Mara")
    await house.sees(CARD)
    await house.until(lambda: not house.is_answering(), "it waits")  # a card shows before
    await house.driver.command("approvals")
    await house.is_told("**write_note**: waits for you")
    assert "waits for you" not in house.text
    assert "Not here:" not in house.text


async def test_markup_in_an_argument_is_shown_as_it_is_written(house: House) -> None:
    await house.driver.mention("write what is odd")
    await house.sees(CARD)
    await house.until(lambda: not house.is_answering(), "it waits")  # a card shows before
    await house.driver.command("approvals")
    await house.hears("waits for you")
    await house.driver.choose("refuse")
    await house.reads("Then I leave it.")
    await house.driver.press("why")
    await house.hears("Steps")
    seen = [*house.driver.messages(), *house.driver.private()]
    plain = " ".join(HOSTILE.replace("`", "'").split())[:60]
    for mark in (CARD, "waits for you", "Steps"):
        found = {
            line
            for text in seen
            if mark in text
            for line in text.splitlines()
            if "@everyone" in line.replace("\u200b", "")
        }
        assert found, mark
        for line in found:
            [code] = re.findall(r"`([^`]*)`", line.removeprefix("- **name: `Mara`**"))
            assert plain in code.replace("\u200b", ""), "the whole of it stands in one span of code"
            assert "evil.example" not in line.replace(code, "")
            assert "\u202e" not in line


async def test_a_long_argument_is_cut_and_can_be_read_whole(house: House, tmp_path: Path) -> None:
    await house.driver.mention("write it in full")
    await house.sees(CARD)
    await house.sees("note a very … (3,399 characters)`**")
    whole = f"text ({len(LONG):,} characters):\n\n{LONG}"
    driver: Any = house.driver
    await house.until(lambda: driver.attached(whole), "the whole of it")
    await house.driver.choose("approve")
    await house.reads("It is written.")
    assert notes(tmp_path) == [f"Mara: {LONG}"]


def shown_buttons(house: House) -> list[str]:
    """What stands on the buttons of the last message."""
    return list(house.driver.buttons())  # type: ignore[attr-defined]


def all_buttons(house: House) -> list[str]:
    """What stands on the buttons of all messages."""
    return list(house.driver.all_buttons())  # type: ignore[attr-defined]
