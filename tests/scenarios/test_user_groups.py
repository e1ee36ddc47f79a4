"""Rules about user groups on Slack, from the admin who sets one to the person whom it concerns."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.fakes.slack.acting import ADA, EVE, Acting
from tests.fakes.slack.bots import unfinished
from tests.scenarios.harness import House
from tests.scenarios.on_slack import PEOPLE, SlackDriver

RULE = "set command.chat <!subteam^S1>"


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[tuple[House, Acting]]:
    driver = await SlackDriver().open()
    house = House(tmp_path, driver)
    await house.start()
    yield house, Acting(driver.fake)
    await house.stop()
    await driver.close()


async def _told(house: House, people: Acting, name: str, text: str, by: str) -> str:
    """What somebody is told who calls a command."""
    ours = people.fake.workspace.by
    before = len(ours("UBOT"))
    await people.slash(name, text, by=by)

    def ended() -> bool:
        new = ours("UBOT")[before:]
        return bool(new) and not any(unfinished(message) for message in new)

    await house.until(ended, name)
    await house.until(lambda: not house.is_answering(), f"the end of {name}")
    return " ".join(message.shown for message in ours("UBOT")[before:])


async def test_a_rule_for_a_group_is_refused_where_it_could_not_work_and_holds_where_it_can(
    house: tuple[House, Acting],
) -> None:
    home, people = house
    root = PEOPLE["root"]
    people.fake.workspace.groups = {"S1": [EVE]}
    people.fake.fail_next("usergroups.list", error="missing_scope")
    said = await _told(home, people, "settings", RULE, root)
    assert "usergroups:read" in said
    assert "Ada here" in await _told(home, people, "chat", "Ada here", ADA)

    assert "is set" in await _told(home, people, "settings", RULE, root)
    assert "Ada here" not in await _told(home, people, "chat", "Ada here", ADA)
    assert "Eve here" in await _told(home, people, "chat", "Eve here", EVE)


async def test_where_no_rule_names_a_group_slack_is_not_asked(
    house: tuple[House, Acting],
) -> None:
    home, people = house
    assert "Ada here" in await _told(home, people, "chat", "Ada here", ADA)
    assert "usergroups.list" not in {call.method for call in people.fake.calls}
