"""What is done at one process reaches what another one does: two houses on one PostgreSQL, each
with a connection of its own to the same Slack."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from bot.adapters.protocol import Adapter
from bot.adapters.slack import SlackAdapter
from bot.app import App
from bot.ports import Ports
from bot.settings.admins import Admins
from bot.settings.moderation import Moderation
from bot.storage.address import ServerAddress
from bot.types import Author
from tests.fakes.postgresql import PostgresqlServer
from tests.fakes.slack.acting import US, Acting
from tests.fakes.tool_servers import recorded
from tests.scenarios.harness import House
from tests.scenarios.on_slack import CHANNEL, PEOPLE, SlackDriver, buttons
from tests.scenarios.process import Folder, end_of
from tests.scenarios.setup.setup_house import TOKENS, open_house, reads
from tests.scenarios.setup.setup_house import House as DriverHouse
from tests.scenarios.test_inquiries import FORM, TASK, told


class SharedSlack(SlackDriver):
    """A Slack with the adapters of several processes."""

    def __init__(self) -> None:
        super().__init__()
        self.adapters: list[SlackAdapter] = []
        self.reached: list[str] = []
        """Where each process is reached over HTTP."""

    def opened(self, ports: Ports) -> None:
        self.reached.append(ports.http or "")

    def adapter(self, app: App) -> Adapter:
        made = super().adapter(app)
        assert isinstance(made, SlackAdapter)
        self.adapters.append(made)
        return made


@dataclass
class Pair:
    """The two houses. What people do arrives at the one that was last named with `at`."""

    slack: SharedSlack
    one: House
    two: House

    @property
    def app_one(self) -> App:
        """The app of the first house."""
        return app_of(self.one)

    @property
    def app_two(self) -> App:
        """The app of the second house."""
        return app_of(self.two)

    def beat(self) -> None:
        """Have the first house tell the other how it is, and that one hear it soon after."""
        for app in (self.app_one, self.app_two):
            assert app.crew.membership is not None
            app.crew.membership.hurry()

    def at(self, house: House) -> House:
        self.slack.fake.over = 0 if house is self.one else 1
        return house


def app_of(house: House) -> App:
    assert house.app is not None
    return house.app


@asynccontextmanager
async def open_pair(
    folder: Path, address: ServerAddress, sections: Mapping[str, Any], **scripted: Any
) -> AsyncIterator[Pair]:
    url = address.url.set(drivername="postgresql").render_as_string(hide_password=False)
    slack = SharedSlack()
    await slack.open()
    houses = []
    for name in ("one", "two"):
        (folder / name).mkdir()
        given = {"database": {"url": url}, **sections}
        houses.append(House(folder / name, slack, sections=given, **scripted))
    try:
        for house in houses:
            await house.start()
        yield Pair(slack, *houses)
    finally:
        await asyncio.gather(*(house.stop() for house in houses))
        await slack.close()


@pytest.fixture
def address(postgresql: PostgresqlServer) -> ServerAddress:
    return postgresql.create()


@pytest.fixture
async def pair(tmp_path: Path, address: ServerAddress) -> AsyncIterator[Pair]:
    public = {"http": {"port": 0, "public_url": "https://bot.example"}}
    async with open_pair(tmp_path, address, public, tokens_per_s=50) as made:
        yield made


async def test_the_console_is_the_same_at_each_process(pair: Pair) -> None:
    house, public = pair.at(pair.one), "https://bot.example/console/"
    pair.slack.fake.workspace.directs["D1"] = PEOPLE["root"]
    pair.slack.channel = "D1"
    await pair.slack.command("console", by="root")
    pair.slack.channel = CHANNEL
    await house.sees(public)
    link = house.text.partition(public)[2].split()[0]
    await pair.slack.mention("take your time")
    await house.sees("slow003")
    here, there = (f"{at}/console/" for at in pair.slack.reached)
    async with httpx.AsyncClient(headers={"sec-fetch-site": "same-origin"}) as http:
        assert (await http.get(there + link)).status_code == 200
        entered = [await http.post(at + link) for at in (there, here)]
        assert [one.status_code for one in entered] == [303, 410]
        now = (await http.get(there)).text
        (turn,) = pair.app_one.core.open_turns
        assert f"/console/turns/{turn.id}" in now
        assert now.count(">default</th>") == 2
        assert now.count("<strong>slack</strong>") == 2
        form = {"token": now.partition('name="token" value="')[2].partition('"')[0]}
        await http.post(f"{there}turns/{turn.id}/stop", data=form)
        await house.reads("Stopped by")
        assert (await http.post(f"{here}leave", data=form)).status_code == 200
        assert (await http.get(there)).status_code == 401


async def test_stop_reaches_an_answer_that_another_process_writes(pair: Pair) -> None:
    house = pair.at(pair.one)
    await pair.slack.mention("take your time")
    await house.sees("slow003")
    pair.at(pair.two)
    await pair.slack.press("stop", by="eve")
    await house.is_told("Only")
    assert pair.slack.working()
    await pair.slack.press("stop")
    await house.reads("Stopped by")
    await house.is_told("Stopped.")


async def test_slash_stop_counts_what_other_processes_stop(pair: Pair) -> None:
    house = pair.at(pair.one)
    await pair.slack.mention("take your time")
    await house.sees("slow003")
    pair.at(pair.two)
    await pair.slack.mention("take your time")
    await house.until(lambda: house.text.count("slow003") == 2, "two answers")
    await pair.slack.command("stop")
    await house.is_told("Stopped 2 answers.")
    await house.reads("Stopped by")
    assert not pair.slack.working()


async def test_a_deleted_question_takes_the_answer_of_another_process_away(pair: Pair) -> None:
    house = pair.at(pair.one)
    await pair.slack.mention("take your time")
    await house.sees("slow003")
    pair.at(pair.two)
    await pair.slack.delete()
    await house.until(lambda: "slow" not in house.text, "taken away")
    assert not pair.slack.working()


async def test_a_deleted_answer_is_not_written_on_by_another_process(pair: Pair) -> None:
    house = pair.at(pair.one)
    await pair.slack.mention("take your time")
    await house.sees("slow003")
    pair.at(pair.two)
    await pair.slack.delete_answer()
    await house.until(lambda: not pair.app_one.core.open_turns, "stopped")
    await house.until(lambda: "slow" not in house.text, "taken away")


async def test_an_edited_question_is_answered_anew_by_another_process(pair: Pair) -> None:
    house, people = pair.at(pair.one), Acting(pair.slack.fake)
    asked = await people.say("take your time", mention=True)
    await house.sees("slow003")
    pair.at(pair.two)
    await people.edit(asked, f"<@{US}> something else")
    await house.until(lambda: "Answer the new one" in offered(pair), "offered")
    await pair.slack.leave("Answer the new one")
    await house.reads("something else")
    assert "slow" not in house.text
    await house.until(lambda: "Answer the new one" not in offered(pair), "taken back")


async def test_a_question_that_waits_in_line_at_another_process_is_edited_and_deleted(
    pair: Pair,
) -> None:
    house, people = pair.at(pair.one), Acting(pair.slack.fake)
    root = await people.say("take your time", mention=True)
    await house.sees("slow003")
    waiting = [await people.say(text, thread=root) for text in ("one more", "and another")]
    await house.until(lambda: len(pair.app_one.core.open_turns) == 3, "in line")
    pair.at(pair.two)
    await people.edit(waiting[0], "something else")
    await house.until(lambda: "Answer the new one" in offered(pair), "offered")
    await people.delete(waiting[1])
    await house.until(lambda: len(pair.app_one.core.open_turns) == 2, "deleted")
    await pair.slack.leave("Answer the new one")
    await house.until(lambda: len(pair.app_one.core.open_turns) == 1, "asked here")
    (first,) = pair.app_one.core.open_turns
    first.stop("stopped", "Ada")
    await house.reads("something else")
    assert "one more" not in house.text
    assert "and another" not in house.text


def offered(pair: Pair) -> str:
    """The buttons of all that the bot says."""
    shown = pair.slack.fake.workspace.by("UBOT")
    return str([button for message in shown for button in buttons(message)])


async def test_who_is_blocked_or_an_admin_is_so_in_all_processes(pair: Pair) -> None:
    house, eve, root = pair.one, Author("slack", "U0EVE", ""), "slack:U0ROOT"
    here, there = pair.app_one.services, pair.app_two.services
    assert isinstance(here.moderation, Moderation)
    assert isinstance(here.admins, Admins)
    assert isinstance(there.moderation, Moderation)
    assert isinstance(there.admins, Admins)
    blocked = there.moderation.blocked
    await here.moderation.block(eve.key, root)
    await house.until(lambda: [*blocked()] == [eve.key], "blocked")
    await there.moderation.unblock(eve.key, root)
    await here.admins.add(eve.key, root)
    await house.until(lambda: pair.app_two.core.policy.is_admin(eve), "an admin")
    await there.admins.remove(eve.key, root)
    await house.until(lambda: not pair.app_one.core.policy.is_admin(eve), "an admin no more")
    assert not here.moderation.blocked()


async def test_who_is_forgotten_at_one_process_is_forgotten_by_all(pair: Pair) -> None:
    house = pair.at(pair.one)
    await pair.slack.mention("take your time")
    await house.sees("slow003")
    dropped: list[str] = []
    pair.app_one.sign_in.drop = dropped.append
    pair.at(pair.two)
    await pair.slack.command("forget", {"confirm": "yes"})
    await house.is_told("Forgotten:")
    assert not pair.app_one.core.open_turns
    assert dropped == ["slack:U0ADA"]
    assert "slow" not in house.text


async def test_a_process_that_stood_still_changes_nothing_when_it_wakes(
    tmp_path: Path, address: ServerAddress
) -> None:
    url = address.url.set(drivername="postgresql").render_as_string(hide_password=False)
    environment = {**TOKENS, "FAKE_LIFETIME_S": "2"}
    del environment["DISCORD_TOKEN"]
    async with open_house(tmp_path) as house:
        slack, folder = house.slack, Folder(tmp_path / "another")
        folder.path.mkdir()
        for one in (house.folder, folder):
            one.configure(database={"url": url})
        async with house.started("run", env=environment) as process:
            await slack.connected()
            await slack.mention("take your time")
            await reads(slack, "slow003")
            process.send_signal(signal.SIGSTOP)
            another = DriverHouse(folder, house.discord, slack)
            async with another.started("run", env=environment):
                await reads(slack, "interrupted by a restart")
                before = len(slack.fake.calls)
                process.send_signal(signal.SIGCONT)
                ended = await end_of(process)
            later = [call.method for call in slack.fake.calls[before:]]
    assert ended.status != 0
    assert "go on without it" in ended.err + ended.out
    assert not [method for method in later if method.startswith(("chat.", "reactions."))]


async def test_limits_hold_over_all_processes(pair: Pair) -> None:
    house = pair.at(pair.one)
    pair.beat()
    await house.until(lambda: [one._processes for one in pair.slack.adapters] == [2, 2], "shared")
    for _ in range(4):
        await pair.slack.mention("take your time")
    await house.until(lambda: len(pair.app_one.core.open_turns) == 4, "four open")
    ada = Author("slack", "U0ADA", "")
    there = pair.app_two.core.open_turns
    pair.beat()
    await house.until(lambda: there.count_for_person(ada) == 4, "told with a beat")
    pair.at(pair.two)
    await pair.slack.mention("one more")
    await house.hears("You have 4 questions open")
    assert there.count_all() >= 4
    await pair.slack.command("stop")
    await house.is_told("Stopped 4 answers.")


async def test_what_a_tool_of_another_process_asks_is_answered(
    tmp_path: Path, address: ServerAddress
) -> None:
    asking = told(tmp_path, FORM, reads=True)
    sections = asking.pop("sections")
    async with open_pair(tmp_path, address, sections, **asking) as pair:
        house, slack = pair.at(pair.one), pair.slack
        await house.until(pair.app_one.servers.tools, "the server's tools")
        await slack.mention(TASK)
        await house.sees("Which place do you mean?")
        pair.at(pair.two)
        await slack.leave("Decline", by="eve")
        await house.is_told("This is for ")
        await slack.leave("Answer")
        await slack.fake.until(lambda: slack.fake.workspace.views)
        await slack._submit({"city": "Oslo"}, "ada")
        await house.is_told("weather has it now.")
        await house.reads("It is fine.")
        (answered,) = recorded(tmp_path, "answered")
        assert '"content": {"city": "Oslo", "days": 3}' in answered


async def test_questions_an_hour_count_over_all_processes(
    tmp_path: Path, address: ServerAddress
) -> None:
    async with open_pair(tmp_path, address, {"limits": {"quota_per_hour": 2}}) as pair:
        for house in (pair.one, pair.two):
            await pair.at(house).driver.mention(f"hello {house.folder.name}")
            await house.reads(f"hello {house.folder.name}")
        await pair.at(pair.one).driver.mention("once more")
        await pair.one.hears("You have used up your 2 questions an hour")


async def test_a_private_answer_is_shared_at_another_process(pair: Pair) -> None:
    house = pair.at(pair.one)
    await pair.slack.command("help")
    await house.is_told("/stop")
    pair.at(pair.two)
    for _ in range(2):
        await pair.slack.leave("Share")
    await house.reads("/stop")
    assert "shared" in house.text
    await house.is_told("This was shared already")
    assert house.text.count("shared") == 1
