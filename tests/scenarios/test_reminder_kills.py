"""A process that is killed while it sends a reminder: it comes once, or it is said that it may
have."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from bot.schedules.job import Job, Occurrence
from bot.schedules.jobs_store import Jobs
from bot.storage.database import Database
from bot.types import ConversationKey
from tests.fakes.discord.state import ADA, CHANNEL, GUILD
from tests.scenarios.harness import House
from tests.scenarios.on_discord import DiscordDriver
from tests.scenarios.on_slack import SlackDriver
from tests.scenarios.test_reminders import TEXT, database_of, states

PLACES = {
    "discord": (ConversationKey("discord", str(GUILD), str(CHANNEL)), f"discord:{ADA}"),
    "slack": (ConversationKey("slack", "T1", "C1"), "slack:U0ADA"),
}
POSTS = {"discord": f"/channels/{CHANNEL}/messages", "slack": "chat.postMessage"}


@pytest.fixture(params=["discord", "slack"])
async def driver(request: pytest.FixtureRequest) -> AsyncIterator[Any]:
    made = await (DiscordDriver() if request.param == "discord" else SlackDriver()).open()
    yield made
    made.heal()
    await made.close()


async def plan(house: House, posted: timedelta | None = None) -> None:
    """Store a reminder that is due; with `posted`, one that a process of so long ago was sending
    when it ended."""
    place, person = PLACES[house.driver.name]
    now = datetime.now(UTC).replace(microsecond=0)
    database_of(house).parent.mkdir(parents=True, exist_ok=True)
    database = await Database.open(database_of(house))
    try:
        jobs = Jobs(database)
        job = Job("j1", person, "Ada", place, "remind", TEXT, "UTC", now, now)
        assert await jobs.add(job, of_person=1, in_place=1)
        if posted is not None:
            assert await jobs.claim(now, [place.platform]) == 1
            await jobs.set_state(Occurrence(job, now), "posting", now - posted)
    finally:
        await database.close()


def times_shown(house: House) -> int:
    return sum(TEXT in message for message in house.driver.messages())


async def killed_at_the_post(house: House, *, done: bool) -> None:
    """Kill the process while the platform holds its message, which it has done or not."""
    await plan(house)
    fake: Any = house.driver.fake  # type: ignore[attr-defined]
    fake.hold_next(POSTS[house.driver.name], done=done)
    await house.start_apart()
    await fake.held.wait()
    await house.kill()
    assert states(house) == ["posting"]
    fake.heal()


async def test_killed_before_it_was_sent_it_is_sent_once(make_house: Any, driver: Any) -> None:
    house: House = await make_house(open=False)
    await killed_at_the_post(house, done=False)
    assert times_shown(house) == 0
    await house.start()
    await house.until(lambda: states(house) == ["done"], "sent")
    assert times_shown(house) == 1


async def test_killed_in_sending_it_is_not_sent_again(make_house: Any, driver: Any) -> None:
    house: House = await make_house(open=False)
    await killed_at_the_post(house, done=True)
    assert times_shown(house) == 1
    await house.start()
    await house.until(lambda: states(house) == ["done"], "found")
    assert times_shown(house) == 1


async def test_killed_after_it_was_sent_it_is_not_sent_again(make_house: Any, driver: Any) -> None:
    house: House = await make_house(open=False)
    await plan(house)
    await house.start_apart()
    await house.sees(TEXT)
    await house.kill()
    await house.start()
    await house.until(lambda: states(house) == ["done"], "known to be done")
    assert times_shown(house) == 1


async def test_killed_before_it_was_claimed_it_comes(make_house: Any, driver: Any) -> None:
    house: House = await make_house(open=False)
    await plan(house)
    await house.start()
    await house.until(lambda: states(house) == ["done"], "sent")
    assert times_shown(house) == 1


async def test_where_nothing_tells_it_may_have_been_sent(make_house: Any, driver: Any) -> None:
    """Discord knows a message by its nonce for minutes; Slack tells for as long as it is there."""
    house: House = await make_house(open=False)
    await plan(house, posted=timedelta(minutes=20))
    await house.start()
    if driver.name == "slack":
        await house.until(lambda: states(house) == ["done"], "sent, as it did not stand there")
        assert times_shown(house) == 1
        return
    await house.until(lambda: states(house) == ["unknown"], "not known")
    await house.hears("may have been sent")
    assert sum(message == TEXT for message in house.driver.messages()) == 0
