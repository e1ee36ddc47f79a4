"""`/mydata` on the wire: the file arrives in a direct message, and nowhere else."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tests.fakes.discord.state import ADA, DM
from tests.scenarios.harness import House
from tests.scenarios.on_discord import DiscordDriver
from tests.scenarios.on_slack import SlackDriver

REPLIES = [{"match": "", "text": "Noted."}]
SAID = "I saw a heron"


def is_what_is_kept(data: bytes, person: str) -> bool:
    lines = [json.loads(line) for line in data.decode().splitlines()]
    asked = [line for line in lines if line["kind"] == "turn" and line["role"] == "user"]
    return lines[0]["person"] == person and [line["text"] for line in asked] == [SAID]


async def test_on_discord(tmp_path: Path) -> None:
    driver = await DiscordDriver().open()
    house = House(tmp_path, driver, replies=REPLIES)
    await house.start()
    fake = driver.fake
    try:
        await fake.say(SAID, mention=True, author=ADA)
        await fake.until(lambda: any("Noted." in m["content"] for m in fake.from_bot()))
        await fake.command("mydata", user=ADA)
        await fake.until(lambda: any("direct message" in m["content"] for m in private(fake)))
        assert not fake.world.files
        await fake.command("mydata", channel=DM, user=ADA)
        await fake.until(lambda: any(m["attachments"] for m in fake.from_bot(DM)))
        (data,) = fake.world.files.values()
        assert is_what_is_kept(data, f"discord:{ADA}")
    finally:
        await house.stop()
        await driver.close()


def private(fake: Any) -> list[Any]:
    return [*fake.from_bot(private=True)]


async def test_on_slack(tmp_path: Path) -> None:
    driver = await SlackDriver().open()
    driver.fake.workspace.channels["D1"] = ["UADA"]
    house = House(tmp_path, driver, replies=REPLIES)
    await house.start()
    files = driver.fake.workspace.files
    try:
        await driver.mention(SAID)
        await house.until(lambda: any("Noted." in text for text in driver.messages()), "noted")
        await driver.command("mydata")
        await house.until(
            lambda: any("direct message" in text for text in driver.private()), "refused"
        )
        assert not files
        driver.channel = "D1"
        await driver.command("mydata")
        await house.until(lambda: any(files.values()), "the file")
        (data,) = files.values()
        person = json.loads(data.splitlines()[0])["person"]
        assert person.startswith("slack:")
        assert is_what_is_kept(data, person)
    finally:
        await house.stop()
        await driver.close()
