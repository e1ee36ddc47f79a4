"""What happens to an answer when Slack fails: it arrives all the same, once, and whole."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import yaml
from slack_sdk.web.async_client import AsyncWebClient

from bot.adapters.discord import DiscordAdapter
from bot.adapters.slack import SlackAdapter
from bot.adapters.slack.outbound.unconfirmed_posts import metadata_of
from bot.adapters.slack.transport.tokens import TokenWatch
from bot.app import App, open_app
from bot.config.platforms import DiscordSettings, SlackSettings
from bot.errors import AdapterError
from bot.installation import Installation
from bot.replies.protocol import Reply
from bot.types import ConversationKey
from tests.fakes.discord import TOKEN, FakeDiscord
from tests.fakes.discord.running import QUICK
from tests.fakes.discord.state import DM as DISCORD_DM
from tests.fakes.slack import FakeSlack
from tests.fakes.slack.bots import (
    ADA,
    APP_TOKEN,
    BOT_TOKEN,
    CHANNEL,
    DM,
    PRIVATE,
    SWIFT,
    ServedBot,
    answers,
    begun,
    greeted,
    served,
    speaking,
    unfinished,
    whole,
    words,
    write,
)
from tests.fakes.slack.state import Posted
from tests.scenarios.harness import House
from tests.scenarios.on_slack import SlackDriver
from tests.unit.bot.adapters.slack.transport.test_socket_mode import PAGES
from tests.until import PATIENCE_S


class TestRateLimits:
    @pytest.mark.parametrize("method", ["chat.update", "chat.postMessage"])
    async def test_they_delay_and_lose_nothing(
        self, build: Any, fake: FakeSlack, method: str
    ) -> None:
        fake.fail_next(method, status=429, retry_after=0.05, times=3)
        async with served(build(bench=speaking())):
            await write(fake, "long", CHANNEL)
            await whole(fake, CHANNEL)
            assert len(answers(fake, CHANNEL)) == 1

    async def test_no_call_is_made_before_slack_allows_it(
        self, build: Any, fake: FakeSlack
    ) -> None:
        fake.fail_next("chat.update", status=429, retry_after=0.3)
        async with served(build(bench=speaking())):
            await write(fake, "long", CHANNEL)
            await whole(fake, CHANNEL)
        first, second = [c.at for c in fake.calls if c.method == "chat.update"][:2]
        assert second - first >= 0.3

    @pytest.mark.parametrize("header", [None, 0.01, -1])
    async def test_a_header_of_another_kind(
        self, build: Any, fake: FakeSlack, header: float | None
    ) -> None:
        fake.fail_next("chat.postMessage", status=429, retry_after=header)
        async with served(build()):
            await greeted(fake)

    async def test_more_of_them_than_one_call_waits_for(self, build: Any, fake: FakeSlack) -> None:
        fake.fail_next("chat.update", status=429, retry_after=0, times=10)
        async with served(build(bench=speaking())):
            await write(fake, "long", CHANNEL)
            await whole(fake, CHANNEL)

    async def test_a_message_is_edited_no_faster_than_its_clock(
        self, build: Any, fake: FakeSlack
    ) -> None:
        interval = 0.2
        timing = replace(SWIFT, edit_interval=interval)
        async with served(build(bench=speaking(tokens_per_s=200), timing=timing)):
            await write(fake, "long", CHANNEL)
            await whole(fake, CHANNEL)
        (message,) = answers(fake, CHANNEL)
        gaps = [b - a for a, b in pairwise(message.edits)]
        assert len(gaps) > 2
        assert all(gap > interval * 0.8 for gap in gaps[:-1]), gaps  # the end comes at once


class TestSends:
    @pytest.mark.parametrize("status", [500, 503])
    @pytest.mark.parametrize("method", ["chat.update", "chat.postMessage"])
    async def test_one_that_fails_is_tried_again(
        self, build: Any, fake: FakeSlack, method: str, status: int
    ) -> None:
        fake.fail_next(method, status=status, times=2)
        async with served(build(bench=speaking())):
            await write(fake, "long", CHANNEL)
            await whole(fake, CHANNEL)

    @pytest.mark.parametrize("page", PAGES[:2])
    @pytest.mark.parametrize("method", ["chat.update", "chat.postMessage"])
    async def test_one_that_something_else_answers_is_tried_again(
        self, build: Any, fake: FakeSlack, method: str, page: tuple[str, str]
    ) -> None:
        fake.fail_next(method, page=page, times=2)
        async with served(build(bench=speaking())):
            await write(fake, "long", CHANNEL)
            await whole(fake, CHANNEL)

    async def test_edits_that_fail_for_good_are_made_good_by_new_messages(
        self, build: Any, fake: FakeSlack
    ) -> None:
        fake.fail_next("chat.update", status=503, times=1000)
        async with served(build(bench=speaking())):
            await write(fake, "long", CHANNEL)
            await whole(fake, CHANNEL)

    async def test_a_message_deleted_under_an_edit_comes_again_at_the_end(
        self, build: Any, fake: FakeSlack
    ) -> None:
        async with served(build(bench=speaking())):
            await write(fake, "long", CHANNEL)
            (await begun(fake, CHANNEL)).deleted = True
            await whole(fake, CHANNEL)
            assert any(c.method == "chat.update" for c in fake.calls)

    async def test_an_answer_that_never_gets_out_is_told_of_after_the_next_start(
        self, build: Any, fake: FakeSlack
    ) -> None:
        first = build(bench=speaking(), timing=replace(SWIFT, attempts=2))
        await first.start()
        await write(fake, "long", CHANNEL)
        await begun(fake, CHANNEL)
        fake.fail_next("chat\\.(update|postMessage)", status=503, times=40)
        await fake.until(lambda: not first.bench.core.intake._starter._tasks, "given up")
        fake._faults.clear()
        await first.stop()
        await self.told(build, fake, first)

    async def test_a_token_that_expires_in_mid_answer(self, build: Any, fake: FakeSlack) -> None:
        first = build(bench=speaking(tokens_per_s=200))
        await first.start()
        await write(fake, "long", CHANNEL)
        await begun(fake, CHANNEL)
        fake.tokens.remove(BOT_TOKEN)
        with pytest.raises(AdapterError, match="SLACK_BOT_TOKEN"):
            await asyncio.wait_for(first.task, PATIENCE_S)
        await first.bench.core.close()
        fake.tokens.add("xoxb-new")
        await self.told(build, fake, first, bot_token="xoxb-new")

    async def told(self, build: Any, fake: FakeSlack, first: ServedBot, **more: Any) -> None:
        second = build(**more)
        for reply in first.bench.core.replies.saved.values():  # type: ignore[attr-defined]
            await second.bench.core.replies.save(reply)
        async with served(second):
            message = await fake.until(
                lambda: next((m for m in answers(fake) if "interrupted" in m.shown), None)
            )
            assert "word0" in message.shown
            assert not unfinished(message)


class TestLostAcknowledgements:
    """Slack does what it is asked, and the connection is cut before its answer."""

    @pytest.mark.parametrize("place", [CHANNEL, DM])
    async def test_a_message_was_posted_twice(
        self, build: Any, fake: FakeSlack, place: str
    ) -> None:
        fake.fail_next("chat.postMessage", cut=True)
        async with served(build(settings={"streaming": "off"}, bench=speaking())):
            await write(fake, "long", place)
            await whole(fake, place)
        assert len(answers(fake, place)) == 1

    async def test_the_last_words_were_posted_twice(self, build: Any, fake: FakeSlack) -> None:
        text = " ".join(f"word{n:05}" for n in range(2000))  # two messages
        async with served(build(bench=speaking(text, 20_000))):
            fake.fail_next("chat.postMessage", cut=True, times=2)
            await write(fake, "long", CHANNEL)
            await whole(fake, CHANNEL, text)
        assert len(answers(fake, CHANNEL)) == 2

    async def test_one_that_did_not_arrive_is_posted_again(
        self, build: Any, fake: FakeSlack
    ) -> None:
        fake.fail_next("chat.postMessage", status=500, times=2)
        async with served(build(bench=speaking())):
            await write(fake, "long", CHANNEL)
            await whole(fake, CHANNEL)
        assert len(answers(fake, CHANNEL)) == 1


class TestDoubles:
    """One question reaches us several times: as two kinds of event, again, after a restart."""

    async def test_three_redeliveries_of_one_event(
        self, served_bot: ServedBot, fake: FakeSlack
    ) -> None:
        for retry in range(4):
            await write(fake, "hello", CHANNEL, ts="5.5", event_id="Ev5", retry=retry)
        await greeted(fake)
        assert len(served_bot.bench.backend.requests) == 2
        assert len(answers(fake, CHANNEL)) == 1

    async def test_one_that_comes_while_the_answer_is_written_over_another_connection(
        self, build: Any, fake: FakeSlack
    ) -> None:
        async with served(build(bench=speaking())) as bot:
            await write(fake, "long", CHANNEL, ts="5.5", event_id="Ev5")
            await begun(fake, CHANNEL)
            await fake.drop_sockets()
            await fake.until(lambda: fake.connections == 2)
            await write(fake, "long", CHANNEL, ts="5.5", event_id="Ev5", retry=1)
            await whole(fake, CHANNEL)
            assert len(bot.bench.backend.requests) == 1

    async def test_a_mention_is_also_a_message(
        self, served_bot: ServedBot, fake: FakeSlack
    ) -> None:
        event = {"channel": CHANNEL, "user": ADA, "ts": "6.6", "text": "<@UBOT> hello"}
        for _ in range(2):
            await fake.event({**event, "type": "message", "channel_type": "channel"})
            await fake.event({**event, "type": "app_mention"})
        await greeted(fake)
        assert len(answers(fake, CHANNEL)) == 1
        assert len(served_bot.bench.backend.requests) == 2

    async def test_after_a_restart_on_the_same_database(self, tmp_path: Path) -> None:
        driver = await SlackDriver().open()
        house = House(tmp_path, driver)
        try:
            await house.start()
            mention = {"channel": CHANNEL, "user": ADA, "ts": "6.6", "text": "<@UBOT> hello"}
            said = {**mention, "type": "message", "channel_type": "channel"}
            for retry in range(2):
                await self.both(driver.fake, mention, said, retry)
            await house.reads("You said: hello")
            await house.restart()
            for retry in (2, 3):
                await self.both(driver.fake, mention, said, retry)
            await driver.mention("and now?")
            await house.reads("You said: and now?")
            assert house.text.count("You said: hello") == 1
            assert len(house.model.requests) == 1  # those of this run
        finally:
            await house.stop()
            await driver.close()

    async def both(
        self, fake: FakeSlack, mention: dict[str, Any], said: dict[str, Any], retry: int
    ) -> None:
        await fake.event({**mention, "type": "app_mention"}, event_id="Ev1", retry=retry)
        await fake.event(said, event_id="Ev2", retry=retry)


class TestRepair:
    """An answer that was being written when the process ended."""

    @pytest.fixture
    def cut(self, fake: FakeSlack) -> Any:
        """Leaves an unfinished answer behind: `cut(place, thread)`."""

        def leave(channel: str, thread: str | None = "4.4") -> tuple[Posted, Reply]:
            blocks: list[dict[str, Any]] = [
                {"type": "markdown", "text": "word0 word1"},
                {"type": "context", "elements": [{"type": "mrkdwn", "text": "⏳ writing …"}]},
                {"type": "actions", "elements": [{"action_id": "parlance:stop:0", "type": "x"}]},
            ]
            ts = fake.workspace.ts()
            message = Posted(channel, ts, "UBOT", "word0", blocks, thread)
            fake.workspace.add(message)
            key = ConversationKey("slack", "T1", channel, thread)
            address = {"channel": channel, "messages": f"1.1,{ts}"}
            return message, Reply("t1", "slack", str(key), address)

        return leave

    async def repaired(self, build: Any, fake: FakeSlack, reply: Reply, **more: Any) -> None:
        bot = build(**more)
        await bot.bench.core.replies.save(reply)
        async with served(bot):
            replies = bot.bench.core.replies
            await fake.until(lambda: replies.saved["t1"].finished, "repaired")

    @pytest.mark.parametrize("thread", ["4.4", None])
    @pytest.mark.parametrize("channel", [CHANNEL, PRIVATE, DM])
    async def test_it_says_so_and_keeps_what_was_written(
        self, build: Any, fake: FakeSlack, cut: Any, channel: str, thread: str | None
    ) -> None:
        message, reply = cut(channel, thread)
        await self.repaired(build, fake, reply)
        assert "word0 word1" in message.shown
        assert "interrupted by a restart" in message.shown
        assert not unfinished(message)
        assert "parlance:regenerate" in str(message.blocks)
        assert len(answers(fake)) == 1

    @pytest.mark.parametrize("channel", [CHANNEL, PRIVATE, DM])
    @pytest.mark.parametrize(
        ("method", "error"),
        [
            ("conversations.replies", "missing_scope"),
            ("conversations.replies", "channel_not_found"),
            ("chat.update", "cant_update_message"),
            ("chat.update", "edit_window_closed"),
            ("chat.update", "invalid_blocks"),
        ],
    )
    async def test_where_it_may_not_be_read_or_changed_the_note_comes_beside(
        self, build: Any, fake: FakeSlack, cut: Any, channel: str, method: str, error: str
    ) -> None:
        message, reply = cut(channel)
        fake.fail_next(method, error=error)
        await self.repaired(build, fake, reply)
        note = answers(fake)[-1]
        assert note is not message
        assert "interrupted by a restart" in note.shown
        assert note.thread_ts == "4.4"
        assert "parlance:regenerate" in str(note.blocks)
        assert "word0 word1" in message.shown

    async def test_a_stream_is_ended_with_it(self, build: Any, fake: FakeSlack, cut: Any) -> None:
        message, reply = cut(DM)
        message.streaming = message.streamed = True
        message.text, message.blocks = "word0 word1", []
        await self.repaired(build, fake, reply)
        assert message.shown.startswith("word0 word1")
        assert "interrupted by a restart" in message.shown
        assert not message.streaming
        assert len(answers(fake)) == 1

    async def test_a_status_line_alone_is_followed_by_the_note(
        self, build: Any, fake: FakeSlack
    ) -> None:
        fake.methods.agent = True
        fake.workspace.sessions[DM, "4.4"] = "processing"
        key = ConversationKey("slack", "T1", DM, "4.4")
        address = {"channel": DM, "messages": "", "thread": "4.4"}
        await self.repaired(build, fake, Reply("t1", "slack", str(key), address))
        (note,) = answers(fake)
        assert note.thread_ts == "4.4"
        assert "interrupted by a restart" in note.shown
        assert fake.workspace.sessions[DM, "4.4"] == "active"

    @pytest.mark.parametrize("thread", ["4.4", None])
    async def test_one_whose_message_was_not_noted_is_found_by_its_metadata(
        self, build: Any, fake: FakeSlack, cut: Any, thread: str | None
    ) -> None:
        """The process died between the post and the note of it: the message went on saying that
        something was being written, beside another one that said the opposite."""
        message, reply = cut(CHANNEL, thread)
        message.metadata = metadata_of("t1", "a key")
        await self.repaired(build, fake, replace(reply, address={}))
        assert "interrupted by a restart" in message.shown
        assert not unfinished(message)
        assert len(answers(fake)) == 1

    async def test_one_that_was_deleted_is_let_go(
        self, build: Any, fake: FakeSlack, cut: Any
    ) -> None:
        message, reply = cut(CHANNEL)
        message.deleted = True
        await self.repaired(build, fake, reply)
        assert answers(fake) == []

    @pytest.mark.parametrize("status", [500, 503])
    @pytest.mark.parametrize("method", ["conversations.replies", "chat.update"])
    async def test_a_slack_that_is_down_is_asked_again(
        self, build: Any, fake: FakeSlack, cut: Any, method: str, status: int
    ) -> None:
        message, reply = cut(CHANNEL)
        fake.fail_next(method, status=status, times=2)
        await self.repaired(build, fake, reply)
        assert "interrupted by a restart" in message.shown
        assert len(answers(fake)) == 1

    async def test_one_that_could_not_be_repaired_is_tried_at_the_next_start(
        self, build: Any, fake: FakeSlack, cut: Any
    ) -> None:
        message, reply = cut(CHANNEL)
        fake.fail_next("conversations.replies", status=503, times=2)
        bot = build(timing=replace(SWIFT, attempts=2))
        await bot.bench.core.replies.save(reply)
        async with served(bot):
            await fake.until(
                lambda: len([c for c in fake.calls if c.method == "conversations.replies"]) == 2,
            )
            await greeted(fake)
            assert not bot.bench.core.replies.saved["t1"].finished
        await self.repaired(build, fake, reply)
        assert "interrupted by a restart" in message.shown


class Crashing(SlackAdapter):
    """Has a bug that shows in its first two runs, once it is connected."""

    fake: FakeSlack
    crashes = 0

    async def _until_refused(self, watch: TokenWatch, client: AsyncWebClient) -> None:
        if self.crashes < 2:
            self.crashes += 1
            await self.fake.until(lambda: self.fake.connections == self.crashes)
            raise KeyError("a bug")
        await super()._until_refused(watch, client)


class TestTheOtherPlatform:
    @pytest.mark.parametrize("when", ["at the start", "while it runs"])
    async def test_it_goes_on_when_slack_refuses_the_token(
        self, fake: FakeSlack, tmp_path: Path, when: str
    ) -> None:
        if when == "at the start":
            fake.tokens.remove(BOT_TOKEN)
        await self.opened(tmp_path, fake, self.both)

    async def test_it_goes_on_while_slack_crashes_and_begins_again(
        self, fake: FakeSlack, tmp_path: Path
    ) -> None:
        await self.opened(tmp_path, fake, self.crashing)

    async def opened(
        self,
        folder: Path,
        fake: FakeSlack,
        story: Callable[[App, FakeSlack, FakeDiscord, Path], Awaitable[None]],
    ) -> None:
        app_config = {
            "data_dir": str(folder / "data"),
            "models": {"default": {"backend": "scripted"}, "embedder": {"backend": "scripted"}},
            "embedder": "embedder",
            "knowledge": {"bases": {}},
        }
        path = folder / "config.yaml"
        await asyncio.to_thread(path.write_text, yaml.safe_dump(app_config))
        discord = FakeDiscord()
        async with discord:
            with discord.address():
                here = await asyncio.to_thread(Installation.read, path)
                async with open_app(here) as app:
                    await story(app, fake, discord, folder)
            assert discord.wrong == []

    async def crashing(self, app: App, fake: FakeSlack, discord: FakeDiscord, folder: Path) -> None:
        config = app.installation.config
        slack = Crashing(
            config.section(SlackSettings), BOT_TOKEN, APP_TOKEN, timing=SWIFT, base_url=fake.api_url
        )
        slack.fake = fake
        other = DiscordAdapter(config.section(DiscordSettings), TOKEN, folder, QUICK)
        serving = asyncio.create_task(replace(app, restart_pause_s=0.02).serve([other, slack]))
        await discord.until(discord.gateway.ready.is_set, "Discord is there")
        await fake.until(lambda: fake.connections == 3)
        await greeted(fake)
        await discord.say("hello", channel=DISCORD_DM)
        await discord.until(
            lambda: [m for m in discord.from_bot(DISCORD_DM) if "You said" in m["content"]],
            "an answer on Discord",
        )
        assert discord.gateway.identifies == 1
        serving.cancel()
        await asyncio.gather(serving, return_exceptions=True)

    async def both(self, app: App, fake: FakeSlack, discord: FakeDiscord, folder: Path) -> None:
        config = app.installation.config
        slack = SlackAdapter(
            config.section(SlackSettings), BOT_TOKEN, APP_TOKEN, timing=SWIFT, base_url=fake.api_url
        )
        other = DiscordAdapter(config.section(DiscordSettings), TOKEN, folder, QUICK)
        serving = asyncio.create_task(app.serve([slack, other]))
        await discord.until(discord.gateway.ready.is_set, "Discord is there")
        if BOT_TOKEN in fake.tokens:
            await fake.until(lambda: fake.connections == 1)
            await greeted(fake)
            fake.tokens.remove(BOT_TOKEN)
            await write(fake, "and now?")
        await fake.until(
            lambda: "adapter slack" not in {t.get_name() for t in asyncio.all_tasks()},
            "Slack is given up",
        )
        await discord.say("hello", channel=DISCORD_DM)
        await discord.until(
            lambda: [m for m in discord.from_bot(DISCORD_DM) if "You said" in m["content"]],
            "an answer on Discord",
        )
        assert not serving.done()
        serving.cancel()
        await asyncio.gather(serving, return_exceptions=True)


async def test_words_come_in_order_over_slow_edits(build: Any, fake: FakeSlack) -> None:
    async with served(build(bench=speaking(tokens_per_s=2000))):
        await write(fake, "long", DM)
        await whole(fake, DM)
        assert words(fake)[0] == "word0"
