"""The connection: every way in which it can break, and what only an operator can mend."""

from __future__ import annotations

import asyncio
import socket
from typing import Any

import pytest

from bot.errors import AdapterError
from tests.fakes.discord import FakeDiscord
from tests.fakes.discord.gateway import MESSAGE_CONTENT
from tests.fakes.discord.running import Bot, running
from tests.fakes.discord.state import DM, EVE, Json
from tests.unit.bot.adapters.discord.inbound.test_messages import finished
from tests.unit.bot.adapters.discord.test_faults import begun, speaking, whole
from tests.until import PATIENCE_S


async def greeted(fake: FakeDiscord) -> None:
    """Somebody says hello, and is answered: the connection works."""
    before = len(finished(fake, DM))
    await fake.say("hello", channel=DM)
    await fake.until(lambda: len(finished(fake, DM)) > before, "an answer")


class TestLeastRights:
    async def test_no_privileged_intent_unless_configured(
        self, bot: Bot, fake: FakeDiscord
    ) -> None:
        assert fake.gateway.session.intents == 1 | 1 << 9 | 1 << 12

    async def test_message_content_where_configured(self, make: Any, fake: FakeDiscord) -> None:
        async with running(make(settings={"message_content": True})):
            assert fake.gateway.session.intents & MESSAGE_CONTENT


class TestBreaks:
    async def break_(self, fake: FakeDiscord, how: str) -> None:
        gateway = fake.gateway
        frames: dict[str, Json] = {
            "op 7": {"op": 7, "d": None},
            "op 9, session lost": {"op": 9, "d": False},
            "op 9, resumable": {"op": 9, "d": True},
            "unknown op": {"op": 42, "d": None},
        }
        if how in frames:
            await gateway.send(frames[how])
        elif how.isdecimal():
            await gateway.close(int(how))
        elif "dispatch" in how:
            name = "MESSAGE_CREATE" if "malformed" in how else "NEW_THING"
            await gateway.dispatch(name, {"id": "1"}, direct=True)
        elif how in {"garbage", "not an object"}:
            await gateway.garbage("[]" if "object" in how else "<html>")
        else:
            gateway.forget_sessions = how == "session forgotten"
            gateway.refuse = {"refused handshake": 1, "refused handshakes": 3}.get(how, 0)
            gateway.drop()

    @pytest.mark.parametrize(
        "how",
        [
            "socket dropped",
            "op 7",
            "op 9, session lost",
            "op 9, resumable",
            "garbage",
            "not an object",
            "malformed dispatch",
            "unknown dispatch",
            "unknown op",
            "session forgotten",
            "refused handshakes",
            "1000",
            "4000",
            "4009",
        ],
    )
    async def test_it_is_back_and_the_running_answer_ends(
        self, make: Any, fake: FakeDiscord, how: str
    ) -> None:
        async with running(make(bench=speaking())) as bot:
            thread = await fake.say("long", mention=True)
            await begun(fake)
            await self.break_(fake, how)
            if "session" in how or how == "4009":  # what is said before the new one, nobody hears
                await fake.until(lambda: len(fake.gateway.sessions) == 2)
            await greeted(fake)
            await fake.until(lambda: finished(fake, thread))
            assert whole(fake, channel=thread)
            assert len(bot.bench.backend.requests) == 2

    async def test_what_was_said_meanwhile_is_heard_after_a_resume(
        self, bot: Bot, fake: FakeDiscord
    ) -> None:
        fake.gateway.refuse = 2
        fake.gateway.drop()
        await fake.until(lambda: fake.gateway.refusals)
        await greeted(fake)
        assert fake.gateway.resumes == 1
        assert fake.gateway.identifies == 1

    @pytest.mark.parametrize("shards", [None, 1, 2])
    async def test_what_is_asked_in_an_outage_of_many_tries_is_answered_once(
        self, make: Any, fake: FakeDiscord, shards: int | None
    ) -> None:
        async with running(make(settings={"shards": shards})) as bot:
            await fake.until(lambda: len(fake.gateway.sessions) == (shards or 1))
            await fake.until(lambda: bot.adapter.connected, "connected")
            fake.gateway.refuse = 1000
            fake.gateway.drop()
            await fake.until(lambda: fake.gateway.refusals, "away")
            await fake.say("meanwhile", mention=True)
            await fake.until(lambda: fake.gateway.refusals > 6 * (shards or 1), "many tries")
            fake.gateway.refuse = 0
            await fake.until(lambda: finished(fake), "an answer")
            await greeted(fake)
            await fake.until(lambda: fake.gateway.resumes == (shards or 1), "every shard is back")
            assert fake.gateway.identifies == (shards or 1)
            assert len(bot.bench.backend.requests) == 2

    @pytest.mark.parametrize("shards", [None, 2])
    async def test_a_session_that_is_not_resumed_any_more_is_followed_by_a_new_one(
        self, make: Any, fake: FakeDiscord, shards: int | None
    ) -> None:
        async with running(make(settings={"shards": shards})):
            await fake.until(lambda: len(fake.gateway.sessions) == (shards or 1))
            fake.gateway.refuse = 6
            fake.gateway.forget_sessions = True
            fake.gateway.drop()
            await fake.until(lambda: fake.gateway.refused_resumes, "refused")
            await fake.until(lambda: len(fake.gateway.sessions) == (shards or 1) + 1, "a new one")
            await greeted(fake)
            assert fake.gateway.refused_resumes == 1
            assert fake.gateway.resumes == (shards or 1) - 1  # the other shard keeps its own

    @pytest.mark.parametrize("code", [4007, 4009])
    async def test_a_code_that_ends_the_session_is_followed_by_a_new_one(
        self, bot: Bot, fake: FakeDiscord, code: int
    ) -> None:
        await fake.gateway.close(code)
        await fake.until(lambda: len(fake.gateway.sessions) == 2)
        await greeted(fake)
        assert fake.gateway.refused_resumes == 0

    async def test_a_session_whose_own_address_is_dead_is_resumed_at_the_usual_one(
        self, make: Any, fake: FakeDiscord
    ) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            fake.gateway.resume_address = f"ws://127.0.0.1:{probe.getsockname()[1]}/gateway"
            async with running(make()):
                fake.gateway.drop()
                await fake.until(lambda: fake.gateway.resumes)
                await greeted(fake)
                assert fake.gateway.identifies == 1

    async def test_a_resume_that_is_never_answered_gives_way_to_a_new_session(
        self, bot: Bot, fake: FakeDiscord
    ) -> None:
        fake.gateway.ignore_resumes = True
        fake.gateway.drop()
        await fake.until(lambda: len(fake.gateway.sessions) == 2)
        await greeted(fake)

    async def test_a_refused_first_handshake(self, make: Any, fake: FakeDiscord) -> None:
        fake.gateway.refuse = 3
        async with running(make()):
            await greeted(fake)
        assert fake.gateway.refusals == 3

    @pytest.mark.parametrize("status", [500, 503, 429])
    async def test_a_login_that_fails_for_now(
        self, make: Any, fake: FakeDiscord, status: int
    ) -> None:
        fake.fail_next("GET", "/users/@me$", status, via=status != 429)
        async with running(make()):
            await greeted(fake)

    async def test_discord_is_down_and_comes_back(self, make: Any) -> None:
        async with FakeDiscord() as fake:
            port = fake.port
        later = FakeDiscord()
        later.port = port
        with later.address():
            bot = make()
            bot.fake = later
            starting = asyncio.create_task(bot.start())
            await asyncio.sleep(0.1)
            async with later:
                await starting
                await greeted(later)
                await bot.stop()

    async def test_an_event_of_ours_that_fails_does_not_end_the_others(
        self, bot: Bot, fake: FakeDiscord
    ) -> None:
        fake.world.users[EVE]["username"] = None  # nobody's name; it breaks what reads it
        await fake.say("hello", mention=True, author=EVE)
        await greeted(fake)


class TestForGood:
    @pytest.mark.parametrize(
        ("code", "says"),
        [
            (4004, "DISCORD_TOKEN"),
            (4010, "discord.shards"),
            (4011, "discord.shards"),
            (4012, "update discord.py"),
            (4013, "update discord.py"),
            (4014, "Message Content"),
        ],
    )
    async def test_one_line_says_what_to_do(
        self, make: Any, fake: FakeDiscord, code: int, says: str
    ) -> None:
        fake.gateway.close_identify = code
        with pytest.raises(AdapterError, match=says) as caught:
            await asyncio.wait_for(make().adapter.run(make().bench.core), PATIENCE_S)
        assert "\n" not in str(caught.value)

    async def test_a_wrong_token(self, make: Any, fake: FakeDiscord) -> None:
        bot = make(token="wrong.token.secret")
        with pytest.raises(AdapterError, match="DISCORD_TOKEN") as caught:
            await asyncio.wait_for(bot.adapter.run(bot.bench.core), PATIENCE_S)
        assert "wrong.token" not in str(caught.value)
        assert "wrong.token" not in repr(bot.adapter)

    async def test_an_intent_that_is_not_granted(self, make: Any, fake: FakeDiscord) -> None:
        fake.gateway.granted = 0
        bot = make(settings={"message_content": True})
        with pytest.raises(AdapterError, match="switch it on in the Developer Portal"):
            await asyncio.wait_for(bot.adapter.run(bot.bench.core), PATIENCE_S)

    async def test_a_token_that_is_revoked_while_it_runs(
        self, make: Any, fake: FakeDiscord
    ) -> None:
        bot = make()
        await bot.start()
        await greeted(fake)
        fake.gateway.token = "another"
        await fake.gateway.close(4004)
        with pytest.raises(AdapterError, match="DISCORD_TOKEN"):
            await asyncio.wait_for(bot.task, PATIENCE_S)
        await bot.bench.core.close()


class TestShards:
    async def test_every_shard_hears_its_part(self, make: Any, fake: FakeDiscord) -> None:
        async with running(make(settings={"shards": 2})):
            await fake.until(lambda: len(fake.gateway.sessions) == 2)
            assert {(s.shard, s.shards) for s in fake.gateway.sessions.values()} == {(0, 2), (1, 2)}
            await greeted(fake)

    async def test_as_many_as_discord_recommends(self, make: Any, fake: FakeDiscord) -> None:
        fake.rest.shards = 2
        async with running(make(settings={"shards": "auto"})):
            await fake.until(lambda: len(fake.gateway.sessions) == 2)

    @pytest.mark.parametrize("how", ["socket dropped", "garbage", "refused handshake"])
    async def test_they_come_back(self, make: Any, fake: FakeDiscord, how: str) -> None:
        async with running(make(settings={"shards": 1}, bench=speaking())):
            thread = await fake.say("long", mention=True)
            await begun(fake)
            await TestBreaks().break_(fake, how)
            gateway = fake.gateway
            await fake.until(lambda: len(gateway.sessions) > 1 or gateway.resumes)
            await greeted(fake)
            await fake.until(lambda: finished(fake, thread))
            assert whole(fake, channel=thread)

    async def test_a_missing_intent_is_told(self, make: Any, fake: FakeDiscord) -> None:
        fake.gateway.granted = 0
        bot = make(settings={"message_content": True, "shards": 1})
        with pytest.raises(AdapterError, match="Message Content"):
            await asyncio.wait_for(bot.adapter.run(bot.bench.core), PATIENCE_S)


@pytest.mark.parametrize("shards", [None, 2])
async def test_whether_discord_is_connected_can_be_told(
    make: Any, fake: FakeDiscord, shards: int | None
) -> None:
    async with running(make(settings={"shards": shards})) as bot:
        await fake.until(lambda: fake.gateway.identifies == (shards or 1), "all shards")
        await fake.until(lambda: bot.adapter.connected, "connected")
        fake.gateway.refuse = 1000
        fake.gateway.drop()
        await fake.until(lambda: not bot.adapter.connected, "away")
        fake.gateway.refuse = 0
        greeted = 2 * (shards or 1)
        await fake.until(
            lambda: fake.gateway.resumes + fake.gateway.identifies >= greeted, "all shards again"
        )
        await fake.until(lambda: bot.adapter.connected, "back")
    assert not bot.adapter.connected
