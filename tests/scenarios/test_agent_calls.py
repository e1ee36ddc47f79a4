"""Calls of tools over `kill -9`: each is accounted for, none is done twice, people are told."""

from __future__ import annotations

import asyncio
import re
import signal
import sqlite3
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.fakes.discord.state import ADA, EVE
from tests.scenarios.conftest import DRIVERS
from tests.scenarios.harness import House, Person
from tests.scenarios.on_discord import DiscordDriver
from tests.scenarios.on_slack import PEOPLE, buttons
from tests.scenarios.process import Folder, read_until
from tests.until import PATIENCE_S

TOOLS = '''
import asyncio
from bot.api import Context, hookimpl, tool


@tool(effect="outward", matters=("to",))
async def send(ctx: Context, to: str) -> str:
    """Send a message to somebody."""
    await asyncio.to_thread(_append, f"send {to}\\n")
    return f"Sent to {to}."


@tool(effect="outward", matters=("to",))
async def slow(ctx: Context, to: str) -> str:
    """Send a message to somebody, slowly."""
    await asyncio.to_thread(_append, f"slow {to}\\n")
    await asyncio.Event().wait()


@tool()
async def look(ctx: Context) -> str:
    """Look for a long time."""
    await asyncio.to_thread(_append, "look\\n")
    await asyncio.Event().wait()


def _append(text: str) -> None:
    with open(DONE, "a") as file:
        file.write(text)


@hookimpl
def register_tools():
    return [send, slow, look]
'''


def called(match: str, name: str, **arguments: str) -> dict[str, Any]:
    return {"match": match, "tool_calls": [{"name": name, "arguments": arguments}]}


REPLIES = [
    {"match": "Sent to bob", "text": "one two three", "stall_after": 2},
    {"match": "Sent to eve", "text": "It is sent."},
    {"match": "Sent to zed", "text": "Both are sent."},
    called("Sent to ann", "send", to="zed"),
    called("write two people", "send", to="ann"),
    called("write somebody", "send", to="eve"),
    called("write to bob", "send", to="bob"),
    called("slowly to bob", "slow", to="bob"),
    called("look around", "look"),
    {"match": "think first", "text": "one two three", "stall_after": 2},
]
MODEL: dict[str, Any] = {"backend": "scripted", "replies": REPLIES, "tokens_per_s": None}


def plant_tools(folder: Path) -> Path:
    place = folder / "plugins"
    place.mkdir(exist_ok=True)
    (place / "tools.py").write_text(TOOLS.replace("DONE", repr(str(folder / "done"))))
    return place


class AgentHouse(House):
    """A house whose model calls tools that leave a line of what they did."""

    def write_config(self) -> Path:
        path = super().write_config()
        said = yaml.safe_load(path.read_text("utf-8"))
        said["plugins"] = {"folders": [str(plant_tools(self.folder))]}
        path.write_text(yaml.safe_dump(said), "utf-8")
        return path

    @property
    def done(self) -> list[str]:
        """What the tools did, in all processes."""
        path = self.folder / "done"
        return path.read_text().splitlines() if path.exists() else []

    def states(self) -> list[tuple[str, str]]:
        """The stored calls: tool, and how it ended."""
        with closing(sqlite3.connect(self.folder / "data" / "parlance.db")) as database:
            return database.execute("SELECT tool, state FROM tool_calls").fetchall()

    def offers(self, label: str) -> bool:
        """Whether a button with this label can be pressed."""
        driver: Any = self.driver
        if isinstance(driver, DiscordDriver):
            rows = [row for m in driver.fake.world.messages.values() for row in m["components"]]
            return any(one.get("label") == label for row in rows for one in row["components"])
        texts = (e["text"]["text"] for m in driver.fake.workspace.by("UBOT") for e in buttons(m))
        return label in texts

    async def press(self, label: str, by: Person = "ada") -> None:
        """Press the newest button with this label."""
        driver: Any = self.driver
        if isinstance(driver, DiscordDriver):
            await driver.fake.press(label, user={"ada": ADA, "eve": EVE}[by])
            return
        message, button = next(
            (m, e)
            for m in reversed(driver.fake.workspace.by("UBOT"))
            for e in buttons(m)
            if e["text"]["text"] == label
        )
        await driver.fake.deliver("interactive", {
            "type": "block_actions", "team": {"id": "T1"}, "api_app_id": "A1",
            "user": {"id": PEOPLE[by], "username": by}, "channel": {"id": driver.channel},
            "message": {
                "ts": message.ts, "thread_ts": message.thread_ts, "user": "UBOT",
                "text": message.text, "blocks": message.blocks,
            },
            "trigger_id": driver._ts(), "response_url": driver.fake.response_url(),
            "actions": [{**button, "block_id": "b", "action_ts": driver._ts()}],
        })  # fmt: skip


@pytest.fixture(params=["discord", "slack"])
async def house(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[AgentHouse]:
    driver = await DRIVERS[request.param]()
    made = AgentHouse(tmp_path, driver, **MODEL)
    yield made
    await made.stop()
    await driver.close()


async def test_killed_while_it_waits_the_press_carries_it_out_once(house: AgentHouse) -> None:
    await house.start_apart()
    await house.driver.mention("/agent write somebody")
    await house.reads("would send something out")
    await house.until(lambda: house.offers("Approve"), "a button")
    await house.kill()
    await house.start()
    await house.press("Approve", by="eve")
    await house.is_told("Only the person who asked can decide this.")
    assert "Only the person" not in house.text
    assert house.done == []
    await house.press("Approve")
    await house.reads("It is sent.")
    assert house.done == ["send eve"]
    assert len(house.model.requests) == 1, "a step that is stored was asked for again"
    assert house.states() == [("send", "done")]


async def test_killed_in_a_write_its_person_is_told_and_it_is_not_done_again(
    house: AgentHouse,
) -> None:
    await house.start_apart()
    await house.driver.mention("/agent slowly to bob")
    await house.until(lambda: house.done, "the tool at work")
    await house.kill()
    await house.start()
    await house.sees("It is not known whether it was done")
    await house.until(lambda: house.states() == [("slow", "unknown")], "that it was told")
    await house.driver.mention("/approvals")
    await house.hears("it is not known whether it was done")
    shown = "\n".join([house.text, *house.driver.private()])
    code = re.search(r"`(\w{4,})` \*+slow", shown)
    assert code is not None, shown
    await house.driver.mention(f"/approvals seen {code[1]}")
    await house.hears("it is not listed any more")
    assert house.states() == [("slow", "seen")]
    await house.restart()
    await house.driver.mention("/approvals")
    await house.hears("Nothing waits for you.")
    assert house.text.count("It is not known whether it was done") == 1
    assert house.done == ["slow bob"]


async def test_killed_before_and_after_a_call_it_is_known_what_became_of_it(
    house: AgentHouse,
) -> None:
    await house.start_apart()
    await house.driver.mention("/agent think first")
    await house.sees("one two")
    await house.driver.mention("/agent look around")
    await house.until(lambda: "look" in house.done, "the tool at work")
    await house.driver.mention("/agent write to bob")
    await house.until(lambda: ("send", "done") in house.states(), "the call's end")
    await house.kill()
    await house.start()
    await house.until(lambda: house.text.count("interrupted by a restart") == 3, "three ends")
    assert sorted(house.states()) == [("look", "failed"), ("send", "done")]
    assert sorted(house.done) == ["look", "send bob"]
    assert "not known" not in house.text, "what only looks does no harm"


async def test_what_waits_in_a_terminal_is_answered_in_a_later_process(tmp_path: Path) -> None:
    folder = Folder(tmp_path)
    plugins = {"folders": [str(plant_tools(tmp_path))]}
    models = {"default": MODEL, "embedder": {"backend": "scripted"}}
    folder.configure(models=models, plugins=plugins)
    async with folder.started("run") as process:
        assert process.stdin is not None
        process.stdin.write(b"/agent write somebody\n")
        await read_until(process, "/choose approve")
        process.send_signal(signal.SIGKILL)
        await process.wait()
    listed = await folder.run("run", stdin=b"/choose approve\n/approvals\n")
    assert "/approvals shows what waits for you" in listed.out
    assert "(the model's own)" in listed.out, "the card as it was shown"
    code = re.search(r"/approvals approve (\w+)", listed.out)
    assert code is not None, listed.out
    wrong = await folder.run("run", stdin=b"/approvals approve zzzz\n/approvals approve\n")
    assert "Nothing of that name waits for you" in wrong.out + wrong.err
    async with folder.started("run") as process:
        assert process.stdin is not None
        process.stdin.write(f"/approvals approve {code[1]}\n/approvals refuse {code[1]}\n".encode())
        shown = await read_until(process, "It is sent.")
        process.stdin.close()
        assert "Approved; I go on" in shown
        await asyncio.wait_for(process.wait(), PATIENCE_S)
    assert (tmp_path / "done").read_text() == "send eve\n"
