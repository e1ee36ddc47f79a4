"""What the core may ask of Discord without an event: replies, people, channels. It gets the same
answers in a process that hears of Discord's events, and in one that asks for everything."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import pytest

from bot.adapters.discord.outbound.new_reply import MAY_NOT_WRITE, PERSON_UNREACHABLE, PLACE_GONE
from bot.commands.authorization import Authorizer
from bot.commands.checks import Asker
from bot.errors import Failed, NotFound, Refused
from bot.replies.protocol import AnnouncingSink
from bot.turns.policy import Policy
from bot.types import Author, ConversationKey, View
from tests.fakes.discord import FakeDiscord
from tests.fakes.discord.running import QUICK, Bot, running
from tests.fakes.discord.state import (
    ADA,
    CHANNEL,
    DM,
    EVE,
    GROUP_DM,
    GUILD,
    OTHER_CHANNEL,
)
from tests.until import PATIENCE_S, until

STAFF = 260
VIEW = 1 << 10
HERE = ConversationKey("discord", str(GUILD), str(CHANNEL))
AT_HOME = ConversationKey("discord", "@dm", str(DM))
ADA_KEY, EVE_KEY = f"discord:{ADA}", f"discord:{EVE}"
EVE_NOW = Author("discord", str(EVE), "eve")
FRESH = replace(QUICK, lookup_reuse=0.0, lookup=PATIENCE_S)


@pytest.fixture(params=["hearing", "asking"])
def make(make: Any, request: pytest.FixtureRequest) -> Any:
    """Makes a bot with a connection for events, or without."""
    return partial(make, listening=request.param == "hearing")


hearing = pytest.mark.parametrize("make", ["hearing"], indirect=True)
"""For what begins with an event."""


async def said(sink: Any, text: str, turn: str = "t1") -> None:
    await sink.start(View(turn, text=text[:3]))
    await sink.finish(View(turn, text=text, pages=(text,), state="complete"))


@pytest.fixture
async def fresh(make: Any) -> Any:
    async with running(make(timing=FRESH)) as started:
        yield started


class TestReplies:
    async def test_a_channel_gets_a_message_that_pings_nobody(
        self, bot: Bot, fake: FakeDiscord
    ) -> None:
        sink = await bot.bench.core.platforms.open_reply(HERE, None, turn="t1")
        await said(sink, "@everyone the report is there")
        (message,) = fake.from_bot(CHANNEL)
        assert message["content"].endswith("everyone the report is there")
        assert "@everyone" not in message["content"]
        sent = [c.body for c in fake.requests("POST", f"/channels/{CHANNEL}/messages")]
        assert [body["allowed_mentions"] for body in sent] == [{"parse": []}]
        stored = await bot.bench.core.replies.get("t1")
        assert stored is not None
        assert (stored.finished, stored.address["messages"]) == (True, message["id"])

    async def test_it_stands_beneath_what_the_turn_had_shown(
        self, bot: Bot, fake: FakeDiscord
    ) -> None:
        platforms = bot.bench.core.platforms
        await said(await platforms.open_reply(HERE, None, turn="t1"), "first half")
        await said(await platforms.open_reply(HERE, None, turn="t1"), "second half")
        first, second = fake.from_bot(CHANNEL)
        assert str(second["message_reference"]["message_id"]) == first["id"]
        stored = await bot.bench.core.replies.get("t1")
        assert stored is not None
        assert stored.address["messages"] == f"{first['id']},{second['id']}"

    async def test_a_thread_gets_it(self, bot: Bot, fake: FakeDiscord) -> None:
        root = int(fake.world.add_message(CHANNEL, ADA, "root")["id"])
        thread = int(fake.world.add_thread(root, "t")["id"])
        place = replace(HERE, thread=str(thread))
        await said(await bot.bench.core.platforms.open_reply(place, None, turn="t1"), "news")
        assert [m["content"] for m in fake.from_bot(thread)] == ["news"]

    async def test_one_person_gets_a_direct_message(self, bot: Bot, fake: FakeDiscord) -> None:
        sink = await bot.bench.core.platforms.open_reply(HERE, EVE_NOW, turn="t1")
        await said(sink, "for your eyes only")
        direct = int(fake.world.direct(EVE)["id"])
        assert [m["content"] for m in fake.from_bot(direct)] == ["for your eyes only"]
        assert fake.from_bot(CHANNEL) == []
        stored = await bot.bench.core.replies.get("t1")
        assert stored is not None
        assert stored.conversation == f"discord:@dm:{direct}"

    async def test_a_place_that_is_gone(self, bot: Bot, fake: FakeDiscord) -> None:
        del fake.world.channels[CHANNEL]
        with pytest.raises(NotFound, match=PLACE_GONE):
            await bot.bench.core.platforms.open_reply(HERE, None, turn="t1")

    @pytest.mark.parametrize("place", [HERE, ConversationKey("discord", "@private", str(GROUP_DM))])
    async def test_a_place_where_the_bot_is_not(
        self, bot: Bot, fake: FakeDiscord, place: ConversationKey
    ) -> None:
        fake.world.closed_channels.add(CHANNEL)
        with pytest.raises(Refused, match=MAY_NOT_WRITE):
            await bot.bench.core.platforms.open_reply(place, None, turn="t1")

    async def test_a_channel_that_the_bot_may_only_read(self, make: Any, fake: FakeDiscord) -> None:
        fake.world.bot_permissions = fake.world.people_permissions = VIEW
        async with running(make()) as bot:
            with pytest.raises(Refused, match=MAY_NOT_WRITE):
                await bot.bench.core.platforms.open_reply(HERE, None, turn="t1")
        assert fake.from_bot() == []

    async def test_a_person_who_is_not_there(self, bot: Bot) -> None:
        nobody = Author("discord", "77", "nobody")
        with pytest.raises(Refused, match=PERSON_UNREACHABLE):
            await bot.bench.core.platforms.open_reply(HERE, nobody, turn="t1")

    async def test_discord_that_is_down_is_no_place_that_is_gone(
        self, bot: Bot, fake: FakeDiscord
    ) -> None:
        fake.fail_next("GET", f"/channels/{CHANNEL}", 503)
        with pytest.raises(Failed):
            await bot.bench.core.platforms.open_reply(HERE, None, turn="t1")

    async def test_after_its_end_it_is_not_connected(self, make: Any) -> None:
        async with running(make()) as bot:
            pass
        with pytest.raises(Refused, match="not connected"):
            await bot.bench.core.platforms.open_reply(HERE, None, turn="t1")
        with pytest.raises(Refused):
            await bot.adapter.open_reply(HERE, None, turn="t1")
        assert await bot.adapter.asker_now(ADA_KEY, HERE) is None
        assert await bot.adapter.channels_of(ADA_KEY, ["discord:200:300"]) == frozenset()


class TestAskers:
    async def test_somebody_as_they_are_now(self, fresh: Bot, fake: FakeDiscord) -> None:
        fake.world.roles[EVE] = (STAFF,)
        asker = await fresh.bench.core.platforms.asker_now(EVE_KEY, HERE)
        assert asker is not None
        assert (asker.author.key, asker.author.name) == (EVE_KEY, "eve")
        assert asker.author.roles == {str(STAFF)}
        assert (asker.conversation, asker.direct, asker.admin) == (HERE, False, False)

    async def test_a_role_that_was_taken_away_a_second_ago(
        self, bot: Bot, fake: FakeDiscord
    ) -> None:
        fake.world.roles[EVE] = (STAFF,)
        platforms = bot.bench.core.platforms
        assert (asker := await platforms.asker_now(EVE_KEY, HERE)) is not None
        assert asker.author.roles == {str(STAFF)}
        fake.world.roles[EVE] = ()
        await asyncio.sleep(QUICK.lookup_reuse + 0.05)
        assert (asker := await platforms.asker_now(EVE_KEY, HERE)) is not None
        assert asker.author.roles == frozenset()

    async def test_a_burst_of_questions_is_one_request(self, make: Any, fake: FakeDiscord) -> None:
        async with running(make(timing=replace(QUICK, lookup_reuse=PATIENCE_S))) as bot:
            for _ in range(5):
                assert await bot.bench.core.platforms.asker_now(EVE_KEY, HERE) is not None
        assert len(fake.requests("GET", f"/members/{EVE}")) == 1

    async def test_who_has_left_the_server(self, fresh: Bot, fake: FakeDiscord) -> None:
        fake.world.left.add(EVE)
        assert await fresh.bench.core.platforms.asker_now(EVE_KEY, HERE) is None
        assert await fresh.bench.core.platforms.asker_now(ADA_KEY, HERE) is not None

    async def test_who_may_not_see_the_channel(self, make: Any, fake: FakeDiscord) -> None:
        only_staff = [
            {"id": str(GUILD), "type": 0, "allow": "0", "deny": str(VIEW)},
            {"id": str(STAFF), "type": 0, "allow": str(VIEW), "deny": "0"},
        ]
        fake.world.people_permissions = VIEW
        fake.world.channels[CHANNEL]["permission_overwrites"] = only_staff
        async with running(make(timing=FRESH)) as bot:
            platforms = bot.bench.core.platforms
            assert await platforms.asker_now(EVE_KEY, HERE) is None
            fake.world.roles[EVE] = (STAFF,)
            assert await platforms.asker_now(EVE_KEY, HERE) is not None
            fake.world.roles[EVE] = ()
            elsewhere = replace(HERE, channel=str(OTHER_CHANNEL))
            assert await platforms.asker_now(EVE_KEY, elsewhere) is not None

    async def test_who_is_not_in_a_private_thread(self, make: Any, fake: FakeDiscord) -> None:
        fake.world.people_permissions = VIEW
        thread = fake.world.add_thread(await self._root(fake), "secret")
        thread["type"] = 12
        place = replace(HERE, thread=thread["id"])
        async with running(make(timing=FRESH)) as bot:
            assert await bot.bench.core.platforms.asker_now(EVE_KEY, place) is None
            fake.world.in_threads.add((int(thread["id"]), EVE))
            assert await bot.bench.core.platforms.asker_now(EVE_KEY, place) is not None

    async def _root(self, fake: FakeDiscord) -> int:
        return int(fake.world.add_message(CHANNEL, ADA, "root")["id"])

    async def test_direct_messages_are_those_of_one_person(
        self, fresh: Bot, fake: FakeDiscord
    ) -> None:
        asker = await fresh.bench.core.platforms.asker_now(ADA_KEY, AT_HOME)
        assert asker is not None
        assert (asker.direct, asker.author.name) == (True, "ada")
        assert await fresh.bench.core.platforms.asker_now(EVE_KEY, AT_HOME) is None
        private = ConversationKey("discord", "@private", str(GROUP_DM))
        assert await fresh.bench.core.platforms.asker_now(ADA_KEY, private) is None

    @pytest.mark.parametrize("status", [403, 500, 503])
    async def test_what_discord_does_not_say_is_a_no(
        self, make: Any, fake: FakeDiscord, status: int
    ) -> None:
        async with running(make(timing=replace(FRESH, lookup=1.0))) as bot:
            fake.fail_next("GET", "/members/", status, times=20)
            assert await bot.bench.core.platforms.asker_now(ADA_KEY, HERE) is None
            fake.heal()
            await until(lambda: bot.bench.core.platforms.asker_now(ADA_KEY, HERE))

    async def test_rate_limited_it_is_a_no_in_time(self, make: Any, fake: FakeDiscord) -> None:
        async with running(make(timing=replace(FRESH, lookup=0.2))) as bot:
            fake.fail_next("GET", "/members/", 429, retry_after=600.0)
            assert (
                await asyncio.wait_for(
                    bot.bench.core.platforms.asker_now(ADA_KEY, HERE), PATIENCE_S
                )
                is None
            )

    @pytest.mark.parametrize("person", ["discord:nobody", "slack:U1", "", f"discord:{2**70}"])
    async def test_a_name_that_is_no_persons(self, fresh: Bot, person: str) -> None:
        assert await fresh.bench.core.platforms.asker_now(person, HERE) is None
        assert await fresh.bench.core.platforms.channels_of(person, [f"discord:{GUILD}"]) == set()


async def _staff(platform: str) -> frozenset[str]:
    return frozenset({str(STAFF), "12", "S1"} if platform == "discord" else ())


async def _only_staff(command: str, asker: Asker) -> bool:
    return str(STAFF) in asker.author.roles


class TestDirectMessages:
    """Discord names no roles there; those that a rule names are looked up."""

    @pytest.fixture
    async def ruled(self, make: Any) -> AsyncIterator[Bot]:
        core = {
            "policy": Policy(named_roles=_staff),
            "authorize": Authorizer(rules=_only_staff),
        }
        async with running(make(timing=FRESH, bench=core)) as started:
            yield started

    @hearing
    async def test_a_role_counted_for_nothing_in_direct_messages(
        self, ruled: Bot, fake: FakeDiscord
    ) -> None:
        await fake.command("paint", {"what": "a barn"}, channel=DM)
        await fake.until(lambda: "may not" in str(fake.world.messages), "a refusal")
        fake.world.roles[ADA] = (STAFF, 270)
        await fake.command("paint", {"what": "a shed"}, channel=DM)
        await fake.until(lambda: "a shed in red" in str(fake.world.messages), "an answer")
        assert "a barn in red" not in str(fake.world.messages)

    async def test_the_core_is_told_of_the_roles_that_rules_name(
        self, ruled: Bot, fake: FakeDiscord
    ) -> None:
        fake.world.roles[ADA] = (STAFF, 270)
        asker = await ruled.bench.core.platforms.asker_now(ADA_KEY, AT_HOME)
        assert asker is not None
        assert asker.author.roles == {str(STAFF)}
        fake.world.left.add(ADA)
        asker = await ruled.bench.core.platforms.asker_now(ADA_KEY, AT_HOME)
        assert asker is not None
        assert asker.author.roles == frozenset()

    @hearing
    async def test_where_no_rule_names_a_role_discord_is_not_asked(
        self, fresh: Bot, fake: FakeDiscord
    ) -> None:
        assert await fresh.bench.core.platforms.asker_now(ADA_KEY, AT_HOME) is not None
        await fake.command("paint", {"what": "a barn"}, channel=DM)
        await fake.until(lambda: "a barn in red" in str(fake.world.messages), "an answer")
        assert fake.requests("GET", "/members/") == []


class TestChannels:
    async def test_the_channels_that_somebody_can_read(self, make: Any, fake: FakeDiscord) -> None:
        fake.world.people_permissions = VIEW
        denied = {"id": str(EVE), "type": 1, "allow": "0", "deny": str(VIEW)}
        fake.world.channels[OTHER_CHANNEL]["permission_overwrites"] = [denied]
        server = f"discord:{GUILD}"
        asked = [
            *(server, f"{server}:{CHANNEL}", f"{server}:{OTHER_CHANNEL}", f"{server}:999"),
            *(f"{server}:general", "discord:201", f"discord:201:{CHANNEL}", "slack:T1"),
            *("discord", f"{server}:{CHANNEL}:1", "discord:x:y", "discord:@dm"),
        ]
        async with running(make(timing=FRESH)) as bot:
            of = bot.bench.core.platforms.channels_of
            assert await of(ADA_KEY, asked) == {
                server, f"{server}:{CHANNEL}", f"{server}:{OTHER_CHANNEL}",
            }  # fmt: skip
            assert await of(EVE_KEY, asked) == {server, f"{server}:{CHANNEL}"}
            fake.world.left.add(EVE)
            assert await of(EVE_KEY, asked) == frozenset()

    async def test_what_discord_does_not_say_is_a_no(self, fresh: Bot, fake: FakeDiscord) -> None:
        fake.fail_next("GET", "/members/", 503)
        of = fresh.bench.core.platforms.channels_of
        assert await of(ADA_KEY, [f"discord:{GUILD}"]) == frozenset()
        assert await of(ADA_KEY, [f"discord:{GUILD}"]) == {f"discord:{GUILD}"}


class TestAnnouncements:
    async def test_the_same_key_is_the_same_message_for_some_minutes(
        self, bot: Bot, fake: FakeDiscord
    ) -> None:
        async def announce(since: datetime | None) -> str:
            sink = await bot.bench.core.platforms.open_reply(HERE, None, turn="k1")
            assert isinstance(sink, AnnouncingSink)
            view = View("k1", text="news", pages=("news",), state="complete")
            return await sink.announce(view, "k1", since=since)

        assert await announce(None) == "arrived"
        now = datetime.now(UTC)
        assert await announce(now) == "arrived"
        assert await announce(now - timedelta(minutes=5)) == "unknown"
        assert len(fake.from_bot(CHANNEL)) == 1

    async def test_a_channel_by_its_name(self, bot: Bot, fake: FakeDiscord) -> None:
        platforms = bot.bench.core.platforms
        name = fake.world.channels[OTHER_CHANNEL]["name"]
        found = await platforms.find_channel(HERE, name)
        assert found == ConversationKey("discord", str(GUILD), str(OTHER_CHANNEL))
        assert await platforms.find_channel(HERE, "nowhere") is None
        assert await platforms.find_channel(AT_HOME, name) is None
        assert await platforms.place_name(found) == f"The Lab / #{name}"
        assert await platforms.place_name(AT_HOME) == ""
        assert await platforms.place_name(ConversationKey("discord", str(GUILD), "12")) == ""
        assert await platforms.place_name(ConversationKey("discord", str(GUILD), "odd")) == ""
        reader = platforms.reader_of(HERE)
        assert reader is not None
        await reader(5)
