"""A question on Slack that an earlier process was asked, and that is taken back."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from tests.scenarios.harness import House
from tests.scenarios.on_slack import SlackDriver


@pytest.fixture
async def driver() -> AsyncIterator[SlackDriver]:
    made = await SlackDriver().open()
    yield made
    await made.close()


async def test_a_deleted_question_takes_along_what_a_crash_left_of_its_answer(
    make_house: Any, driver: SlackDriver
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
