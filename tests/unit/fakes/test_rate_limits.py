"""The limits that the platforms of ours hold are the real ones, as far as they are published."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from typing import Any

import aiohttp
import discord
import pytest
from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient

from tests.fakes.discord import TOKEN, FakeDiscord
from tests.fakes.discord.rate_limits import Buckets
from tests.fakes.discord.state import CHANNEL, OTHER_CHANNEL
from tests.fakes.rate_limits import Clock
from tests.fakes.slack import FakeSlack
from tests.fakes.slack.rate_tiers import RateTiers

FAST = Clock(time_scale=100)


@dataclass
class Hand:
    """A clock that is moved by hand."""

    seconds: float = 0.0

    def clock(self) -> Clock:
        return Clock(read=lambda: self.seconds)


class TestSlack:
    def taken(self, tiers: RateTiers, method: str, times: int, channel: str = "C1") -> int:
        calls = [tiers.refuse(method, {"channel": channel}) for _ in range(times)]
        return calls.count(None)

    @pytest.mark.parametrize(
        ("method", "a_minute"),
        [
            ("chat.update", 55),
            ("reactions.add", 55),
            ("conversations.replies", 55),
            ("chat.postEphemeral", 110),
            ("chat.startStream", 22),
        ],
    )
    def test_a_method_has_its_tier_and_a_little_more(self, method: str, a_minute: int) -> None:
        hand = Hand()
        tiers = RateTiers(hand.clock())
        assert self.taken(tiers, method, 200) == a_minute
        assert tiers.refuse(method, {"channel": "C2"}) == 60.0  # in another channel, too
        hand.seconds = 59.9
        assert tiers.refuse(method, {}) == pytest.approx(0.1)
        hand.seconds = 60.0
        assert self.taken(tiers, method, 200) == a_minute

    def test_one_method_does_not_use_up_another(self) -> None:
        tiers = RateTiers(Hand().clock())
        self.taken(tiers, "chat.update", 200)
        assert tiers.refuse("chat.delete", {}) is None

    def test_a_channel_takes_a_message_a_second_and_a_short_burst(self) -> None:
        hand = Hand()
        tiers = RateTiers(hand.clock())
        assert self.taken(tiers, "chat.postMessage", 9) == 5
        assert self.taken(tiers, "chat.postMessage", 9, "C2") == 5
        taken = 0
        for _ in range(60):
            hand.seconds += 1
            taken += self.taken(tiers, "chat.postMessage", 3)
        assert 55 <= taken <= 65

    def test_a_workspace_takes_several_hundred_messages_a_minute(self) -> None:
        tiers = RateTiers(Hand().clock())
        taken = sum(self.taken(tiers, "chat.postMessage", 5, f"C{n}") for n in range(100))
        assert taken == 300

    async def test_a_client_waits_as_it_is_told(self) -> None:
        hand = Hand()
        async with FakeSlack(tiers=RateTiers(hand.clock())) as slack:
            client = AsyncWebClient("xoxb-test-bot-token", base_url=slack.api_url)
            posted = await client.chat_postMessage(channel="C1", text="begun")

            async def edit(text: str) -> None:
                while True:
                    try:
                        await client.chat_update(channel="C1", ts=posted["ts"], text=text)
                        return
                    except SlackApiError as exc:
                        hand.seconds += float(exc.response.headers["Retry-After"])

            for n in range(60):
                await edit(f"edit {n}")
            limited = [call for call in slack.calls if call.limited]
            assert [call.method for call in limited] == ["chat.update"]
            assert len(slack.timeline.of(posted["ts"], kind="edit")) == 60
            assert [step.content for step in slack.timeline.of(kind="refused")] == [
                "chat.update" for _ in limited
            ]

    async def test_without_tiers_nothing_is_refused(self) -> None:
        async with FakeSlack() as slack:
            client = AsyncWebClient("xoxb-test-bot-token", base_url=slack.api_url)
            for _ in range(20):
                await client.chat_postMessage(channel="C1", text="more")


class TestDiscord:
    def taken(self, buckets: Buckets, method: str, path: str, times: int) -> int:
        return sum(buckets.count(method, path).retry_after is None for _ in range(times))

    @pytest.mark.parametrize(
        ("method", "path", "calls", "seconds"),
        [
            ("POST", "/channels/1/messages", 5, 5.0),
            ("PATCH", "/channels/1/messages/7", 5, 5.0),
            ("DELETE", "/channels/1/messages/7", 5, 1.0),
            ("POST", "/channels/1/typing", 5, 5.0),
            ("PUT", "/channels/1/messages/7/reactions/x/@me", 1, 0.25),
            ("PATCH", "/webhooks/100/tok/messages/@original", 5, 2.0),
        ],
    )
    def test_a_route_has_a_bucket_by_channel(
        self, method: str, path: str, calls: int, seconds: float
    ) -> None:
        hand = Hand()
        buckets = Buckets(hand.clock())
        assert self.taken(buckets, method, path, 20) == calls
        refused = buckets.count(method, path)
        assert refused.retry_after == seconds
        assert refused.headers["Via"]
        assert refused.headers["X-RateLimit-Remaining"] == "0"
        assert refused.body["global"] is False
        assert buckets.count(method, path.replace("s/1", "s/2").replace("tok", "t2")).headers
        hand.seconds = seconds
        assert self.taken(buckets, method, path, 20) == calls

    def test_messages_of_one_channel_share_the_bucket_of_edits(self) -> None:
        buckets = Buckets(Hand().clock())
        assert (
            sum(self.taken(buckets, "PATCH", f"/channels/1/messages/{n}", 1) for n in range(9)) == 5
        )
        assert self.taken(buckets, "POST", "/channels/1/messages", 1) == 1

    def test_all_requests_share_fifty_a_second_but_interactions(self) -> None:
        buckets = Buckets(Hand().clock())
        taken = sum(self.taken(buckets, "POST", f"/channels/{n}/messages", 1) for n in range(99))
        assert taken == 50
        refused = buckets.count("GET", "/users/@me")
        assert refused.body["global"] is True
        assert refused.headers["X-RateLimit-Scope"] == "global"
        assert self.taken(buckets, "POST", "/interactions/1/tok/callback", 99) == 99
        assert self.taken(buckets, "POST", "/webhooks/100/tok", 1) == 1

    async def test_a_refusal_is_one_that_discord_py_waits_out(self) -> None:
        async with FakeDiscord(limits=Buckets(FAST)) as fake, aiohttp.ClientSession() as web:
            url = f"http://127.0.0.1:{fake.port}/api/v10/channels/{CHANNEL}/messages"
            for n in range(6):
                answer = await web.post(
                    url,
                    json={"content": f"{n}", "flags": 4},
                    headers={"Authorization": f"Bot {TOKEN}"},
                )
                said: dict[str, Any] = await answer.json()
            assert answer.status == 429
            assert 0 < said["retry_after"] <= 0.05
            assert answer.headers["Via"]
            assert [call.status for call in fake.calls] == [200] * 5 + [429]
            assert len(fake.from_bot(CHANNEL)) == 5
            assert not fake.from_bot(OTHER_CHANNEL)

    async def test_the_real_client_keeps_to_the_buckets_by_itself(self) -> None:
        async with FakeDiscord(limits=Buckets(FAST)) as fake:
            with fake.address():
                client = discord.Client(intents=discord.Intents.none())
                await client.login(TOKEN)
                channel = client.get_partial_messageable(CHANNEL)
                await asyncio.gather(
                    *(channel.send(f"{n}", suppress_embeds=True) for n in range(12))
                )
                await client.close()
            assert len(fake.from_bot(CHANNEL)) == 12
            assert not [call for call in fake.calls if call.status == 429]


async def test_a_clock_can_run_faster_than_ours() -> None:
    clock = Clock(time_scale=60)
    began, here = clock.now(), time.monotonic()
    await asyncio.sleep(0.05)
    passed = time.monotonic() - here
    assert clock.now() - began == pytest.approx(passed * 60, rel=0.2)
    assert clock.here(60) == 1.0
