"""Slack counts a method's calls for the whole workspace: what is shown then, and what is not."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from backends.scripted.backend import ScriptedBackend
from bot.adapters.slack.outbound.port import make_sink
from bot.adapters.slack.transport.client import Client
from bot.replies.draft import Draft
from bot.types import ConversationKey, Text
from tests.fakes.core import MemoryReplies
from tests.fakes.slack import FakeSlack
from tests.fakes.slack.bots import (
    CHANNEL,
    DM,
    SWIFT,
    answers,
    served,
    speaking,
    unfinished,
    write,
)
from tests.fakes.slack.state import Call, Posted

MOST_UPDATES = 50
"""Calls of a method of tier 3 that Slack takes in a minute."""


def refuse_above(fake: FakeSlack, method: str, most: int) -> list[Call]:
    """Have the server refuse calls above its tier; returns those that it refused."""
    refused: list[Call] = []
    answer = fake._answer

    def counted(request: Any, called: str, arguments: Any) -> Any:
        now = fake.calls[-1].at
        recent = [c for c in fake.calls if c.method == method and c.at > now - 60]
        if called == method and len(recent) > most:
            refused.append(fake.calls[-1])
            fake.fail_next(method, status=429, retry_after=30)
        return answer(request, called, arguments)

    fake._answer = counted  # type: ignore[method-assign, assignment]
    return refused


async def ask(fake: FakeSlack, questions: int) -> None:
    for number in range(questions):
        await fake.event({
            "type": "app_mention", "channel": CHANNEL, "user": f"U{number}",
            "ts": f"8000000000.{number:06d}", "text": f"<@UBOT> question {number}",
        })  # fmt: skip


def shown(fake: FakeSlack) -> list[str]:
    return [m.shown for m in answers(fake, CHANNEL) if not unfinished(m)]


async def test_many_answers_at_once_broke_the_tier_and_stood_still(
    build: Any, fake: FakeSlack
) -> None:
    refused = refuse_above(fake, "chat.update", MOST_UPDATES)
    text = " ".join(f"word{n}" for n in range(60))
    backend = ScriptedBackend("default", replies=[text] * 24, tokens_per_s=60)
    async with served(build(bench={"backend": backend})):
        await ask(fake, 24)
        await fake.until(lambda: len(shown(fake)) == 24, "24 answers")
    assert refused == []
    assert all(text in said for said in shown(fake))


async def test_after_a_refusal_old_text_was_sent_again(build: Any, fake: FakeSlack) -> None:
    text = " ".join(f"word{n}" for n in range(300))
    timing = replace(SWIFT, edit_interval=0.25)
    async with served(build(bench=speaking(text, 200), timing=timing)):
        await ask(fake, 1)
        await fake.until(lambda: any("word20" in m.shown for m in answers(fake, CHANNEL)))
        before = len(fake.calls)
        fake.fail_next("chat.update", status=429, retry_after=0.5)
        await fake.until(lambda: len(shown(fake)) == 1, "the answer")
    updates = [c for c in fake.calls[before:] if c.method == "chat.update"]
    words = [str(c.arguments["blocks"]).count("word") for c in updates]
    assert words == sorted(set(words))  # each has more than the one before, the refused one too
    assert len(words) >= 2


async def test_text_only_when_it_is_done(build: Any, fake: FakeSlack) -> None:
    async with served(build(settings={"only_when_done": True}, bench=speaking("word " * 50, 200))):
        await ask(fake, 1)
        await fake.until(lambda: len(shown(fake)) == 1, "the answer")
    posted = [c.arguments for c in fake.calls if c.method in {"chat.postMessage", "chat.update"}]
    assert ["word" in str(a["text"]) for a in posted] == [False, True]


async def test_a_question_is_acknowledged_and_then_marked_as_answered(
    build: Any, fake: FakeSlack
) -> None:
    question = fake.workspace.add(Posted(DM, "9.9", "U1", "hello"))
    async with served(build(settings={"acknowledge": True, "streaming": "off"})):
        await write(fake, "hello", DM, ts="9.9")
        marks = fake.workspace.reactions
        await fake.until(lambda: marks.get((DM, question.ts)) == ["white_check_mark"], "the mark")
    names = [
        (c.method.partition(".")[2], c.arguments["name"])
        for c in fake.calls
        if c.method.startswith("reactions.")
    ]
    assert names == [("add", "eyes"), ("remove", "eyes"), ("add", "white_check_mark")]


async def test_nothing_is_put_to_a_question_unless_the_operator_wants_it(
    build: Any, fake: FakeSlack
) -> None:
    async with served(build()):
        await write(fake, "hello", DM)
        await fake.until(lambda: answers(fake, DM) and not unfinished(answers(fake, DM)[-1]))
    assert not any(c.method.startswith("reactions.") for c in fake.calls)


@pytest.mark.parametrize(("words", "files"), [(1500, 0), (3000, 1)])
def test_an_answer_that_fits_a_message_was_attached_all_the_same(words: int, files: int) -> None:
    key = ConversationKey("slack", "T1", "C1")
    sink = make_sink(Client(), MemoryReplies(), key, SWIFT, user="U1")
    draft = Draft("t1", sink.limits, model=True, file_over_chars=6000)
    draft.add(Text("word " * words))
    draft.end("complete")
    assert len(draft.view().files) == files
