"""The registry of platforms, over adapters that answer as they are told."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace

import pytest

from bot.commands.checks import Asker
from bot.errors import Denied, NotFound, Refused
from bot.events import ActionCall
from bot.replies.protocol import Sink
from bot.storage.address import ServerAddress
from bot.turns.choices_elsewhere import ChoicesElsewhere
from bot.turns.platforms import Platforms
from bot.types import Author, ConversationKey
from tests.fakes.core import HERE, ROOT
from tests.fakes.platforms import FakePlatform
from tests.fakes.postgresql import PostgresqlServer
from tests.fakes.processes import two_processes
from tests.fakes.sink import RecordingSink

ADA = Author("test", "ada", "Ada", frozenset({"r1"}))
ABROAD = ConversationKey("other", "work", "general")


class Knowing(FakePlatform):
    """Knows Ada and Root in every place, and everybody in every channel."""

    def __init__(self, name: str = "test") -> None:
        super().__init__(name)
        self.sink = RecordingSink()

    async def open_reply(
        self, conversation: ConversationKey, audience: Author | None, *, turn: str
    ) -> Sink:
        if conversation.channel == "gone":
            raise NotFound("The channel is no longer there.")
        return self.sink

    async def asker_now(self, person: str, place: ConversationKey) -> Asker | None:
        known = {one.key: one for one in (ADA, ROOT)}
        return Asker(known[person], place) if person in known else None

    async def channels_of(self, person: str, channels: Collection[str]) -> frozenset[str]:
        return frozenset({*channels, "test:work:more"})

    async def place_name(self, place: ConversationKey) -> str:
        return f"#{place.channel}"

    async def role_problem(self, roles: Collection[str]) -> str | None:
        return f"no {', '.join(roles)}"


class Broken(FakePlatform):
    """Has a bug in everything."""

    async def asker_now(self, person: str, place: ConversationKey) -> Asker | None:
        raise KeyError(person)

    async def channels_of(self, person: str, channels: Collection[str]) -> frozenset[str]:
        raise ValueError("a bug")

    async def role_problem(self, roles: Collection[str]) -> str | None:
        raise OSError("a bug")


@pytest.fixture
def platforms() -> Platforms:
    return Platforms(lambda author: author == ROOT)


async def test_a_platform_is_asked_while_it_is_connected(platforms: Platforms) -> None:
    for _ in range(2):
        assert await platforms.asker_now(ADA.key, HERE) is None
        assert await platforms.channels_of(ADA.key, ["test:work:general"]) == frozenset()
        assert await platforms.role_problem("test", ["r1"]) is None
        with pytest.raises(Refused, match="not connected"):
            await platforms.open_reply(HERE, None, turn="t1")
        adapter = Knowing()
        with platforms.connect(adapter):
            assert await platforms.asker_now(ADA.key, HERE) == Asker(ADA, HERE)
            assert await platforms.open_reply(HERE, ADA, turn="t1") is adapter.sink
            assert await platforms.role_problem("test", ["r1"]) == "no r1"
            assert await platforms.role_problem("test", []) is None


async def test_the_core_says_who_is_an_admin(platforms: Platforms) -> None:
    with platforms.connect(Knowing()):
        root = await platforms.asker_now(ROOT.key, HERE)
        assert root == Asker(ROOT, HERE, admin=True)


async def test_nobody_is_a_person_of_another_platform(platforms: Platforms) -> None:
    with platforms.connect(Knowing()), platforms.connect(Knowing("other")):
        assert await platforms.asker_now(ADA.key, ABROAD) is None
        asked = ["test:work:general", "other:work:general"]
        assert await platforms.channels_of(ADA.key, asked) == {"test:work:general"}


async def test_a_platform_with_guests_is_asked_about_people_of_others(platforms: Platforms) -> None:
    adapter = Knowing("other")
    adapter.has_guests = True  # type: ignore[attr-defined]
    with platforms.connect(Knowing()), platforms.connect(adapter):
        assert await platforms.asker_now(ADA.key, ABROAD) == Asker(ADA, ABROAD)
        asked = ["test:work:general", "other:work:general"]
        assert await platforms.channels_of(ADA.key, asked) == {"test:work:general"}


async def test_a_bug_in_a_platform_is_a_no(platforms: Platforms) -> None:
    with platforms.connect(Broken()):
        assert await platforms.asker_now(ADA.key, HERE) is None
        assert await platforms.channels_of(ADA.key, ["test:work:general"]) == frozenset()
        assert "cannot be asked" in (await platforms.role_problem("test", ["r1"]) or "")


async def test_a_place_that_is_gone_is_said(platforms: Platforms) -> None:
    gone = ConversationKey("test", "work", "gone")
    with platforms.connect(Knowing()), pytest.raises(NotFound):
        await platforms.open_reply(gone, None, turn="t1")


async def test_the_end_of_an_earlier_run_leaves_the_later_one_connected(
    platforms: Platforms,
) -> None:
    earlier = platforms.connect(Knowing())
    earlier.__enter__()
    with platforms.connect(Knowing()):
        earlier.__exit__(None, None, None)
        assert await platforms.asker_now(ADA.key, HERE) is not None


def test_while_it_drains_the_bot_begins_nothing_by_itself() -> None:
    platforms = Platforms(lambda author: False)
    with platforms.connect(Knowing()):
        assert [*platforms.connected] == ["test"]
        platforms.drain()
        assert [*platforms.connected] == []


@pytest.fixture
def address(postgresql: PostgresqlServer) -> ServerAddress:
    return postgresql.create()


async def test_what_is_not_connected_here_is_asked_of_the_process_that_serves_it(
    address: ServerAddress,
) -> None:
    place = "test:work:general"
    async with two_processes(address) as peers:
        here, there = (Platforms(lambda author: author == ROOT) for _ in peers)
        for platforms, of_one in zip((here, there), peers, strict=True):
            platforms.join(of_one)
        assert await here.asker_now(ADA.key, HERE) is None
        with there.connect(Knowing()):
            assert await here.asker_now(ADA.key, HERE) == Asker(ADA, HERE)
            assert await here.asker_now(ROOT.key, HERE) == Asker(ROOT, HERE, admin=True)
            assert await here.asker_now("test:nobody", HERE) is None
            assert await here.channels_of(ADA.key, [place, "other:x:y"]) == {place}
            assert await here.place_name(HERE) == "#general"
        assert await here.channels_of(ADA.key, [place]) == frozenset()
        assert await here.place_name(HERE) == ""


async def test_a_choice_is_made_where_its_platform_is_connected(address: ServerAddress) -> None:
    made: list[tuple[ActionCall, Asker]] = []

    async def choose(call: ActionCall, asker: Asker) -> None:
        if call.value == "no":
            raise Denied("Only an admin can decide this.")
        made.append((call, asker))

    async with two_processes(address) as peers:
        here, there = (Platforms(lambda author: False) for _ in peers)
        choices, _ = (
            ChoicesElsewhere(of_one, platforms, choose)
            for of_one, platforms in zip(peers, (here, there), strict=True)
        )
        call = ActionCall("e1", HERE, ADA, "resume", "t1", "yes")
        asker = Asker(ADA, HERE, admin=True)
        with pytest.raises(Refused, match="not connected"):
            await choices.choose(call, asker)
        with there.connect(Knowing()):
            await choices.choose(call, asker)
            ((called, by),) = made
            assert replace(called, at=call.at) == call
            assert by == asker
            with pytest.raises(Refused, match="Only an admin"):
                await choices.choose(replace(call, value="no"), asker)
