"""What a reply on Slack carries beside its text."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from bot.adapters.slack.outbound.port import ReplySink, make_sink
from bot.adapters.slack.transport.client import Client
from bot.adapters.slack.transport.timing import Timing
from bot.replies.message_sink import UNCONFIRMED
from bot.types import ConversationKey, File, View
from tests.fakes.core import MemoryReplies
from tests.fakes.slack import FakeSlack

KEY = ConversationKey("slack", "T1", "C1", "1700000000.000001")


@pytest.fixture
async def slack() -> AsyncIterator[FakeSlack]:
    async with FakeSlack() as server:
        yield server
        assert server.wrong == []


def _sink(slack: FakeSlack, kept: MemoryReplies) -> ReplySink:
    client = Client(token="xoxb-test-bot-token", base_url=slack.api_url)
    return make_sink(client, kept, KEY, Timing(retry_base=0.01), user="U1")


async def test_a_file_of_an_answer_was_dropped_in_silence(slack: FakeSlack) -> None:
    kept = MemoryReplies()
    file = File("answer.md", b"# The whole answer")
    await _sink(slack, kept).finish(View("t1", text="Short.", pages=("Short.",), files=(file,)))
    assert b"# The whole answer" in next(iter(slack.workspace.files.values()))
    assert kept.saved["t1"].finished


async def test_a_file_that_slack_does_not_take_is_told_of(slack: FakeSlack) -> None:
    slack.fail_next("files.getUploadURLExternal", status=500, times=5)
    file = File("answer.md", b"# The whole answer")
    await _sink(slack, MemoryReplies()).finish(
        View("t1", text="Short.", pages=("Short.",), files=(file,))
    )
    shown = [message.shown for message in slack.workspace.messages.values()]
    assert any("Short." in text for text in shown)
    assert any("answer.md could not be attached" in text for text in shown)


class TestALostAcknowledgement:
    VIEW = View("t1", text="Short.", pages=("Short.",), state="complete")

    async def test_what_stands_there_is_found(self, slack: FakeSlack) -> None:
        slack.fail_next("chat.postMessage", cut=True)
        kept = MemoryReplies()
        await _sink(slack, kept).finish(self.VIEW)
        (message,) = slack.workspace.by("UBOT")
        assert kept.saved["t1"].address["messages"] == message.ts
        assert kept.saved["t1"].finished

    async def test_where_nothing_tells_it_is_said_and_not_repeated(self, slack: FakeSlack) -> None:
        slack.fail_next("conversations.replies", error="missing_scope", times=9)
        slack.fail_next("chat.postMessage", cut=True)
        await _sink(slack, MemoryReplies()).finish(self.VIEW)
        shown = [(m.ephemeral_to, m.shown) for m in slack.workspace.by("UBOT")]
        assert shown == [(None, "Short."), ("U1", UNCONFIRMED.text)]

    async def test_an_unfinished_message_does_not_keep_the_answer_back(
        self, slack: FakeSlack
    ) -> None:
        slack.fail_next("conversations.replies", error="missing_scope", times=9)
        slack.fail_next("chat.postMessage", cut=True)
        sink = _sink(slack, MemoryReplies())
        await sink.start(View("t1", state="working"))
        await sink.finish(self.VIEW)
        assert [m.shown for m in slack.workspace.by("UBOT")][-1] == "Short."
