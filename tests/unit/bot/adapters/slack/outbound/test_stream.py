"""Answers that Slack streams: only ever added to, and whole in the end whatever happens."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Iterator, Sequence
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from slack_sdk.http_retry.builtin_async_handlers import AsyncRateLimitErrorRetryHandler

from bot.adapters.background_tasks import BackgroundTasks
from bot.adapters.slack.outbound.agent_status import AgentStatus
from bot.adapters.slack.outbound.port import ReplySink, make_sink
from bot.adapters.slack.outbound.render import (
    CUT_OFF_TEXT,
    MAX_MARKDOWN_CHARS,
    MAX_PAGE_CHARS,
    render_pages,
)
from bot.adapters.slack.outbound.stream import escaped_stable_prefix
from bot.adapters.slack.transport.client import Client
from bot.adapters.slack.transport.timing import Timing
from bot.replies.draft import AFTER_ANSWER, Draft
from bot.replies.reply_options import DefaultReplyOptions
from bot.types import ConversationKey, Limits, Notice, Part, Source, Sources, Status, Text
from tests.fakes.core import MemoryReplies
from tests.fakes.slack import FakeSlack
from tests.fakes.slack.state import Posted
from tests.unit.bot.adapters.slack.outbound.test_render import HOSTILE, pinging

THREAD = "1700000000.000001"
DIRECT = ConversationKey("slack", "T1", "D1", THREAD)
QUICK = Timing(edit_interval=0.0, retry_base=0.01)
CODE = "Look:\n\n```python\n" + "print('<!channel>')\n" * 40 + "```\n\nThat is **all**."


class Desk:
    """Writes answers on one Slack, as one run of the bot."""

    def __init__(self, fake: FakeSlack, *, streaming: bool = True) -> None:
        self.fake = fake
        many = DefaultReplyOptions(edit_share=1000)  # what is shown is looked at, not how often
        self.client = Client(token="xoxb-test-bot-token", base_url=fake.api_url, options=many)
        self.client.retry_handlers.append(AsyncRateLimitErrorRetryHandler(max_retry_count=3))
        self.chores = BackgroundTasks("slack")
        self.agent_status = AgentStatus(
            self.client, self.chores, streaming=streaming, refresh_s=0.02
        )
        self.kept = MemoryReplies()
        self.turns = 0

    def begin(self, place: ConversationKey = DIRECT) -> tuple[ReplySink, Draft]:
        self.turns += 1
        sink = make_sink(
            self.client,
            self.kept,
            place,
            QUICK,
            user="U1",
            agent_status=self.agent_status,
            question="What?",
        )
        draft = Draft(f"t{self.turns}", sink.limits, model=True)
        draft.after = AFTER_ANSWER
        return sink, draft

    async def show(self, sink: ReplySink, draft: Draft, parts: Iterable[Part]) -> None:
        for part in parts:
            draft.add(part)
            await sink.update(draft.view())

    async def write(
        self, parts: Sequence[Part], place: ConversationKey = DIRECT, notice: Notice | None = None
    ) -> None:
        """One answer, from its first part to its end."""
        sink, draft = self.begin(place)
        await sink.start(draft.view())
        await self.show(sink, draft, parts)
        draft.end("complete", notice)
        await sink.finish(draft.view())

    def messages(self) -> list[Posted]:
        return self.fake.workspace.by("UBOT")

    def methods(self, begin: str = "chat.") -> list[str]:
        return [c.method for c in self.fake.calls if c.method.startswith(begin)]


def pieces(text: str, size: int = 31) -> list[Part]:
    return [Text(text[i : i + size]) for i in range(0, len(text), size)]


def without_breaks(text: str) -> str:
    return text.replace("\u200b", "")


@pytest.fixture
async def slack() -> AsyncIterator[FakeSlack]:
    async with FakeSlack() as server:
        server.methods.agent = True
        yield server
        assert server.wrong == []


@pytest.fixture
async def desk(slack: FakeSlack) -> AsyncIterator[Desk]:
    made = Desk(slack)
    yield made
    await made.chores.close()


class TestStreaming:
    async def test_an_answer_is_added_to_and_never_edited(self, desk: Desk) -> None:
        await desk.write(pieces(CODE))
        (message,) = desk.messages()
        assert without_breaks(message.text) == CODE
        assert pinging(message.text) == []
        assert message.thread_ts == THREAD
        assert not message.streaming
        assert {"chat.update", "chat.postMessage"}.isdisjoint(desk.methods())
        assert desk.methods().count("chat.startStream") == 1
        assert desk.methods().count("chat.appendStream") > 15

    async def test_an_open_code_fence_held_the_stream_up(self, desk: Desk) -> None:
        sink, draft = desk.begin()
        await sink.start(draft.view())
        await desk.show(sink, draft, pieces("```\n" + "a line of code\n" * 20))
        (message,) = desk.messages()
        assert message.text.count("a line of code") >= 19

    async def test_buttons_and_sources_come_with_its_end(self, desk: Desk) -> None:
        source = Source(1, "Logs", "https://x.example/logs")
        await desk.write([Text("Rotate [1]."), Sources((source,))])
        (message,) = desk.messages()
        assert [b["type"] for b in message.blocks] == ["context", "actions", "context_actions"]
        assert desk.fake.workspace.sessions["D1", THREAD] == "active"

    async def test_a_notice_is_added_to_the_text(self, desk: Desk) -> None:
        await desk.write(pieces("Half an ans"), notice=Notice("The model is gone.", "error"))
        (message,) = desk.messages()
        assert message.text == "Half an ans\n\n⚠️ The model is gone."
        assert "chat.update" not in desk.methods()

    async def test_thirty_thousand_characters_are_whole_and_in_order(self, desk: Desk) -> None:
        text = " ".join(f"word{n:05}" for n in range(3000))
        await desk.write(pieces(text, 997))
        shown = [m.shown for m in desk.messages()]
        assert [word for page in shown for word in page.split()] == text.split()
        assert max(len(page) for page in shown) <= MAX_MARKDOWN_CHARS
        appended = [c.arguments for c in desk.fake.calls if c.method == "chat.appendStream"]
        assert max(len(a["markdown_text"]) for a in appended) <= 12_000
        assert [bool(m.blocks and m.blocks[-1]["type"] == "context_actions")
                for m in desk.messages()] == [False] * (len(shown) - 1) + [True]  # fmt: skip

    async def test_what_came_at_once_needs_no_stream(self, desk: Desk) -> None:
        sink, draft = desk.begin()
        draft.add(Text("Done."))
        draft.end("complete")
        await sink.start(draft.view())
        await sink.finish(draft.view())
        assert desk.methods() == ["chat.postMessage"]
        assert desk.methods("agents.") == []


def growing(text: str, cuts: Iterable[int]) -> Iterator[list[str]]:
    """The pages of a view while a text grows."""
    draft = Draft("t1", Limits(max_chars=120, edit_interval_s=1.0), model=True)
    last = 0
    for cut in [*sorted({c % (len(text) + 1) for c in cuts}), len(text)]:
        if cut > last:
            draft.add(Text(text[last:cut]))
            last = cut
            yield render_pages(draft.view())


FENCED = st.lists(
    st.sampled_from(("```", "```py\n", "~~~\n", "``", "`", "\n", "  ", "word ", "x", ". "))
    | HOSTILE,
    max_size=40,
).map("".join)


class TestWhatIsAdded:
    @given(FENCED, st.lists(st.integers(min_value=0, max_value=2000), max_size=12))
    @settings(max_examples=100)
    def test_it_is_harmless_at_every_moment(self, text: str, cuts: list[int]) -> None:
        sent: dict[int, str] = {}
        for pages in growing(text, cuts):
            for index, page in enumerate(pages):
                now = escaped_stable_prefix(page) if index == len(pages) - 1 else page
                if now.startswith(sent.get(index, "")):
                    sent[index] = now
        assert [found for page in sent.values() if (found := pinging(page))] == []

    @given(st.text(alphabet="ab \n.<&", max_size=90), st.lists(st.integers(0, 99), max_size=9))
    def test_in_the_end_it_is_a_part_of_the_page(self, text: str, cuts: list[int]) -> None:
        sent, pages = "", [""]
        for pages in growing("Look:\n```\n" + text + "|", cuts):
            if len(pages) == 1 and (now := escaped_stable_prefix(pages[0])).startswith(sent):
                sent = now
        if len(pages) == 1:
            assert pages[0].startswith(sent)
            assert len(sent) > len("Look:")


class TestWhereThereIsNone:
    @pytest.mark.parametrize(
        "place",
        [ConversationKey("slack", "T1", "C1", THREAD), ConversationKey("slack", "T1", "D1")],
        ids=["a channel", "no thread"],
    )
    async def test_it_is_posted_and_edited_with_our_stop(
        self, desk: Desk, place: ConversationKey
    ) -> None:
        sink, draft = desk.begin(place)
        await sink.start(draft.view())
        await desk.show(sink, draft, pieces("Some words. "))
        (message,) = desk.messages()
        assert message.blocks[-1]["elements"][0]["action_id"] == "parlance:stop:0"
        draft.end("complete")
        await sink.finish(draft.view())
        assert message.shown == "Some words."
        assert "chat.startStream" not in desk.methods()

    async def test_switched_off(self, slack: FakeSlack) -> None:
        desk = Desk(slack, streaming=False)
        await desk.write(pieces(CODE))
        assert "chat.startStream" not in desk.methods()
        assert desk.methods("agents.") == []

    @pytest.mark.parametrize(
        "error", ["not_allowed_token_type", "missing_scope", "unknown_method", "no_permission"]
    )
    async def test_an_app_that_may_not_is_refused_once(self, desk: Desk, error: str) -> None:
        desk.fake.methods.streaming_refusal = error
        await desk.write(pieces(CODE))
        await desk.write(pieces(CODE))
        assert [without_breaks(m.shown) for m in desk.messages()] == [CODE, CODE]
        assert desk.methods().count("chat.startStream") == 1
        assert desk.fake.workspace.sessions["D1", THREAD] == "active"

    async def test_a_refusal_of_one_thread_is_not_one_of_the_app(self, desk: Desk) -> None:
        desk.fake.fail_next("chat.startStream", error="channel_type_not_supported")
        await desk.write(pieces(CODE))
        await desk.write(pieces(CODE))
        assert [m.streamed for m in desk.messages()] == [False, True]

    async def test_an_app_that_is_no_agent_is_asked_once(self, slack: FakeSlack) -> None:
        slack.methods.agent = False
        desk = Desk(slack)
        await desk.write(pieces(CODE))
        await desk.write(pieces(CODE))
        assert [without_breaks(m.shown) for m in desk.messages()] == [CODE, CODE]
        assert desk.methods("agents.") == ["agents.sessions.setStatus"]
        assert desk.methods("assistant.") == []

    async def test_an_app_that_would_not_hear_of_stop(self, slack: FakeSlack) -> None:
        slack.methods.hears_stop = False
        desk = Desk(slack)
        sink, draft = desk.begin()
        await sink.start(draft.view())
        (message,) = desk.messages()
        assert message.blocks[-1]["elements"][0]["action_id"] == "parlance:stop:0"
        assert slack.workspace.sessions["D1", THREAD] == "active"


class TestTrouble:
    async def test_a_stream_that_died_goes_on_as_an_edited_message(self, desk: Desk) -> None:
        sink, draft = desk.begin()
        await sink.start(draft.view())
        await desk.show(sink, draft, pieces(CODE[:100]))
        (message,) = desk.messages()
        message.streaming = False  # Slack ends a stream after some minutes
        await desk.show(sink, draft, pieces(CODE[100:200]))
        assert without_breaks(message.shown).startswith(CODE[:190].rstrip())
        assert message.blocks[-1]["elements"][0]["action_id"] == "parlance:stop:0"
        await desk.show(sink, draft, pieces(CODE[200:]))
        draft.end("complete")
        await sink.finish(draft.view())
        assert desk.messages() == [message]
        assert without_breaks(message.shown) == CODE

    async def test_a_stream_that_died_before_its_end(self, desk: Desk) -> None:
        sink, draft = desk.begin()
        await sink.start(draft.view())
        await desk.show(sink, draft, pieces(CODE))
        (message,) = desk.messages()
        message.streaming = False
        draft.end("complete")
        await sink.finish(draft.view())
        assert without_breaks(message.shown) == CODE
        assert message.blocks[-1]["type"] == "context_actions"

    async def test_after_slacks_stop_nothing_is_added(self, desk: Desk) -> None:
        sink, draft = desk.begin()
        await sink.start(draft.view())
        await desk.show(sink, draft, pieces("One two three "))
        (message,) = desk.messages()
        message.streaming, message.stopped = False, True
        calls = len(desk.methods())
        await desk.show(sink, draft, pieces("four five six"))
        assert desk.methods()[calls:] == ["chat.appendStream"]
        draft.end("cancelled", Notice("Stopped by Ada."), again=True)
        await sink.finish(draft.view())
        assert message.shown.endswith("six\n\nStopped by Ada.")

    @pytest.mark.parametrize("method", ["chat.startStream", "chat.appendStream", "chat.stopStream"])
    async def test_too_many_calls_wait_as_long_as_slack_says(self, desk: Desk, method: str) -> None:
        desk.fake.fail_next(method, status=429, retry_after=0, times=1)
        await desk.write(pieces(CODE))
        (message,) = desk.messages()
        assert without_breaks(message.text) == CODE
        assert message.streamed

    @pytest.mark.parametrize("method", ["chat.appendStream", "chat.stopStream", "chat.update"])
    async def test_a_slack_that_stumbles_gets_it_all_the_same(
        self, desk: Desk, method: str
    ) -> None:
        desk.fake.fail_next(method, status=500, times=3)
        await desk.write(pieces(CODE))
        assert [without_breaks(m.shown) for m in desk.messages()] == [CODE]

    async def test_a_message_that_somebody_deleted_comes_anew(self, desk: Desk) -> None:
        sink, draft = desk.begin()
        await sink.start(draft.view())
        await desk.show(sink, draft, pieces(CODE[:60]))
        desk.messages()[0].deleted = True
        await desk.show(sink, draft, pieces(CODE[60:]))
        draft.end("complete")
        await sink.finish(draft.view())
        assert [without_breaks(m.shown) for m in desk.messages()] == [CODE]

    async def test_a_deleted_question_takes_the_stream_along(self, desk: Desk) -> None:
        sink, draft = desk.begin()
        await sink.start(draft.view())
        await desk.show(sink, draft, pieces(CODE[:60]))
        draft.withdraw()
        await sink.finish(draft.view())
        assert desk.messages() == []
        assert desk.fake.workspace.sessions["D1", THREAD] == "active"

    async def test_a_restart_finds_what_was_begun(self, desk: Desk) -> None:
        sink, draft = desk.begin()
        draft.add(Status("loading"))
        await sink.start(draft.view())
        assert desk.kept.saved["t1"].address == {"channel": "D1", "messages": "", "thread": THREAD}
        await desk.show(sink, draft, pieces(CODE[:60]))
        (message,) = desk.messages()
        assert desk.kept.saved["t1"].address == {"channel": "D1", "messages": message.ts}
        assert not desk.kept.saved["t1"].finished


class TestFeedback:
    async def test_where_slack_does_not_take_its_buttons_ours_stand(self, desk: Desk) -> None:
        desk.fake.methods.feedback = False
        await desk.write(pieces("One."))
        await desk.write(pieces("Two."))
        names = [
            [e["action_id"].split(":")[1] for e in m.blocks[-1]["elements"]]
            for m in desk.messages()
        ]
        assert names == [["regenerate", "good", "bad", "why"]] * 2
        assert desk.methods().count("chat.stopStream") == 3

    @pytest.mark.parametrize("method", ["chat.postMessage", "chat.update"])
    async def test_markdown_that_slack_stumbles_over_lost_the_answer(
        self, desk: Desk, method: str
    ) -> None:
        desk.fake.fail_next(method, error="invalid_blocks", times=2)
        await desk.write(pieces("| a | b |\n"), TestTheEnd.CHANNEL)
        assert [m.shown for m in desk.messages()] == ["| a | b |"]

    async def test_other_mistakes_in_blocks_are_not_taken_for_it(self, desk: Desk) -> None:
        desk.fake.fail_next("chat.stopStream", error="invalid_blocks", times=2)
        await desk.write(pieces("One."))
        assert desk.agent_status.is_available("feedback")
        assert [m.shown for m in desk.messages()] == ["One."]


class TestTheEnd:
    CHANNEL = ConversationKey("slack", "T1", "C1", THREAD)

    async def _lost(self, desk: Desk, text: str) -> list[Posted]:
        sink, draft = desk.begin(self.CHANNEL)
        await sink.start(draft.view())
        await desk.show(sink, draft, pieces(text[:80], 40))
        desk.fake.fail_next("chat.postMessage", status=500, times=QUICK.attempts * 3)
        desk.fake.fail_next("chat.update", status=500, times=QUICK.attempts + 1)
        await desk.show(sink, draft, [Text(text[80:])])
        draft.end("complete")
        await sink.finish(draft.view())
        return desk.messages()

    async def test_an_old_message_was_left_to_pass_for_the_answer(self, desk: Desk) -> None:
        (message,) = await self._lost(desk, "Words. " * 40)
        assert message.shown.endswith(CUT_OFF_TEXT)
        assert [b["type"] for b in message.blocks] == ["markdown"]
        assert not desk.kept.saved["t1"].finished

    async def test_half_of_the_pages_were_left_to_pass_for_all(self, desk: Desk) -> None:
        (message,) = await self._lost(desk, "Words. " * (MAX_PAGE_CHARS // 5))
        assert message.shown.endswith(CUT_OFF_TEXT)

    async def test_pages_came_out_of_order_after_an_edit_that_failed(self, desk: Desk) -> None:
        text = " ".join(f"word{n:05}" for n in range(3000))
        sink, draft = desk.begin(self.CHANNEL)
        await sink.start(draft.view())
        await desk.show(sink, draft, pieces(text[:24_000], 6000))
        assert len(desk.messages()) == 3
        await desk.show(sink, draft, [Text(text[24_000:])])
        desk.fake.fail_next("chat.update", error="edit_window_closed", times=9)
        draft.end("complete", Notice("Noted."))
        await sink.finish(draft.view())
        shown = " ".join(m.shown for m in desk.messages())
        assert [w for w in shown.split() if w.startswith("word")] == text.split()


class TestEphemeralMessages:
    async def _tell(self, desk: Desk, place: ConversationKey, **more: Any) -> None:
        sink = make_sink(desk.client, desk.kept, place, QUICK, user="U1", lazy=True)
        draft = Draft("t9", sink.limits)
        draft.end("complete", Notice("**Model**: default\n**Times**: reading 0.1 s", private=True))
        await sink.start(draft.view())
        await sink.finish(draft.view())

    async def test_in_a_channel_only_the_asker_sees_it(self, desk: Desk) -> None:
        await self._tell(desk, TestTheEnd.CHANNEL)
        (message,) = desk.messages()
        assert message.ephemeral_to == "U1"
        assert message.shown == "**Model**: default\n**Times**: reading 0.1 s"

    async def test_a_whisper_in_a_direct_conversation_was_gone_with_the_next_look(
        self, desk: Desk
    ) -> None:
        await self._tell(desk, DIRECT)
        (message,) = desk.messages()
        assert message.ephemeral_to is None
        assert message.thread_ts == THREAD

    async def test_where_we_are_not_in_the_channel_it_comes_directly(self, desk: Desk) -> None:
        desk.fake.fail_next("chat.postEphemeral", error="not_in_channel")
        await self._tell(desk, TestTheEnd.CHANNEL)
        (message,) = desk.messages()
        assert message.channel == "U1"
