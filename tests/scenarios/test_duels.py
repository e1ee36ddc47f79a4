"""Two models answer, people vote, and whoever voted is told who is who, on every platform."""

from __future__ import annotations

import re
import sqlite3
from contextlib import closing

from tests.scenarios.harness import House

QUESTION = "/duel Why is the sky blue?"


def votes(house: House) -> list[tuple[str, bool]]:
    """The votes that are stored: what was chosen, and whether the person was told the names."""
    with closing(sqlite3.connect(house.folder / "data" / "parlance.db")) as database:
        query = "SELECT choice, informed FROM duel_votes ORDER BY at"
        return [(choice, bool(informed)) for choice, informed in database.execute(query)]


async def test_a_duel_is_voted_on_before_it_says_who_is_who(house: House) -> None:
    await house.driver.mention(QUESTION)
    await house.reads("Which is better?")
    assert "You said: Why is the sky blue?" in house.text
    assert "The other model: Why is the sky blue?" in house.text
    await house.driver.choose("b")
    await house.hears("Noted: B is better.")
    await house.driver.choose("tie")
    await house.hears("Noted: Tie.")
    await house.driver.choose("names")
    answered = re.search("(You said|The other model): Why", house.text)
    assert answered is not None
    first, second = "default", "other"
    if answered[1] != "You said":
        first, second = second, first
    await house.hears(f"A is {first}, B is {second}.")
    assert votes(house) == [("tie", True)]
    await house.driver.mention("/duel board")
    await house.hears("1 vote · 1 person · 1 duel")


async def test_everybody_in_the_channel_has_one_vote_also_after_a_restart(house: House) -> None:
    await house.driver.mention(QUESTION)
    await house.reads("Which is better?")
    await house.driver.choose("a", by="ada")
    await house.is_told("Noted: A is better.")
    await house.restart()
    await house.driver.choose("names", by="eve")
    await house.is_told("Vote first")
    await house.driver.choose("bad", by="eve")
    await house.is_told("Noted: Both bad.")
    await house.driver.choose("names", by="root")
    await house.until(
        lambda: votes(house) == [("a", False), ("bad", False), ("", True)], "the votes"
    )
