"""Socket Mode: every way in which the connection can break, and what only an operator can mend."""

from __future__ import annotations

import asyncio
import json
from contextlib import AsyncExitStack
from dataclasses import replace
from typing import Any

import pytest

from bot.errors import AdapterError
from tests.fakes.slack import FakeSlack
from tests.fakes.slack.bots import (
    CHANNEL,
    SWIFT,
    ServedBot,
    answers,
    begun,
    greeted,
    served,
    speaking,
    whole,
    words,
    write,
)
from tests.until import PATIENCE_S

PAGES = [
    ("text/html", "<html>Bad gateway</html>"),
    ("application/json", "{cut off"),
    ("application/json", "{}"),
    ("application/json", "[]"),
    ("text/plain", "no healthy upstream"),
]
"""What proxies answer in Slack's place."""


async def test_while_it_drains_another_process_gets_the_events(build: Any, fake: FakeSlack) -> None:
    async with (
        served(build(bench=speaking("From the other."))),
        served(build(bench=speaking(tokens_per_s=200))) as ending,  # events come to the latest
    ):
        await write(fake, "long", CHANNEL)
        await begun(fake, CHANNEL)
        ending.adapter.drain(others=True)
        await fake.until(lambda: not ending.adapter.connected, "disconnected")
        await write(fake, "hello")
        await fake.until(lambda: "From the other." in [m.shown for m in answers(fake)])
        await whole(fake, CHANNEL)
        assert ending.task is not None
        assert not ending.task.done()
    assert fake.connections == 2


async def test_while_it_drains_alone_it_is_still_heard(build: Any, fake: FakeSlack) -> None:
    async with served(build()) as bot:
        bot.adapter.drain(others=False)
        await greeted(fake)
        assert bot.adapter.connected


class TestBreaks:
    async def break_(self, fake: FakeSlack, how: str) -> None:
        if how in {"refresh_requested", "warning", "link_disabled"}:
            await fake.say_disconnect(how)
        elif how == "garbage":
            await fake.send_garbage()
        elif how == "not an object":
            await fake.send_garbage("[1, 2]")
        elif how == "no payload":
            await fake.send_garbage(json.dumps({"type": "events_api", "envelope_id": "e"}))
        elif how == "payload of another kind":
            frame = {"type": "events_api", "envelope_id": "e", "payload": 7}
            await fake.send_garbage(json.dumps(frame))
        elif how == "empty event":
            await fake.deliver("events_api", {"type": "event_callback", "event": {}})
        elif how == "event without a team":
            body = {"type": "event_callback", "event": {"type": "app_mention", "text": "x"}}
            await fake.deliver("events_api", body)
        elif how == "unknown kind":
            await fake.deliver("something_new", {"type": "something_new"})
        else:
            await fake.drop_sockets()

    @pytest.mark.parametrize(
        "how",
        [
            "dropped",
            "refresh_requested",
            "warning",
            "link_disabled",
            "garbage",
            "not an object",
            "no payload",
            "payload of another kind",
            "empty event",
            "event without a team",
            "unknown kind",
        ],
    )
    async def test_it_is_back_and_the_running_answer_ends(
        self, build: Any, fake: FakeSlack, how: str
    ) -> None:
        async with served(build(bench=speaking())) as bot:
            await write(fake, "long", CHANNEL)
            await begun(fake, CHANNEL)
            connections = fake.connections
            await self.break_(fake, how)
            if how in {"dropped", "refresh_requested", "warning", "link_disabled"}:
                await fake.until(lambda: fake.connections > connections)
            await greeted(fake)
            await whole(fake, CHANNEL)
            assert len(bot.bench.backend.requests) == 2

    async def test_handshakes_that_are_refused(self, build: Any, fake: FakeSlack) -> None:
        fake.refuse_sockets = True
        bot = build()
        starting = asyncio.create_task(bot.start())
        await fake.until(lambda: fake.refusals >= 3)
        fake.refuse_sockets = False
        await starting
        await greeted(fake)
        await bot.stop()

    async def test_each_try_asked_for_an_address_of_its_own(
        self, build: Any, fake: FakeSlack
    ) -> None:
        fake.refuse_sockets = True
        bot = build()
        starting = asyncio.create_task(bot.start())
        await fake.until(lambda: fake.refusals >= 3)
        asked = [c for c in fake.calls if c.method == "apps.connections.open"]
        assert len(asked) >= fake.refusals  # an address is good for one try
        fake.refuse_sockets = False
        await starting
        await bot.stop()

    async def test_a_socket_that_nobody_greets_is_given_up(
        self, build: Any, fake: FakeSlack
    ) -> None:
        fake.greets = False
        bot = build(timing=replace(SWIFT, handshake=0.1))
        starting = asyncio.create_task(bot.start())
        await fake.until(lambda: fake.refusals >= 2)
        fake.greets = True
        await starting
        await greeted(fake)
        await bot.stop()

    async def test_a_connection_that_fell_silent_is_given_up(
        self, build: Any, fake: FakeSlack
    ) -> None:
        fake.answers_pings = False
        async with served(build(timing=replace(SWIFT, ping_interval=0.1))):
            await fake.until(lambda: fake.connections >= 2)
            fake.answers_pings = True
            connections = fake.connections
            await fake.until(lambda: fake.connections > connections)
            await greeted(fake)

    @pytest.mark.parametrize("status", [500, 503, 429])
    @pytest.mark.parametrize("method", ["auth.test", "apps.connections.open"])
    async def test_a_start_that_fails_for_now(
        self, build: Any, fake: FakeSlack, method: str, status: int
    ) -> None:
        retry = 0 if status == 429 else None
        fake.fail_next(method, status=status, times=2, retry_after=retry)
        async with served(build()):
            await greeted(fake)

    @pytest.mark.parametrize("page", PAGES)
    @pytest.mark.parametrize("method", ["auth.test", "apps.connections.open"])
    async def test_a_start_that_something_else_answers(
        self, build: Any, fake: FakeSlack, method: str, page: tuple[str, str]
    ) -> None:
        fake.fail_next(method, page=page, times=2)
        async with served(build()):
            await greeted(fake)

    async def test_slack_is_gone_for_a_while_and_the_answer_arrives(self, build: Any) -> None:
        fake = FakeSlack()
        async with AsyncExitStack() as first:
            await first.enter_async_context(fake)
            bot: ServedBot = build(base_url=fake.api_url, bench=speaking())
            bot.fake = fake
            await bot.start()
            await write(fake, "long", CHANNEL)
            await begun(fake, CHANNEL)
        await asyncio.sleep(0.1)
        async with fake:
            await fake.until(lambda: fake.connections == 2)
            await whole(fake, CHANNEL)
            await greeted(fake)
            await bot.stop()
        assert fake.wrong == []

    async def test_the_next_connection_is_open_before_the_last_is_closed(
        self, served_bot: ServedBot, fake: FakeSlack
    ) -> None:
        for _ in range(3):
            connections, refusals = fake.connections, fake.refusals
            fake.refuse_sockets = True
            await fake.say_disconnect("refresh_requested")
            await fake.until(lambda n=refusals: fake.refusals > n)
            await greeted(fake)  # over the old one, as there is no other
            fake.refuse_sockets = False
            await fake.until(lambda n=connections: fake.connections > n)
            await fake.until(lambda: len(fake._sockets) == 1, "the old one closed")
        await greeted(fake)

    async def test_questions_from_before_a_reconnect_could_not_be_taken_back(
        self, build: Any, fake: FakeSlack
    ) -> None:
        async with served(build(bench=speaking(tokens_per_s=100))) as bot:
            asked = await write(fake, "long", CHANNEL)
            await begun(fake, CHANNEL)
            await fake.drop_sockets()
            await fake.until(lambda: fake.connections == 2)
            await fake.event({
                "type": "message", "subtype": "message_deleted", "channel": CHANNEL,
                "channel_type": "channel", "ts": "9.9", "deleted_ts": asked,
                "previous_message": {"user": "U0ADA", "ts": asked},
            })  # fmt: skip
            await fake.until(lambda: not words(fake, CHANNEL), "nothing left of the answer")
            assert bot.bench.backend.cancelled == 1

    async def test_every_envelope_is_acknowledged_where_it_came(
        self, served_bot: ServedBot, fake: FakeSlack
    ) -> None:
        for _ in range(20):
            await write(fake, "hello", CHANNEL)
        await fake.until(lambda: set(fake.sent) == set(fake.acks))
        late = [e for e, (at, _) in fake.acks.items() if at - fake.sent[e] > 3]
        assert late == []

    async def test_an_event_that_nobody_listens_to_comes_only_once(
        self, served_bot: ServedBot, fake: FakeSlack
    ) -> None:
        await fake.event({"type": "team_rename", "name": "New"})
        await fake.until(lambda: set(fake.sent) == set(fake.acks))


class TestForGood:
    @pytest.mark.parametrize(
        ("error", "says"),
        [
            ("invalid_auth", "SLACK_BOT_TOKEN"),
            ("token_revoked", "SLACK_BOT_TOKEN"),
            ("token_expired", "SLACK_BOT_TOKEN"),
            ("account_inactive", "install it again"),
            ("not_allowed_token_type", "begins with xoxb-"),
            ("missing_scope", "parlance manifest slack"),
        ],
    )
    async def test_one_line_says_what_to_do_about_the_bot_token(
        self, build: Any, fake: FakeSlack, error: str, says: str
    ) -> None:
        fake.fail_next("auth.test", error=error)
        await self.refused(build(), says)

    @pytest.mark.parametrize(
        ("error", "says"),
        [
            ("invalid_auth", "SLACK_APP_TOKEN"),
            ("token_revoked", "SLACK_APP_TOKEN"),
            ("not_allowed_token_type", "begins with xapp-"),
            ("missing_scope", "connections:write"),
        ],
    )
    async def test_one_line_says_what_to_do_about_the_app_token(
        self, build: Any, fake: FakeSlack, error: str, says: str
    ) -> None:
        fake.fail_next("apps.connections.open", error=error)
        await self.refused(build(), says)

    @pytest.mark.parametrize(
        ("tokens", "says"),
        [
            ({"bot_token": "xoxb-wrong"}, "SLACK_BOT_TOKEN"),
            ({"app_token": "xapp-wrong"}, "SLACK_APP_TOKEN"),
            ({"app_token": None}, "SLACK_APP_TOKEN"),
            ({"app_token": "xoxb-test-bot-token"}, "begins with xapp-"),
            ({"bot_token": "xapp-test-app-token"}, "begins with xoxb-"),
        ],
    )
    async def test_a_wrong_token(
        self, build: Any, fake: FakeSlack, tokens: dict[str, str], says: str
    ) -> None:
        bot = build(**tokens)
        await self.refused(bot, says)
        for token in filter(None, tokens.values()):
            assert token not in repr(bot.adapter)

    async def refused(self, bot: ServedBot, says: str) -> None:
        with pytest.raises(AdapterError, match=says) as caught:
            await asyncio.wait_for(bot.adapter.run(bot.bench.core), PATIENCE_S)
        text = str(caught.value)
        assert "\n" not in text
        assert "xoxb-test" not in text
        assert "xapp-test" not in text

    @pytest.mark.parametrize("how", ["by the next call", "by a disconnect"])
    async def test_a_token_that_is_revoked_while_it_runs(
        self, build: Any, fake: FakeSlack, how: str
    ) -> None:
        bot = build()
        await bot.start()
        await greeted(fake)
        fake.tokens.remove("xoxb-test-bot-token")
        if "call" in how:
            await write(fake, "hello")
        else:
            await fake.say_disconnect("link_disabled")
        with pytest.raises(AdapterError, match="SLACK_BOT_TOKEN"):
            await asyncio.wait_for(bot.task, PATIENCE_S)
        await bot.bench.core.close()

    async def test_one_call_that_is_refused_by_mistake_ends_nothing(
        self, served_bot: ServedBot, fake: FakeSlack
    ) -> None:
        fake.fail_next("chat.postMessage", error="token_expired")
        await greeted(fake)
        await greeted(fake)


async def test_whether_slack_is_connected_can_be_told(
    served_bot: ServedBot, fake: FakeSlack
) -> None:
    assert served_bot.adapter.connected
    fake.refuse_sockets = True
    await fake.drop_sockets()
    await fake.until(lambda: not served_bot.adapter.connected, "away")
    fake.refuse_sockets = False
    await fake.until(lambda: served_bot.adapter.connected, "back")
