"""What a server of tools asks in the middle of a call, as people on each platform meet it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.fakes.tool_servers import hostile, recorded
from tests.scenarios.harness import Driver, House

TASK = "see what the weather is like"
PLACE = {
    "type": "object",
    "properties": {
        "city": {"type": "string", "title": "City", "description": "<@U0EVE> @everyone"},
        "days": {"type": "integer", "minimum": 1, "maximum": 7, "default": 3},
    },
    "required": ["city"],
}
FORM = {"message": "Which place do you mean? @everyone", "requestedSchema": PLACE}
PAGE = {
    "mode": "url",
    "message": "Please confirm it.",
    "url": "https://weather.example/confirm?ticket=s3cr3t-ticket",
    "elicitationId": "1",
}


@pytest.fixture
def asks() -> dict[str, Any]:
    return FORM


def told(folder: Path, asks: dict[str, Any], *, reads: bool) -> dict[str, Any]:
    """What a house is made of in which a server asks something in the middle of a call."""
    call = {"name": "weather_ask", "arguments": {"params": asks}}
    replies = [{"match": TASK, "tool_calls": [call], "then": ["It is fine."]}]
    server = {**hostile(folder), "open": True, "read": ["ask"] if reads else []}
    return {"replies": replies, "sections": {"mcp": {"servers": {"weather": server}}}}


@pytest.fixture
async def house(make_house: Any, driver: Driver, tmp_path: Path, asks: dict[str, Any]) -> House:
    """A house with a server that asks something in the middle of a call."""
    opened: House = await make_house(**told(tmp_path, asks, reads=True))
    app = opened.app
    assert app is not None
    await opened.until(lambda: app.servers.tools(), "the server's tools")
    return opened


async def test_what_a_server_asks_is_filled_in(house: House, tmp_path: Path) -> None:
    await house.driver.mention(TASK)
    await house.sees("**weather** asks:")
    await house.sees("Which place do you mean?")
    await house.driver.answer({"city": "Oslo"})
    await house.is_told("weather has it now.")
    await house.reads("It is fine.")
    await house.reads("answered what weather asked.")
    (answered,) = recorded(tmp_path, "answered")
    assert '"content": {"city": "Oslo", "days": 3}' in answered
    assert "Oslo" not in house.text, "nobody else reads what was filled in"


async def test_what_a_server_asks_can_be_declined(house: House, tmp_path: Path) -> None:
    await house.driver.mention(TASK)
    await house.sees("**weather** asks:")
    await house.driver.leave("Decline")
    await house.is_told("weather is told that you do not answer.")
    await house.reads("It is fine.")
    await house.reads("declined what weather asked.")
    assert recorded(tmp_path, "answered") == ['{"decline": 1} {"action": "decline"}']


async def test_nobody_else_can_answer(house: House, tmp_path: Path) -> None:
    await house.driver.mention(TASK)
    await house.sees("**weather** asks:")
    await house.driver.answer({"city": "Rome"}, by="eve")
    await house.is_told("to answer.")
    await house.driver.leave("Decline", by="eve")
    assert recorded(tmp_path, "answered") == []
    await house.driver.answer({"city": "Oslo"})
    await house.reads("It is fine.")
    assert "Oslo" in recorded(tmp_path, "answered")[0]


@pytest.mark.parametrize("asks", [PAGE])
async def test_a_page_to_open_is_shown_to_the_asker_alone(house: House, tmp_path: Path) -> None:
    await house.driver.mention(TASK)
    await house.sees("It wants you to open a page at")
    await house.sees("weather.example")
    if house.driver.name != "terminal":
        assert "s3cr3t-ticket" not in house.text
    await house.driver.leave("Answer" if house.driver.name == "terminal" else "Show the link")
    await house.is_told("s3cr3t-ticket")
    await house.reads("It is fine.")
    assert recorded(tmp_path, "answered") == ['{"accept": 1} {"action": "accept"}']


async def test_a_call_that_asks_is_lost_with_the_process_and_that_is_told(
    make_house: Any, driver: Driver, tmp_path: Path
) -> None:
    made: House = await make_house(open=False, **told(tmp_path, FORM, reads=False))
    await made.start_apart()
    named = tmp_path / "data" / "mcp" / "weather.json"
    await made.until(named.exists, "the server's tools")
    await made.driver.mention(TASK)
    await made.sees("**weather_ask** would send something out:")
    await made.driver.choose("approve")
    await made.sees("**weather** asks:")
    await made.kill()
    await made.start()
    await made.sees("I was stopped in the middle of **weather_ask**.")
    assert recorded(tmp_path, "called") == [recorded(tmp_path, "called")[0]], "it is not repeated"
