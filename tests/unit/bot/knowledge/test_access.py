"""Which bases answer whom, and where."""

from __future__ import annotations

from collections.abc import Collection

import pytest

from bot.commands.checks import Asker
from bot.config.knowledge import KnowledgeBase
from bot.knowledge.access import DocumentAccess, private_base
from bot.types import Author, ConversationKey

ANN = Author("discord", "1", "Ann", frozenset({"9"}))
BOB = Author("discord", "2", "Bob")
HR = ConversationKey("discord", "guild", "hr")
GENERAL = ConversationKey("discord", "guild", "general")
HOME = ConversationKey("discord", "@dm", "400")
ABROAD = ConversationKey("discord", "other", "general")
BASES = {
    "all": KnowledgeBase(default=True),
    "hr": KnowledgeBase(channels=("discord:guild:hr",), roles=("discord:9",)),
    "board": KnowledgeBase(users=("discord:1", "slack:2")),
    "guild": KnowledgeBase(workspaces=("discord:guild",)),
    "staff": KnowledgeBase(workspaces=("discord:guild",), roles=("discord:9",)),
    "legal": KnowledgeBase(channels=("discord:guild:legal", "slack:T1:C1")),
    "unbound": KnowledgeBase(),
}


class Platform:
    """Knows who is in which channel, and what it was asked."""

    def __init__(self, **theirs: Collection[str]) -> None:
        self._theirs = theirs
        self.asked: list[tuple[str, frozenset[str]]] = []

    async def __call__(self, person: str, places: Collection[str]) -> frozenset[str]:
        self.asked.append((person, frozenset(places)))
        return frozenset(self._theirs.get(person.replace(":", "_"), ())) & frozenset(places)


NOWHERE = Platform()


def access(platform: Platform = NOWHERE, chosen: str | None = None) -> DocumentAccess:
    async def chosen_base(conversation: ConversationKey) -> str | None:
        return chosen

    return DocumentAccess(BASES, chosen_base, platform)


@pytest.mark.parametrize(
    ("author", "place", "answers"),
    [
        (ANN, HR, ["hr", "guild"]),
        (BOB, HR, ["guild"]),
        (ANN, GENERAL, ["guild"]),  # others read it, so not what is for some of the staff
        (BOB, GENERAL, ["guild"]),
        (ANN, ABROAD, ["all"]),
    ],
)
async def test_a_base_was_for_everybody_in_its_place(
    author: Author, place: ConversationKey, answers: list[str]
) -> None:
    asker = Asker(author, place)
    assert await access().bases(asker) == answers
    for base in BASES:
        assert await access().may_read(asker, base) is (base in answers)


async def test_in_a_direct_message_nobody_found_what_they_may_see_elsewhere() -> None:
    platform = Platform(discord_1=["discord:guild", "discord:guild:hr"])
    asker = Asker(ANN, HOME, direct=True)
    found = ["hr", "board", "guild", "staff", "all"]
    assert await access(platform).bases(asker) == [private_base(ANN), *found]
    assert platform.asked == [
        (
            "discord:1",
            frozenset(["discord:guild", "discord:guild:hr", "discord:guild:legal", "slack:T1:C1"]),
        )
    ]
    assert not await access(platform).may_read(asker, "legal")
    assert not await access(platform).may_read(asker, "unbound")


async def test_in_a_direct_message_who_is_in_the_channel_still_needs_the_role() -> None:
    platform = Platform(discord_2=["discord:guild:hr", "discord:guild:legal"])
    asker = Asker(BOB, HOME, direct=True)
    assert await access(platform).bases(asker) == [private_base(BOB), "legal", "all"]


async def test_a_platform_that_cannot_tell_means_no() -> None:
    asker = Asker(ANN, HOME, direct=True)
    assert await access().bases(asker) == [private_base(ANN), "board", "all"]


async def test_a_chosen_base_answers_those_that_it_is_for() -> None:
    assert await access(chosen="board").bases(Asker(ANN, GENERAL)) == ["board"]
    assert await access(chosen="board").bases(Asker(BOB, GENERAL)) == []
    at_home = Asker(BOB, HOME, direct=True)
    assert await access(chosen="board").bases(at_home) == [private_base(BOB)]
    assert await access(chosen="guild").bases(at_home) == [private_base(BOB), "guild"]


async def test_a_private_base_is_its_persons_and_stays_at_home() -> None:
    own = private_base(ANN)
    assert await access().may_read(Asker(ANN, HOME, direct=True), own)
    assert not await access().may_read(Asker(ANN, GENERAL), own)
    assert not await access().may_read(Asker(BOB, HOME, direct=True, admin=True), own)


async def test_an_admin_names_any_shared_base_but_before_others_none_that_is_for_some() -> None:
    here, at_home = Asker(BOB, ABROAD, admin=True), Asker(BOB, HOME, direct=True, admin=True)
    for base in BASES:
        assert await access().may_read(at_home, base)
        assert await access().may_read(here, base) is (base not in {"hr", "board", "staff"})
