"""What happens to an answer when Discord fails: it arrives all the same, once, and whole."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from typing import Any

import pytest

from backends.scripted.backend import ScriptedBackend
from tests.fakes.discord import FakeDiscord
from tests.fakes.discord.running import QUICK, Bot, running
from tests.fakes.discord.state import CHANNEL, DM, Json
from tests.unit.bot.adapters.discord.inbound.test_messages import finished

WORDS = " ".join(f"word{n}" for n in range(300))


def speaking(text: str = WORDS, tokens_per_s: float = 1_500) -> dict[str, ScriptedBackend]:
    return {"backend": ScriptedBackend("default", replies=[text], tokens_per_s=tokens_per_s)}


def shown(fake: FakeDiscord, channel: int | None = None) -> str:
    return "\n".join(m["content"] for m in fake.from_bot(channel))


def whole(fake: FakeDiscord, text: str = WORDS, channel: int | None = None) -> bool:
    """Whether the answer is there to its last word, each word once and in order."""
    words = shown(fake, channel).split()
    return [w for w in words if w.startswith("word")] == text.split()


async def begun(fake: FakeDiscord) -> Json:
    found: list[Json] = await fake.until(
        lambda: [m for m in fake.from_bot() if "word" in m["content"]]
    )
    return found[0]


async def test_rate_limits_on_edits_delay_and_lose_nothing(make: Any, fake: FakeDiscord) -> None:
    fake.fail_next("PATCH", "/messages/", 429, retry_after=0.1, times=3)
    async with running(make(bench=speaking())):
        await fake.say("long", mention=True)
        await fake.until(lambda: finished(fake))
        assert whole(fake)


async def test_a_message_is_edited_no_faster_than_its_clock(make: Any, fake: FakeDiscord) -> None:
    interval = 0.25
    timing = replace(QUICK, edit_interval=interval)
    async with running(make(bench=speaking(), timing=timing)):
        await fake.say("long", mention=True)
        await fake.until(lambda: finished(fake))
        for message in fake.from_bot():
            gaps = [b - a for a, b in pairwise(message.get("edits", []))]
            assert all(gap > interval * 0.8 for gap in gaps[:-1]), gaps  # the end comes at once
        assert whole(fake)


@pytest.mark.parametrize("status", [500, 503])
async def test_a_send_that_fails_is_tried_again(make: Any, fake: FakeDiscord, status: int) -> None:
    fake.fail_next("POST", "/messages$", status)
    async with running(make(bench=speaking())):
        await fake.say("long", channel=DM)
        await fake.until(lambda: finished(fake))
        assert whole(fake)


async def test_a_send_that_was_made_and_reported_as_failed_appears_once(
    make: Any, fake: FakeDiscord
) -> None:
    fake.fail_next("POST", "/messages$", 500, after=True)
    async with running(make(bench=speaking())):
        await fake.say("long", channel=DM)
        await fake.until(lambda: finished(fake))
        assert whole(fake)
        assert len(fake.from_bot(DM)) == 2


async def test_edits_that_fail_for_good_are_made_good_by_new_messages(
    make: Any, fake: FakeDiscord
) -> None:
    fake.fail_next("PATCH", "/messages/", 503, times=1000)
    async with running(make(bench=speaking())):
        await fake.say("long", channel=DM)
        await fake.until(lambda: finished(fake) and whole(fake))


async def test_a_ban_without_via_is_waited_out(make: Any, fake: FakeDiscord) -> None:
    fake.fail_next("PATCH", "/messages/", 429, via=False, times=1000)
    fake.fail_next("POST", "/messages$", 429, via=False, times=2)
    async with running(make(bench=speaking())):
        await fake.say("long", channel=DM)
        await fake.until(lambda: finished(fake) and whole(fake))


async def test_a_message_that_is_gone_though_nobody_deleted_it_comes_again_at_the_end(
    make: Any, fake: FakeDiscord
) -> None:
    async with running(make(bench=speaking())):
        await fake.say("long", mention=True)
        del fake.world.messages[int((await begun(fake))["id"])]
        await fake.until(lambda: finished(fake))
        assert whole(fake)


async def test_a_closed_thread_sends_the_answer_to_its_channel(
    make: Any, fake: FakeDiscord
) -> None:
    async with running(make(bench=speaking())):
        thread = await fake.say("long", mention=True)
        await begun(fake)
        fake.world.closed_channels.add(thread)
        await fake.until(lambda: finished(fake, CHANNEL))
        assert whole(fake, channel=CHANNEL)


async def test_where_it_may_not_write_the_person_hears_it_directly(
    make: Any, fake: FakeDiscord
) -> None:
    async with running(make()):
        fake.world.closed_channels.add(CHANNEL)
        await fake.command("paint", {"what": "x"})
        await fake.until(lambda: "x in red" in shown(fake))
        fake.fail_next("POST", "/threads$", 403)
        await fake.say("hello", mention=True)
        await fake.until(lambda: finished(fake, DM))
        reason, *_ = fake.from_bot(DM)
        assert reason["content"] == f"I may not write in <#{CHANNEL}>, so I answer here."


async def test_an_old_form_of_a_message_was_left_to_pass_for_the_answer(
    make: Any, fake: FakeDiscord
) -> None:
    async with running(make(bench=speaking())):
        # It is posted, but the answer to that is lost; the same nonce brings it back as it was.
        fake.fail_next("POST", "/messages$", 429, via=False, after=True, times=5)
        await fake.say("long", channel=DM)
        await fake.until(lambda: finished(fake, DM))
        assert whole(fake)
        assert len(fake.from_bot(DM)) == 2


async def test_typing_was_shown_in_the_channel_and_the_answer_in_a_thread(
    make: Any, fake: FakeDiscord
) -> None:
    async with running(make()):
        await fake.say("hello", channel=DM)
        await fake.until(lambda: finished(fake))
        assert {step.place for step in fake.timeline.of(kind="typing")} == {str(DM)}
        await fake.say("hello", mention=True)
        await fake.until(lambda: len(finished(fake)) == 2)
        assert {step.place for step in fake.timeline.of(kind="typing")} == {str(DM)}


def reactions(fake: FakeDiscord, message: int) -> list[tuple[str, str]]:
    steps = fake.timeline.of(message)
    return [(step.kind, step.content) for step in steps if step.kind.startswith("reaction")]


async def test_a_question_is_acknowledged_and_then_marked_as_answered(
    make: Any, fake: FakeDiscord
) -> None:
    async with running(make(settings={"acknowledge": True})):
        question = await fake.say("hello", mention=True)
        await fake.until(lambda: len(reactions(fake, question)) == 3)
    assert reactions(fake, question) == [
        ("reaction", "👀"),
        ("reaction gone", "👀"),
        ("reaction", "✅"),
    ]


async def test_text_only_when_it_is_done(make: Any, fake: FakeDiscord) -> None:
    async with running(make(settings={"only_when_done": True}, bench=speaking())):
        await fake.say("long", channel=DM)
        await fake.until(lambda: finished(fake))
        assert whole(fake)
        assert "word0" not in str(fake.requests("POST", "/messages$")[0].body)
        assert len(fake.requests("PATCH", "/messages/")) == 1


async def test_ten_thousand_characters_arrive_in_order(make: Any, fake: FakeDiscord) -> None:
    text = " ".join(f"word{n:05}" for n in range(1000))
    async with running(make(bench=speaking(text, 20_000))):
        await fake.say("long", channel=DM)
        await fake.until(lambda: finished(fake))
        assert whole(fake, text)
        messages = fake.from_bot(DM)
        assert len(messages) >= 5
        assert [bool(m["components"]) for m in messages] == [False] * (len(messages) - 1) + [True]
        (file,) = messages[-1]["attachments"]
        assert fake.world.files[int(file["id"])].decode() == text


async def test_an_answer_after_a_restart_says_that_it_was_interrupted(
    make: Any, fake: FakeDiscord
) -> None:
    first = make(bench=speaking(tokens_per_s=60))
    await first.start()
    await fake.say("long", mention=True)
    written = (await begun(fake))["content"]
    await first.kill()
    second = make(bench={"store": first.bench.store})
    for reply in first.bench.core.replies.saved.values():
        await second.bench.core.replies.save(reply)
    async with running(second):
        (message,) = await fake.until(
            lambda: [m for m in fake.from_bot() if "interrupted by a restart" in m["content"]]
        )
        assert message["content"].startswith(written.split("\n")[0][:20])
        assert fake.buttons(message) == ["Try again"]
        assert fake.requests("PATCH", "/messages/")[-1].body["flags"] == 4  # no previews
        await fake.until(lambda: all(r.finished for r in second.bench.core.replies.saved.values()))
    await first.bench.core.close()


async def test_an_interrupted_answer_that_is_gone_is_let_go(make: Any, fake: FakeDiscord) -> None:
    first = make(bench=speaking(tokens_per_s=60))
    await first.start()
    await fake.say("long", mention=True)
    message = await begun(fake)
    await first.kill()
    del fake.world.messages[int(message["id"])]
    second = make()
    for reply in first.bench.core.replies.saved.values():
        await second.bench.core.replies.save(reply)
    async with running(second):
        kept = second.bench.core.replies.saved
        await fake.until(lambda: all(r.finished for r in kept.values()))
    await first.bench.core.close()


class TestTokens:
    """An interaction's token ends after 15 minutes, or earlier."""

    async def test_an_answer_that_outlives_it_moves_to_ordinary_messages(
        self, make: Any, fake: FakeDiscord
    ) -> None:
        timing = replace(QUICK, token_life=0.3)
        async with running(make(bench=speaking(tokens_per_s=300), timing=timing)):
            await fake.command("say", {"what": "long"})
            await fake.until(lambda: finished(fake))
            assert whole(fake)
            ordinary = fake.requests("POST", f"/channels/{CHANNEL}/messages$")
            assert ordinary

    async def test_one_that_is_refused_is_made_good(self, make: Any, fake: FakeDiscord) -> None:
        async with running(make(bench=speaking(tokens_per_s=300))):
            token = await fake.command("say", {"what": "long"})
            await begun(fake)
            fake.world.interactions[token]["expired"] = True
            await fake.until(lambda: finished(fake))
            assert whole(fake)
            assert "Stop" not in str(fake.from_bot())


async def test_the_same_event_twice_is_answered_once(bot: Bot, fake: FakeDiscord) -> None:
    question = await fake.say("hello", channel=DM)
    await fake.until(lambda: finished(fake))
    again = dict(fake.world.messages[question])
    for _ in range(2):
        await fake.gateway.dispatch("MESSAGE_CREATE", again, direct=True)
    await fake.say("next", channel=DM)
    await fake.until(lambda: len(finished(fake)) == 2)
    assert len(bot.bench.backend.requests) == 2
