"""HTTP mode: signed requests in, answers out over the Web API."""

from __future__ import annotations

import asyncio
import io
import json
import time
from collections.abc import AsyncIterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from bot.adapters.slack import SlackAdapter
from bot.adapters.slack.transport.http_mode import MAX_BODY_BYTES
from bot.app import App
from bot.config.platforms import SlackSettings
from bot.errors import AdapterError
from bot.ports import Ports
from tests.fakes.slack import FakeSlack
from tests.fakes.slack.bots import (
    ADA,
    BOT_TOKEN,
    CHANNEL,
    DM,
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
from tests.fakes.slack.posting import SIGNING_SECRET, signed
from tests.scenarios.harness import House
from tests.scenarios.on_slack import SlackDriver
from tests.until import PATIENCE_S

HTTP: dict[str, Any] = {"settings": {"mode": "http"}, "signing_secret": SIGNING_SECRET}


@pytest.fixture
async def bot(build: Any) -> AsyncIterator[ServedBot]:
    async with served(build(**HTTP, app_token=None)) as started:
        yield started


async def post(
    bot: ServedBot, body: str, headers: dict[str, str] | None = None, path: str = "/slack/events"
) -> tuple[int, str]:
    """What the endpoint answers."""
    headers = {"Content-Type": "application/json"} | (signed(body) if headers is None else headers)
    async with (
        aiohttp.ClientSession() as session,
        session.post(
            f"{bot.address}{path}", data=io.BytesIO(body.encode()), headers=headers
        ) as answer,
    ):
        return answer.status, await answer.text()


def mention(text: str = "hello") -> str:
    event = {"type": "app_mention", "channel": CHANNEL, "user": ADA, "ts": "7.7"}
    event["text"] = f"<@UBOT> {text}"
    body = {"type": "event_callback", "team_id": "T1", "event_id": "Ev1", "event": event}
    return json.dumps(body)


class TestWhatPeopleDo:
    async def test_a_mention_is_answered(self, bot: ServedBot, fake: FakeSlack) -> None:
        await write(fake, "hello", CHANNEL)
        (answer,) = await fake.until(lambda: answers(fake, CHANNEL))
        await fake.until(lambda: "You said: hello" in answer.shown)
        assert answer.thread_ts
        assert fake.connections == 0

    async def test_a_direct_message_is_answered(self, bot: ServedBot, fake: FakeSlack) -> None:
        await greeted(fake)

    async def test_a_command_is_answered(self, bot: ServedBot, fake: FakeSlack) -> None:
        await self.slash(fake, "what=hello")
        await fake.until(lambda: any("You said: hello" in m.shown for m in answers(fake)))

    async def test_a_form_opens_and_is_answered(self, bot: ServedBot, fake: FakeSlack) -> None:
        await self.slash(fake, "")
        (view,) = await fake.until(lambda: fake.workspace.views)
        values = {"what": {"value": {"type": "plain_text_input", "value": "from the form"}}}
        await fake.deliver("interactive", {
            "type": "view_submission", "team": {"id": "T1"}, "user": {"id": ADA, "name": "ada"},
            "view": {**view, "id": "V1", "state": {"values": values}}, "trigger_id": "t2",
            "api_app_id": "A1",
        })  # fmt: skip
        await fake.until(lambda: any("from the form" in m.shown for m in answers(fake)))

    async def test_a_button_stops_an_answer(self, build: Any, fake: FakeSlack) -> None:
        async with served(build(**HTTP, bench=speaking(tokens_per_s=60))) as bot:
            await write(fake, "long", CHANNEL)
            message = await begun(fake, CHANNEL)
            (button,) = [
                e
                for b in message.blocks
                if b["type"] == "actions"
                for e in b["elements"]
                if e["action_id"].startswith("parlance:stop")
            ]
            await fake.deliver("interactive", {
                "type": "block_actions", "team": {"id": "T1"}, "api_app_id": "A1",
                "user": {"id": ADA, "username": "ada"}, "channel": {"id": CHANNEL},
                "message": {"ts": message.ts, "thread_ts": message.thread_ts, "user": "UBOT"},
                "trigger_id": "t3", "response_url": fake.response_url(),
                "actions": [{**button, "block_id": "b", "action_ts": "1.1"}],
            })  # fmt: skip
            await fake.until(lambda: bot.bench.backend.cancelled == 1, "stopped")
        assert set(fake.acks) == set(fake.sent)

    async def slash(self, fake: FakeSlack, text: str) -> None:
        await fake.deliver("slash_commands", {
            "command": "/say", "text": text, "team_id": "T1", "channel_id": DM, "user_id": ADA,
            "user_name": "ada", "trigger_id": "t1", "response_url": fake.response_url(),
            "api_app_id": "A1",
        })  # fmt: skip


async def test_while_it_drains_events_are_left_to_another_process(
    bot: ServedBot, fake: FakeSlack
) -> None:
    await greeted(fake)
    bot.adapter.drain(others=False)
    assert await post(bot, mention()) == (503, "")
    await TestWhatPeopleDo().slash(fake, "what=hello")  # which Slack does not send again
    await fake.until(lambda: any("You said: hello" in m.shown for m in answers(fake)))
    assert answers(fake, CHANNEL) == []


class HttpDriver(SlackDriver):
    """The person of the stories, on a Slack that posts."""

    def adapter(self, app: App) -> SlackAdapter:
        self.served = SlackAdapter(
            app.installation.config.section(SlackSettings), BOT_TOKEN,
            signing_secret=SIGNING_SECRET, timing=SWIFT, base_url=self.fake.api_url,
        )  # fmt: skip
        return self.served

    def config(self) -> Mapping[str, Any]:
        return {"slack": HTTP["settings"], "http": {"port": 0}}

    def opened(self, ports: Ports) -> None:
        self.fake.events_url = f"{ports.http}/slack/events"

    async def connected(self) -> None:
        await self.fake.until(lambda: self.served.connected, "listening")


async def test_the_whole_application_over_http(tmp_path: Path) -> None:
    driver = HttpDriver()
    await driver.open()
    house = House(tmp_path, driver, tokens_per_s=60)
    try:
        await house.start()
        await driver.mention("hello there")
        await house.reads("You said: hello there")
        await driver.command("chat", {"message": "hello again"})
        await house.reads("You said: hello again")
        await driver.mention("take your time")
        await house.sees("slow004")
        await driver.press("stop")
        await house.reads("Stopped by")
        await house.restart()
        await driver.press("regenerate")
        await house.until(lambda: house.text.count("slow000") == 2, "once more")
        await driver.press("stop")
        assert driver.fake.connections == 0
        await driver.fake.until(lambda: set(driver.fake.acks) == set(driver.fake.sent))
    finally:
        await house.stop()
        await driver.close()


class TestRequests:
    async def test_the_address_is_verified(self, bot: ServedBot) -> None:
        body = json.dumps({"type": "url_verification", "challenge": "abc", "token": "x"})
        status, text = await post(bot, body)
        assert status == 200
        assert json.loads(text) == {"challenge": "abc"}

    @pytest.mark.parametrize(
        "how",
        ["no headers", "another secret", "too old", "from the future", "another body", "no number",
         "no letters", "a sign that is not ASCII"],
    )  # fmt: skip
    async def test_what_is_not_signed_is_refused(
        self, bot: ServedBot, fake: FakeSlack, how: str
    ) -> None:
        body = mention()
        right = signed(body)
        headers = {
            "no headers": {},
            "another secret": signed(body, secret="another"),
            "too old": signed(body, at=time.time() - 301),
            "from the future": signed(body, at=time.time() + 400),
            "another body": signed(mention("something else")),
            "no number": right | {"X-Slack-Request-Timestamp": "yesterday"},
            "no letters": right | {"X-Slack-Signature": ""},
            "a sign that is not ASCII": right | {"X-Slack-Signature": "v0=\u00fc"},
        }[how]
        status, text = await post(bot, body, headers)
        assert (status, text) == (401, "")
        await greeted(fake)
        assert answers(fake, CHANNEL) == []

    @pytest.mark.parametrize("body", ["{not json", "[]", "", "payload=%7Bnot", "7"])
    async def test_what_cannot_be_read_ends_nothing(
        self, bot: ServedBot, fake: FakeSlack, body: str
    ) -> None:
        status, _ = await post(bot, body)
        assert status in {404, 500}
        status, _ = await post(bot, body, {})
        assert status == 401
        await greeted(fake)

    async def test_a_body_that_is_too_large(self, bot: ServedBot, fake: FakeSlack) -> None:
        status, _ = await post(bot, "x" * (MAX_BODY_BYTES + 1))
        assert status == 413
        await greeted(fake)

    async def test_a_body_that_never_ends_is_given_up(self, build: Any, fake: FakeSlack) -> None:
        async with served(build(**HTTP, timing=replace(SWIFT, request=0.2))) as bot:
            await self.dawdle(bot, fake)

    async def dawdle(self, bot: ServedBot, fake: FakeSlack) -> None:
        address = str(bot.address).removeprefix("http://")
        host, _, port = address.partition(":")
        reader, writer = await asyncio.open_connection(host, int(port))
        writer.write(b"POST /slack/events HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{")
        await greeted(fake)
        line = await asyncio.wait_for(reader.readline(), PATIENCE_S)
        assert b" 408 " in line
        writer.close()

    async def test_other_paths_and_methods(self, bot: ServedBot) -> None:
        assert (await post(bot, mention(), path="/"))[0] == 404
        assert (await post(bot, mention(), path="/slack/events/more"))[0] == 404
        async with (
            aiohttp.ClientSession() as session,
            session.get(f"{bot.address}/slack/events") as answer,
        ):
            assert answer.status == 405

    async def test_an_event_that_nobody_listens_to_is_taken(self, bot: ServedBot) -> None:
        body = {"type": "event_callback", "team_id": "T1", "event": {"type": "team_rename"}}
        assert (await post(bot, json.dumps(body)))[0] == 200

    async def test_an_event_that_comes_again_is_answered_once(
        self, bot: ServedBot, fake: FakeSlack
    ) -> None:
        for retry in range(4):
            await write(fake, "hello", CHANNEL, ts="5.5", event_id="Ev5", retry=retry)
        await greeted(fake)
        assert len(bot.bench.backend.requests) == 2
        assert len(answers(fake, CHANNEL)) == 1


class TestStartAndStop:
    async def test_without_the_secret(self, build: Any) -> None:
        bot = build(settings={"mode": "http"})
        with pytest.raises(AdapterError, match="SLACK_SIGNING_SECRET"):
            await asyncio.wait_for(bot.adapter.run(bot.bench.core), PATIENCE_S)
        assert list(await bot.adapter.check()) == [
            "Slack over HTTP needs SLACK_SIGNING_SECRET: copy it from Basic Information, App "
            "Credentials."
        ]

    async def test_before_the_bot_is_known_slack_is_told_to_come_again(self, build: Any) -> None:
        bot = build(**HTTP)
        await bot._open_port()
        assert (await post(bot, mention()))[0] == 503
        await bot.kill()

    async def test_a_running_answer_is_ended_before_the_server_is(
        self, build: Any, fake: FakeSlack
    ) -> None:
        bot = build(**HTTP, bench=speaking(tokens_per_s=60))
        await bot.start()
        await write(fake, "long", CHANNEL)
        await begun(fake, CHANNEL)
        await bot.stop()
        assert "shut down" in str(answers(fake, CHANNEL)[-1].blocks)
        assert not bot.adapter.connected

    async def test_a_token_that_is_revoked_while_it_runs(self, build: Any, fake: FakeSlack) -> None:
        bot = build(**HTTP)
        await bot.start()
        await greeted(fake)
        fake.tokens.remove("xoxb-test-bot-token")
        await write(fake, "hello")
        with pytest.raises(AdapterError, match="SLACK_BOT_TOKEN"):
            await asyncio.wait_for(bot.task, PATIENCE_S)
        await bot.bench.core.close()

    async def test_a_long_answer_is_whole(self, build: Any, fake: FakeSlack) -> None:
        async with served(build(**HTTP, bench=speaking())):
            await write(fake, "long", CHANNEL)
            await whole(fake, CHANNEL)
            assert words(fake, DM) == []
