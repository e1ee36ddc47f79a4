"""Of a person who is forgotten no word is left, in whatever file it stood."""

from __future__ import annotations

import random
import sqlite3
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path

import pytest

from bot.history.sql_store import SqlHistoryStore
from bot.shipped_platforms import TERMINAL_HISTORY_FILE
from bot.storage.database import Database
from tests.contracts.history_contract import asked, exchange
from tests.fakes.discord.state import ADA, CHANNEL, DM, EVE, ROOT
from tests.scenarios.harness import SLOW, House
from tests.scenarios.on_discord import DiscordDriver

WORD = "quetzalcoatlus"
EVES = 450
"""Eve's own direct messages with the bot."""


def places(folder: Path, word: str = WORD) -> list[str]:
    """The files of the data folder in which a word stands, in whatever encoding."""
    forms = [word.encode(how) for how in ("utf-8", "utf-16-le", "utf-16-be")]
    files = [path for path in sorted(folder.rglob("*")) if path.is_file()]
    return [str(p.relative_to(folder)) for p in files if any(f in p.read_bytes() for f in forms)]


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    driver = await DiscordDriver().open()
    driver.fake.world.add_private(EVES, 1, EVE)
    replies = [{"match": "take your time", "text": SLOW}, {"match": "", "text": "Noted."}]
    house = House(tmp_path, driver, replies=replies, tokens_per_s=60)
    await house.start()
    yield house
    await house.stop()
    await driver.close()


class Eve:
    """Leaves her word wherever something is kept."""

    def __init__(self, house: House) -> None:
        self.house = house
        assert isinstance(house.driver, DiscordDriver)
        self.fake = house.driver.fake

    async def settled(self, turns: int, what: str) -> None:
        """Wait until so many answers are kept, and none is being written."""
        path = self.house.folder / "data" / "parlance.db"
        query = "SELECT count(*) FROM turns WHERE role = 'assistant' AND status != 'running'"

        def kept() -> bool:
            with closing(sqlite3.connect(path)) as database:
                return bool(database.execute(query).fetchone()[0] >= turns)

        await self.house.until(kept, what)

    async def plants(self) -> None:
        fake = self.fake
        url = f"http://127.0.0.1:{fake.port}"
        mine = await fake.say(f"I saw a {WORD} yesterday", mention=True, author=EVE)
        await self.settled(1, "her own question")
        file = fake.world.add_file(url, f"{WORD}.txt", f"A file about a {WORD}.".encode())
        await fake.say("read this", channel=EVES, author=EVE, attachments=[file])
        await self.settled(2, "her file")
        # Others answer to her, and use the menu of what she wrote.
        other = fake.world.add_message(CHANNEL, EVE, f"The {WORD} flies, says {WORD}.pdf.")
        await fake.say("what does she mean?", mention=True, author=ADA, reply_to=int(other["id"]))
        await self.settled(3, "quoted by Ada")
        await fake.command("Ask about this", target=int(other["id"]), user=ROOT)
        await self.settled(4, "the menu")
        # She adds documents of her own: a text, and a file.
        text = {"action": "add", "what": f"On the {WORD}", "text": f"A {WORD} has wings."}
        await fake.command("docs", text, channel=EVES, user=EVE)
        await self.settled(5, "a document")
        upload = fake.world.add_file(url, f"{WORD}.md", f"# {WORD}\n\n{WORD} again.".encode())
        await fake.command("docs", {"action": "add"}, channel=EVES, user=EVE, file=upload)
        await self.settled(6, "an upload")
        await fake.command("ask", {"question": f"has a {WORD} wings?"}, channel=EVES, user=EVE)
        await self.settled(7, "asked of them")
        # She has something remembered.
        await fake.command("remember", {"text": f"I saw a {WORD}."}, channel=EVES, user=EVE)
        await fake.until(lambda: any("Kept for you" in m["content"] for m in fake.from_bot(EVES)))
        # She changes what she said, and takes the offer to have it answered.
        await fake.edit(mine, f"<@100> I saw two {WORD} yesterday")
        await fake.until(
            lambda: any("Answer the new one" in fake.buttons(m) for m in fake.from_bot())
        )
        await fake.press("Answer the new one", user=EVE)
        await self.settled(8, "changed")

    async def is_forgotten(self) -> None:
        await self.fake.command("forget", {"confirm": True}, channel=EVES, user=EVE)

        def told() -> bool:
            said = [*self.fake.from_bot(private=True), *self.fake.from_bot(EVES)]
            return any("Forgotten" in m["content"] for m in said)

        await self.fake.until(told, "forgotten")


async def test_no_word_is_left_in_any_file(house: House) -> None:
    eve, data = Eve(house), house.folder / "data"
    fake = eve.fake
    await fake.command("docs", {"action": "add", "what": "Ada's", "text": "Mine."}, channel=DM)
    await eve.settled(1, "Ada's own document")
    await eve.plants()
    # One of hers is running, and one of Ada's that reads what she wrote.
    await fake.say(f"take your time, {WORD}", channel=EVES, author=EVE)
    said = fake.world.add_message(CHANNEL, EVE, f"Mind the {WORD}.")
    await fake.say("take your time", mention=True, author=ADA, reply_to=int(said["id"]))
    await house.until(lambda: places(data) and house.is_answering(), "running")
    running = house.app.core.open_turns if house.app else ()
    await house.until(lambda: len(list(running)) == 2, "both")
    assert any("parlance.db" in place for place in places(data))
    await eve.is_forgotten()
    assert places(data) == []
    assert house.app is not None
    await house.until(lambda: not house.is_answering(), "the turn of /forget has ended, too")
    assert not [m for m in fake.from_bot(EVES) if "slow000" in m["content"]]  # taken back
    listed = await house.app.knowledge.list()
    assert [one.title for one in listed] == ["Ada's"]
    async with house.app.database.read() as connection:
        found = await connection.exec_driver_sql("SELECT text, author FROM turns WHERE role='user'")
        left = {(row.text, row.author) for row in found}
        assert ("what does she mean?", f"discord:{ADA}") in left
        assert not [author for _, author in left if author == f"discord:{EVE}"]
    await house.restart()  # what was still in memory is written by now
    assert places(data) == []
    assert (await house.app.knowledge.verify()).clean


@pytest.mark.parametrize("seed", range(3))
async def test_rows_that_sqlite_has_moved_about_leave_no_copy(tmp_path: Path, seed: int) -> None:
    """Deleted with `secure_delete` alone, copies stay in the gaps of pages that were split."""
    chance = random.Random(seed)
    database = await Database.open(tmp_path / "parlance.db")
    store = SqlHistoryStore(database)
    for n in range(150):
        hers = chance.random() < 0.3
        author, word = ("slack:eve", WORD) if hers else ("slack:ada", "wings")
        said = f"{word} " * chance.randrange(1, chance.choice([6, 600]))
        await exchange(store, asked(str(n), author=author, text=said))
    await store.forget(person="slack:eve")
    await database.scrub()
    assert places(tmp_path) == []
    assert places(tmp_path, "wings")
    await database.close()


HOSTILE_PEOPLE = ("slack:%", "slack:_da", "slack:' OR '1'='1", ":person", "slack:ada\0", "", "@")
"""Keys of people that would match more than themselves if they were part of the SQL."""


@pytest.mark.parametrize("person", HOSTILE_PEOPLE)
async def test_nobody_is_forgotten_in_place_of_another(tmp_path: Path, person: str) -> None:
    database = await Database.open(tmp_path / "parlance.db")
    store = SqlHistoryStore(database)
    await exchange(store, asked("1"))
    await store.feedback("a-1", "slack:ada", "good")
    await store.forget(person=person)
    assert await store.get("a-1") is not None
    assert len(await store.verdicts("a-1")) == 1
    await database.close()


async def test_what_was_typed_in_the_terminal_goes_with_who_typed_it(house: House) -> None:
    data = house.folder / "data"
    (data / TERMINAL_HISTORY_FILE).write_text(f"\n# now\n+tell me of a {WORD}\n", "utf-8")
    assert house.app is not None
    forget = house.app.services.forget
    assert forget is not None
    await forget(f"discord:{EVE}")
    assert places(data) == [TERMINAL_HISTORY_FILE]
    await forget("terminal:operator")
    assert places(data) == []


async def test_what_was_added_for_others_stays_and_is_nobodys(house: House) -> None:
    assert house.app is not None
    knowledge, forget = house.app.knowledge, house.app.services.forget
    assert forget is not None
    async for _ in knowledge.add_bytes("a.md", b"# For all\n\nText.", by=f"discord:{EVE}"):
        pass
    await forget(f"discord:{EVE}")
    assert [(one.title, one.added_by) for one in await knowledge.list()] == [("For all", "")]
    assert places(house.folder / "data", f"discord:{EVE}") == []
