"""What `make bench` prints is its tables: no measurement fills the screen with a log."""

from __future__ import annotations

import logging
import math
from typing import Any

import aiohttp
import pytest

from backends.base import ChatMessage, ChatRequest, EngineContext
from bench.core import logging_as_in_production
from bench.replies import Exchange
from bench.timed_backend import ENGINE, question, take_ends
from tests.fakes.discord import FakeDiscord
from tests.fakes.slack import FakeSlack
from tests.fakes.timeline import Kind, Step


def test_a_measurement_leaves_logging_as_it_was(capsys: pytest.CaptureFixture[str]) -> None:
    """The rooms that came after it wrote thousands of lines at level info."""
    root = logging.getLogger()
    before = root.handlers[:], root.level
    with logging_as_in_production():
        assert root.isEnabledFor(logging.INFO)
        logging.getLogger("somebody").info("a line")
    assert (root.handlers, root.level) == before
    assert capsys.readouterr().err == ""


async def test_platforms_write_no_line_for_each_request(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    platforms = FakeSlack(), FakeDiscord(validate=False)
    async with platforms[0] as slack, platforms[1] as discord, aiohttp.ClientSession() as web:
        await web.post(f"{slack.api_url}api.test")
        await web.get(f"http://127.0.0.1:{discord.port}/api/v10/gateway")
    assert [record for record in caplog.records if record.name.startswith("aiohttp")] == []


def exchange(*steps: tuple[float, Kind, str, str]) -> Exchange:
    """Of a question for three words that was asked at 101.0: when, what, which message, content."""
    shown = [Step(at, kind, "bot", "t", name, content) for at, kind, name, content in steps]
    return Exchange("q1", 3, 101.0, shown, began=100.0)


class TestExchange:
    def test_what_is_measured_of_an_answer(self) -> None:
        found = exchange(
            (1.2, "typing", "", ""),
            (1.4, "create", "m1", "Thinking …"),
            (2.0, "edit", "m1", "w000"),
            (2.5, "edit", "m1", "w000"),
            (8.0, "edit", "m1", "w000 w001"),
            (9.0, "edit", "m1", "w000 w001 w002"),
            (9.5, "edit", "m1", "w000 w001 w002 [buttons]"),
        )
        assert found.first_sign_s() == pytest.approx(0.2)
        assert found.still_s(now=200.0) == 6.0
        assert found.final_s({"q1": 108.5}) == 0.5
        assert (found.messages(), found.edits()) == (1, 5)

    def test_a_text_that_never_comes_to_its_end(self) -> None:
        found = exchange((2.0, "create", "m1", "w000"), (3.0, "edit", "m1", "w000 w001"))
        assert found.final_s({"q1": 104.0}) == math.inf
        assert found.still_s(now=130.0) == 27.0

    def test_one_that_is_shown_only_when_done_never_stood_still(self) -> None:
        found = exchange(
            (1.5, "create", "m1", "Thinking …"),
            (7.0, "create", "m2", "w000 w001 w002"),
            (7.1, "delete", "m1", "Thinking …"),
        )
        assert found.still_s(now=200.0) == 0.0
        assert found.final_s({"q1": 106.9}) == pytest.approx(0.1)
        assert found.messages() == 1

    def test_nobody_heard_of_it(self) -> None:
        assert exchange().first_sign_s() == math.inf
        assert exchange().final_s({}) == math.inf


async def test_a_timed_model_writes_what_it_is_asked_for_and_says_when_it_ended() -> None:
    context: Any = EngineContext
    model = ENGINE.create("timed", ENGINE.options(), context)
    asked = ChatRequest((ChatMessage("user", question(7, 4)),))
    said = "".join([chunk.text async for chunk in model.chat(asked)])
    assert said.split() == ["w000", "w001", "w002", "w003"]
    assert set(take_ends()) == {"q7"}
    assert take_ends() == {}
