"""The life of a turn: every accepted event ends in exactly one answer, refusal or error."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing
from dataclasses import replace
from typing import Any

import pytest

from backends.base import ChatMessage
from backends.errors import (
    BackendBusy,
    BackendUnavailable,
    ContextOverflow,
    DeadlineExceeded,
    InvalidRequest,
    ModelNotFound,
)
from backends.scripted.backend import ScriptedBackend
from backends.scripted.script import Reply
from bot.commands.declaration import command
from bot.errors import Busy, Denied
from bot.events import Attachment, ContextMessage
from bot.history.protocol import HistoryStore, StoredMessage
from bot.settings.values import ChannelSettings
from bot.skills.context import Context
from bot.skills.skill import Skill
from bot.turns.policy import Policy
from bot.turns.runner import TurnLimits
from bot.types import (
    ConversationKey,
    Explanation,
    Limits,
    Notice,
    Part,
    Source,
    Sources,
    Status,
    Text,
)
from tests.fakes.core import ADA, BOB, HERE, ROOT, Bench
from tests.fakes.history import MemoryHistoryStore
from tests.fakes.sink import RecordingSink
from tests.fakes.skills import CHAT, stalling
from tests.until import PATIENCE_S, until

pytestmark = pytest.mark.usefixtures("json_log")

Make = Callable[..., Bench]
ELSEWHERE = ConversationKey("test", "work", "elsewhere")


@command("stop", quick=True)
async def stop(ctx: Context) -> AsyncIterator[Part]:
    """Stop what runs here."""
    stopped = await ctx.services.turns.stop(ctx.conversation, ctx.asker)
    yield Notice(f"stopped {stopped}")


@command("ask", remember=True)
async def ask(ctx: Context, question: str, times: int = 1) -> AsyncIterator[Part]:
    """Ask something."""
    yield Text(f"{question}! " * times)


async def seen(ctx: Context) -> AsyncIterator[Part]:
    """Say how many files there are."""
    yield Text(f"{len(ctx.attachments)} files")


COMMANDS = Skill("commands", commands=(stop, ask))


WAIT = Reply("one two three", stall_after=2)


async def stored(store: HistoryStore, turn: str) -> StoredMessage:
    found = await store.get(turn)
    assert found is not None
    return found


# --- one turn ------------------------------------------------------------------------------------


async def test_a_question_is_answered_and_kept(bench: Make, history: HistoryStore) -> None:
    b = bench(CHAT, store=history)
    view = await b.say(b.message("hello"))
    assert (view.state, view.text) == ("complete", "You said: hello")
    kept = await stored(history, view.turn)
    assert (kept.text, kept.status, kept.model) == (view.text, "complete", "default")
    assert kept.usage is not None
    assert kept.usage.completion_tokens == 3
    question = await stored(history, kept.answers or "")
    assert (question.text, question.author, question.role) == ("hello", ADA.key, "user")
    assert [t.text for t in await history.recent(str(HERE))] == ["hello", "You said: hello"]


async def test_half_a_character_does_not_fail_a_turn(bench: Make, history: HistoryStore) -> None:
    b = bench(CHAT, COMMANDS, store=history)
    said = await b.say(b.message("ends in half \ud83d"))
    assert (said.state, said.text) == ("complete", "You said: ends in half \ufffd")
    asked = await b.say(b.call("ask", question="\ud83d\ude00 and \ud800"))
    assert (asked.state, asked.text) == ("complete", "\U0001f600 and \ufffd! ")
    kept = [turn.text for turn in await history.recent(str(HERE))]
    assert kept[0] == "ends in half \ufffd"


async def test_the_question_is_kept_before_a_model_is_asked(
    bench: Make, history: HistoryStore
) -> None:
    seen: list[StoredMessage | None] = []

    async def look(ctx: Context) -> AsyncIterator[Part]:
        seen.append(await ctx.history.by_event("test", ctx.event.id))
        seen.append(await ctx.history.get(ctx.turn))
        yield Text("done")

    b = bench(Skill("look", answer=look), store=history)
    await b.say(b.message("hello"))
    assert [t.text if t else None for t in seen] == ["hello", ""]
    assert seen[1] is not None
    assert seen[1].status == "running"


async def test_a_command_is_kept_with_its_options(bench: Make, history: HistoryStore) -> None:
    b = bench(COMMANDS, store=history)
    view = await b.say(b.call("ask", text="what's up? times=2"))
    assert view.text == "what's up?! what's up?! "
    question = await stored(history, (await stored(history, view.turn)).answers or "")
    assert (question.command, question.text) == ("ask", "what's up?")
    assert question.options == {"question": "what's up?", "times": 2}


async def test_an_event_that_was_seen_before_is_dropped(bench: Make, history: HistoryStore) -> None:
    b = bench(CHAT, store=history)
    sinks = [await b.begin(b.message("hello", id="same")) for _ in range(3)]
    await sinks[0].end()
    await b.core.close()
    assert [sink.steps for sink in sinks[1:]] == [[], []]
    again = bench(CHAT, store=history)
    late = await again.begin(again.message("hello", id="same"))
    await again.core.close()
    assert late.steps == []


async def test_what_is_written_is_kept_while_it_is_written(
    bench: Make, history: HistoryStore
) -> None:
    b = bench(CHAT, store=history, backend=stalling(), limits=TurnLimits(save_every_s=0.01))
    sink = await b.begin(b.message("hello"))
    view = await sink.until_text("one two")
    await until(lambda: stored(history, view.turn), fits=lambda found: found.text == "one two")
    assert (await stored(history, view.turn)).status == "running"


async def test_the_length_of_a_file_is_the_channels(bench: Make) -> None:
    async def place(conversation: ConversationKey, person: str | None) -> ChannelSettings:
        return ChannelSettings(file_over_chars=10 if conversation == HERE else 1000)

    b = bench(CHAT, policy=Policy(channel_settings=place))

    def short_messages() -> RecordingSink:
        return RecordingSink(limits=Limits(32, 0.0))

    asked = "a long question " * 10
    answer = await b.say(b.message(asked), short_messages())
    assert [file.name for file in answer.files] == ["answer.md"]
    assert (await b.say(b.message(asked, where=ELSEWHERE), short_messages())).files == ()
    assert (await b.say(b.message(asked))).files == ()  # it fits one message


# --- how a turn ends -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("error", "state", "said"),
    [
        (Busy(7), "refused", "try again in about 7 s"),
        (Denied("This needs an admin."), "refused", "This needs an admin."),
        (BackendBusy(12), "refused", "try again in about 12 s"),
        (ContextOverflow(5000, 2048), "refused", "which can read about 40 % of it"),
        (BackendBusy(5, "secret at http://10.0.0.7 is busy"), "refused", "again in about 5 s"),
        (
            InvalidRequest("secret at http://10.0.0.7: no."),
            "failed",
            "cannot answer this",
        ),
        (BackendUnavailable("secret at http://10.0.0.7 is down."), "failed", "could not answer"),
        (DeadlineExceeded("secret: it took 600 s."), "failed", "The answer took too long"),
        (ModelNotFound("/srv/secret.gguf is missing."), "failed", "This model is not available"),
        (ZeroDivisionError("secret detail"), "failed", "Something went wrong on our side."),
    ],
)
@pytest.mark.parametrize("after", ["", "half an "])
async def test_an_error_becomes_one_notice_and_what_was_written_stays(
    bench: Make, history: HistoryStore, error: Exception, state: str, said: str, after: str
) -> None:
    async def fail(ctx: Context) -> AsyncIterator[Part]:
        if after:
            yield Text(after)
        raise error

    b = bench(Skill("fail", answer=fail), store=history)
    sink = await b.begin(b.message("hello"))
    view = await sink.end()
    assert (view.state, view.text) == (state, after)
    [notice] = view.notices
    assert said.rstrip(".") in notice.text
    assert "secret" not in notice.text
    assert "Ollama" not in notice.text
    assert (notice.error_id is None) == (state == "refused")
    assert notice.kind == ("refusal" if state == "refused" else "error")
    assert sink.steps.count("finish") == 1
    kept = await stored(history, view.turn)
    assert (kept.status, kept.text) == (state, after)


async def test_the_id_of_an_error_is_in_the_log_with_its_trace(
    bench: Make, capsys: pytest.CaptureFixture[str]
) -> None:
    async def fail(ctx: Context) -> AsyncIterator[Part]:
        yield Text("so ")
        raise ZeroDivisionError

    b = bench(Skill("fail", answer=fail))
    view = await b.say(b.message("the words of a person"))
    log = capsys.readouterr()
    written = log.out + log.err
    assert view.notices[0].error_id
    assert view.notices[0].error_id in view.notices[0].text
    assert view.notices[0].error_id in written
    assert view.turn in written
    assert "ZeroDivisionError" in written
    assert "the words of a person" not in written


async def with_small_print(ctx: Context) -> AsyncIterator[Part]:
    """What conversation and summaries do: words of the model, and what it was made of."""
    async with aclosing(ctx.generate([ChatMessage("user", "hello")])) as parts:
        async for part in parts:
            yield part
    yield Sources((Source(1, "Logs", "docs/logs.md"),))
    yield Notice("Plain conversation, not from the documents.", "footer")


async def test_an_answer_without_a_word_is_one_sentence_and_can_be_tried_again(
    bench: Make,
) -> None:
    """It was a small print alone, under nothing."""
    b = bench(
        Skill("chat", answer=with_small_print),
        backend=ScriptedBackend("default", replies=["  ", "Here I am."]),
    )
    view = await b.say(b.message("hello"))
    assert (view.state, view.text.strip(), view.sources) == ("failed", "", ())
    assert [notice.text for notice in view.notices] == ["The model gave no answer."]
    assert [(a.name, a.label) for a in view.actions] == [("regenerate", "Try again")]
    again = await b.say(b.press("regenerate", view.turn))
    assert (again.state, again.text, len(again.notices)) == ("complete", "Here I am.", 1)


async def test_a_skill_that_asks_no_model_and_says_nothing_does_not_blame_one(bench: Make) -> None:
    async def nothing(ctx: Context) -> None:
        await ctx.say(Notice("A small print.", "footer"))

    b = bench(Skill("nothing", answer=nothing))
    view = await b.say(b.message("hello"))
    assert [notice.text for notice in view.notices] == ["There is no answer to this."]


async def quoting(ctx: Context) -> None:
    """What comes at once is no word of the model's."""
    await ctx.say(Status("working", "reading the documents"))
    await ctx.say(Text("> From the documents.\n\n"))
    await ctx.write([ChatMessage("user", "hello")])


async def test_a_status_stays_beneath_a_quotation_until_the_models_own_first_word(
    bench: Make,
) -> None:
    """The quotation stood there for many seconds as if it were all."""
    model = ScriptedBackend("default", replies=["The word."], first_token_s=0.1, tokens_per_s=50)
    b = bench(Skill("quoting", answer=quoting), backend=model)
    sink = await b.begin(b.message("hello"))
    await sink.end()
    shown = [view for _, view, _ in sink.calls if view.state == "working"]
    quoted = [view.status for view in shown if view.text.strip() == "> From the documents."]
    assert quoted
    assert all(quoted), "something is said to be going on"
    assert [view for view in shown if "The" in view.text and view.status is None]


async def test_a_refusal_that_a_skill_yields_is_one(bench: Make, history: HistoryStore) -> None:
    async def refuse(ctx: Context) -> AsyncIterator[Part]:
        yield Notice("Not today.", "refusal")

    b = bench(Skill("refuse", answer=refuse), store=history)
    view = await b.say(b.message("hello"))
    assert (view.state, len(view.notices)) == ("refused", 1)
    assert (await stored(history, view.turn)).status == "refused"


async def test_a_turn_that_takes_too_long_is_ended_and_says_so(
    bench: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    b = bench(CHAT, backend=stalling(), limits=TurnLimits(deadline_s=60))
    sink = await b.begin(b.message("hello"))
    await sink.until_text("one two")
    loop = asyncio.get_running_loop()
    now = loop.time
    monkeypatch.setattr(loop, "time", lambda: now() + 61)  # so that it is over at once
    view = await sink.end()
    assert (view.state, view.text) == ("failed", "one two")
    assert b.backend.active == 0


async def test_an_answer_without_end_is_ended(bench: Make) -> None:
    async def babble(ctx: Context) -> AsyncIterator[Part]:
        while True:
            yield Text("x" * 10_000)

    b = bench(Skill("babble", answer=babble))
    view = await b.say(b.message("hello"))
    assert view.state == "refused"
    assert "grew beyond" in view.notices[-1].text


class FullDisk(MemoryHistoryStore):
    """A store whose disk is full from some step on."""

    def __init__(self, step: str) -> None:
        super().__init__()
        self.step = step

    async def claim(self, platform: str, event_id: str) -> bool:
        self._fail("claim")
        return await super().claim(platform, event_id)

    async def open(
        self, question: StoredMessage, answer: StoredMessage, *, claim: bool = False
    ) -> bool:
        self._fail("open")
        return await super().open(question, answer, claim=claim)

    async def finish(self, answer: StoredMessage, *, before: StoredMessage | None = None) -> None:
        self._fail("finish")
        await super().finish(answer, before=before)

    def _fail(self, step: str) -> None:
        if step == self.step:
            raise OSError(28, "No space left on device")


@pytest.mark.parametrize(
    ("step", "state"), [("claim", "failed"), ("open", "failed"), ("finish", "complete")]
)
async def test_a_full_disk_is_no_silence(bench: Make, step: str, state: str) -> None:
    b = bench(CHAT, store=FullDisk(step))
    view = await b.say(b.message("hello"))
    assert view.state == state
    assert (view.text == "You said: hello") == (state == "complete")


async def test_a_platform_that_fails_does_not_end_the_turn(
    bench: Make, history: HistoryStore
) -> None:
    b = bench(CHAT, store=history)
    sink = RecordingSink(fail=frozenset({"start", "update", "finish"}))
    view = await b.say(b.message("hello"), sink)
    assert (await stored(history, view.turn)).status == "complete"


# --- lanes ---------------------------------------------------------------------------------------


async def test_a_conversation_takes_one_turn_at_a_time_in_order(bench: Make) -> None:
    running = 0
    most = 0
    order: list[str] = []

    async def slow(ctx: Context) -> AsyncIterator[Part]:
        nonlocal running, most
        running += 1
        most = max(most, running)
        await asyncio.sleep(0.06)
        running -= 1
        order.append(ctx.event.text or "")
        yield Text("done")

    b = bench(Skill("slow", answer=slow), limits=TurnLimits(per_person=20))
    sinks = [await b.begin(b.message(str(n))) for n in range(4)]
    for sink in sinks:
        await sink.end()
    assert order == ["0", "1", "2", "3"]
    assert most == 1
    waited = [view.status for _, view, _ in sinks[2].calls if view.status]
    assert waited[0] == Status("queued", position=2)
    assert Status("queued", position=1) in waited
    assert waited[-1] == Status("working")


async def test_conversations_run_side_by_side(bench: Make) -> None:
    b = bench(CHAT, backend=stalling(parallel=0))
    first = await b.begin(b.message("hello"))
    await first.until_text("one two")
    second = await b.begin(b.message("hello", where=ELSEWHERE))
    view = await second.end()
    assert view.text == "You said: hello"
    assert not first.finished.is_set()


async def test_a_quick_command_does_not_wait_its_turn(bench: Make) -> None:
    @command("ping", quick=True)
    async def ping(ctx: Context) -> AsyncIterator[Part]:
        """Answer at once."""
        yield Text("pong")

    b = bench(CHAT, Skill("ping", commands=(ping,)), backend=stalling())
    first = await b.begin(b.message("hello"))
    await first.until_text("one two")
    assert (await b.say(b.call("ping"))).text == "pong"
    assert not first.finished.is_set()


async def test_nothing_is_left_of_finished_conversations(bench: Make) -> None:
    b = bench(CHAT)
    for number in range(50):
        await b.say(b.message("hello", where=ConversationKey("test", "work", f"c{number}")))
    starter = b.core.intake._starter
    await until(lambda: not starter._tasks)
    assert len(b.core.open_turns) == 0
    assert (len(starter._lanes), len(starter._tasks), len(starter._runners)) == (0, 0, 0)


@pytest.mark.parametrize(
    ("limits", "said"),
    [
        (TurnLimits(per_person=1), "You have 1 questions open"),
        (TurnLimits(per_channel=1), "in this channel"),
        (TurnLimits(max_turns=1), "Too many questions are open just now"),
    ],
)
async def test_beyond_the_bounds_people_are_told_to_come_back(
    bench: Make, limits: TurnLimits, said: str
) -> None:
    b = bench(CHAT, COMMANDS, backend=stalling(), limits=limits)
    first = await b.begin(b.message("hello"))
    await first.until_text("one two")
    view = await b.say(b.message("and me?"))
    assert view.state == "refused"
    assert said in view.notices[0].text
    assert (await b.say(b.call("stop"))).notices == (Notice("stopped 1"),)
    await first.end()
    assert (await b.say(b.message("now?"))).state == "complete"


# --- stopping ------------------------------------------------------------------------------------


async def test_stop_frees_the_model_and_keeps_what_was_written(
    bench: Make, history: HistoryStore
) -> None:
    b = bench(CHAT, store=history, backend=stalling())
    sink = await b.begin(b.message("hello"))
    working = await sink.until_text("one two")
    assert [a.name for a in working.actions] == ["stop"]
    pressed = await b.say(b.press("stop", working.turn))
    assert pressed.notices == (Notice("Stopped.", private=True),)
    view = await sink.end()
    assert (view.state, view.text) == ("cancelled", "one two")
    assert view.notices == (Notice("Stopped by Ada.", "footer"),)
    assert (b.backend.active, b.backend.cancelled) == (0, 1)
    kept = await stored(history, view.turn)
    assert (kept.status, kept.text) == ("cancelled", "one two")


async def test_only_the_asker_or_an_admin_may_stop(bench: Make) -> None:
    b = bench(CHAT, COMMANDS, backend=stalling())
    sink = await b.begin(b.message("hello"))
    turn = (await sink.until_text("one two")).turn
    refused = await b.say(b.press("stop", turn, BOB))
    assert refused.state == "refused"
    assert refused.notices[0].private
    assert (await b.say(b.call("stop", BOB))).notices == (Notice("stopped 0"),)
    assert not sink.finished.is_set()
    await b.say(b.press("stop", turn, ROOT))
    assert (await sink.end()).notices == (Notice("Stopped by Root.", "footer"),)


async def test_the_stop_command_stops_what_waits_as_well(bench: Make) -> None:
    b = bench(CHAT, COMMANDS, backend=stalling())
    sinks = [await b.begin(b.message("hello")) for _ in range(3)]
    await sinks[0].until_text("one two")
    assert (await b.say(b.call("stop"))).notices == (Notice("stopped 3"),)
    views = [await sink.end() for sink in sinks]
    assert [view.state for view in views] == ["cancelled"] * 3
    assert "before anything was written" in views[2].notices[0].text
    assert len(b.backend.requests) == 1


async def test_stop_in_a_channel_reaches_ones_own_answers_in_its_threads(bench: Make) -> None:
    thread = ConversationKey("test", "work", "general", "t1")
    b = bench(CHAT, COMMANDS, backend=ScriptedBackend("default", replies=[WAIT], cycle=True))
    own = await b.begin(b.message("hello", where=thread))
    other = await b.begin(b.message("hello", BOB, where=replace(thread, thread="t2")))
    await own.until_text("one two")
    await other.until_text("one two")
    assert (await b.say(b.call("stop"))).notices == (Notice("stopped 1"),)
    assert (await own.end()).state == "cancelled"
    assert not other.finished.is_set()


async def test_a_stop_without_a_turn_stops_the_conversation(bench: Make) -> None:
    b = bench(CHAT, backend=stalling())
    sink = await b.begin(b.message("hello"))
    await sink.until_text("one two")
    assert (await b.say(b.press("stop", ""))).notices[0].text == "Stopped."
    assert (await sink.end()).state == "cancelled"


async def test_a_turn_stopped_before_its_task_ran_is_still_ended(bench: Make) -> None:
    b = bench(CHAT)
    sink = await b.begin(b.message("hello"))
    [turn] = b.core.open_turns
    turn.stop("stopped", "Ada")
    assert (await sink.end()).state == "cancelled"
    assert len(b.backend.requests) == 0


async def test_stopping_a_finished_answer_says_so(bench: Make) -> None:
    b = bench(CHAT)
    view = await b.say(b.message("hello"))
    assert "nothing to stop" in (await b.say(b.press("stop", view.turn))).notices[0].text


async def test_a_deleted_question_takes_its_reply_back(bench: Make, history: HistoryStore) -> None:
    b = bench(CHAT, store=history, backend=stalling())
    question = b.message("hello")
    sink = await b.begin(question)
    turn = (await sink.until_text("one two")).turn
    await b.begin(b.retract(question.id))
    view = await sink.end()
    assert (view.state, view.text, view.pages, view.notices) == ("cancelled", "", (), ())
    kept = await stored(history, turn)
    assert (kept.status, kept.text) == ("cancelled", "one two")
    assert await history.recent(str(HERE)) == []


async def test_retracting_what_is_not_running_does_nothing(bench: Make) -> None:
    b = bench(CHAT)
    sink = await b.begin(b.retract("never seen"))
    await b.core.close()
    assert sink.steps == []


async def test_shutdown_keeps_what_was_written_and_ends_every_reply(
    bench: Make, history: HistoryStore
) -> None:
    b = bench(CHAT, store=history, backend=stalling())
    slow = RecordingSink(Limits(2000, 3.0))
    first = await b.begin(b.message("hello"), slow)
    waiting = await b.begin(b.message("and then?"))
    await first.until_text("one")
    await asyncio.wait_for(b.core.close(), PATIENCE_S)
    view = await first.end()
    assert view.state == "cancelled"
    assert view.text.startswith("one")
    assert "shut down" in view.notices[0].text
    assert (await waiting.end()).state == "cancelled"
    kept = await stored(history, view.turn)
    assert (kept.status, kept.text) == ("cancelled", view.text)
    late = await b.say(b.message("too late"))
    assert "being restarted" in late.notices[0].text


async def test_while_it_drains_what_runs_goes_on_and_what_is_new_is_refused(
    bench: Make, history: HistoryStore
) -> None:
    b = bench(CHAT, COMMANDS, store=history, backend=ScriptedBackend("default", replies=[WAIT]))
    first = await b.begin(b.message("hello"))
    await first.until_text("one")
    draining = asyncio.create_task(b.core.drain(60))
    await asyncio.sleep(0)
    question = b.message("too late", BOB)
    assert "being restarted" in (await b.say(question)).notices[0].text
    refused = await b.say(b.press("regenerate", "unknown"))
    assert "being restarted" in refused.notices[0].text
    assert not draining.done()
    assert "stopped 1" in (await b.say(b.call("stop"))).notices[0].text
    assert (await first.end()).notices[0].text == "Stopped by Ada."
    await asyncio.wait_for(draining, PATIENCE_S)
    await b.core.close()
    assert not await history.claim("test", question.id), "another process would answer it as well"


async def test_a_drain_ends_when_its_time_is_over(bench: Make) -> None:
    b = bench(CHAT, backend=stalling())
    sink = await b.begin(b.message("hello"))
    await sink.until_text("one")
    await b.core.drain(0.05)
    assert len(b.core.open_turns) == 1
    await b.core.close()
    assert "shut down" in (await sink.end()).notices[0].text


async def test_shutdown_is_not_held_up_by_a_skill_that_will_not_end(bench: Make) -> None:
    async def stubborn(ctx: Context) -> AsyncIterator[Part]:
        yield Text("never")
        for _ in range(3):
            try:
                await asyncio.sleep(60)
            except asyncio.CancelledError:
                await asyncio.sleep(0.05)

    b = bench(Skill("stubborn", answer=stubborn))
    sink = await b.begin(b.message("hello"))
    await sink.until_text("never")
    await asyncio.wait_for(b.core.close(0.1), PATIENCE_S)


async def test_a_question_deleted_later_leaves_the_prompts_to_come(
    bench: Make, history: HistoryStore
) -> None:
    b = bench(CHAT, store=history)
    await b.say(b.message("keep this"))
    question = b.message("forget this")
    view = await b.say(question)
    await b.begin(b.retract(question.id))
    await b.begin(b.retract("never asked"))
    await until(lambda: history.recent(str(HERE)), fits=lambda found: len(found) == 2)
    (kept, _) = await history.recent(str(HERE))
    assert kept.text == "keep this"
    assert (await stored(history, view.turn)).text == view.text


async def test_what_is_of_a_person_or_reads_them_ends_when_they_are_forgotten(
    bench: Make, history: HistoryStore
) -> None:
    replies = [Reply("first"), *([WAIT] * 4)]
    b = bench(CHAT, store=history, backend=ScriptedBackend("default", replies=replies))
    asked = await b.say(b.message("hello"))
    places = [ConversationKey("test", "work", name) for name in ("one", "two", "three")]
    quoting = replace(
        b.message("and she?", BOB, places[0]), context=(ContextMessage("Ada", "x", by=ADA.key),)
    )
    events = (
        b.press("regenerate", asked.turn, ROOT),  # her question, answered again for an admin
        quoting,
        b.message("mine", ADA, places[1]),
        b.message("his", BOB, places[2]),
    )
    for event in events:
        await b.begin(event)
    await until(lambda: len(b.backend.requests) >= 5 and len(b.core.open_turns) >= 4)
    await asyncio.wait_for(b.core.open_turns.stop_person(ADA.key), PATIENCE_S)
    assert [turn.event.text for turn in b.core.open_turns] == ["his"]


# --- what runs side by side -----------------------------------------------------------------------


@command("find", remember=True, reads_history="in threads")
async def find(ctx: Context, question: str) -> None:
    """Look something up."""
    await asyncio.sleep(0.02)
    history = await ctx.history.recent(str(ctx.conversation))
    await ctx.say(Text(f"{question} after {len(history) // 2}"))


FIND = Skill("find", commands=(find, stop))


async def test_commands_that_do_not_read_the_conversation_do_not_wait_for_each_other(
    bench: Make, history: HistoryStore
) -> None:
    """Five questions in a channel were answered one after another, with slots free."""
    together = asyncio.Barrier(5)

    @command("seek", remember=True, reads_history="never")
    async def seek(ctx: Context, question: str) -> None:
        """Answer once all five are being answered."""
        await together.wait()
        await ctx.say(Text(question))

    b = bench(Skill("seek", commands=(seek,)), store=history, limits=TurnLimits(per_person=20))
    words = ["one", "two", "three", "four", "five"]
    sinks = [await b.begin(b.call("seek", question=word)) for word in words]
    assert [(await sink.end()).text for sink in sinks] == words
    kept = [turn.text for turn in await history.recent(str(HERE)) if turn.role == "user"]
    assert kept == words, "the order is that in which they were asked"


async def test_a_message_waits_for_the_commands_before_it_and_they_for_the_messages(
    bench: Make,
) -> None:
    b = bench(FIND, CHAT, limits=TurnLimits(per_person=20))
    sinks = [
        await b.begin(event)
        for event in (
            b.call("find", question="one"),
            b.message("a message"),
            b.call("find", question="three"),
        )
    ]
    await sinks[1].end()
    assert sinks[0].finished.is_set()
    assert (await sinks[2].end()).text == "three after 2"


async def test_in_a_thread_they_wait_as_a_conversation_does(bench: Make) -> None:
    b = bench(FIND, limits=TurnLimits(per_person=20))
    thread = replace(HERE, thread="t1")
    calls = [b.call("find", where=thread, question=word) for word in ("one", "two", "three")]
    sinks = [await b.begin(call) for call in calls]
    assert [(await sink.end()).text for sink in sinks] == [
        "one after 0",
        "two after 1",
        "three after 2",
    ]


# --- buttons -------------------------------------------------------------------------------------


async def test_regenerate_answers_again_and_replaces_the_old_answer(
    bench: Make, history: HistoryStore
) -> None:
    replies = ["first", "second"]
    b = bench(CHAT, store=history, backend=ScriptedBackend("default", replies=replies))
    old = await b.say(b.message("hello"))
    new = await b.say(b.press("regenerate", old.turn))
    assert (old.text, new.text) == ("first", "second")
    assert [t.text for t in await history.recent(str(HERE))] == ["hello", "second"]
    assert (await stored(history, old.turn)).text == "first"


async def test_the_button_of_a_replaced_answer_leaves_one_answer_in_the_conversation(
    bench: Make, history: HistoryStore
) -> None:
    replies = ["first", "second", "third"]
    b = bench(CHAT, store=history, backend=ScriptedBackend("default", replies=replies))
    old = await b.say(b.message("hello"))
    await b.say(b.press("regenerate", old.turn))
    await b.say(b.press("regenerate", old.turn))
    assert [t.text for t in await history.recent(str(HERE))] == ["hello", "third"]


async def test_a_question_that_was_only_a_file_is_asked_for_again(bench: Make) -> None:
    async def read(limit: int) -> bytes:
        return b""

    b = bench(COMMANDS, Skill("file", answer=seen))
    message = replace(b.message(""), attachments=(Attachment("a.md", 0, None, read),))
    view = await b.say(message)
    again = await b.say(b.press("regenerate", view.turn))
    assert "send them again" in again.notices[0].text


async def test_regenerate_reads_what_stood_before_the_answer(bench: Make) -> None:
    async def read(limit: int) -> list[ContextMessage]:
        return [ContextMessage("Bob", f"the last {limit}")]

    async def around(ctx: Context) -> AsyncIterator[Part]:
        before = await ctx.event.earlier(2) if ctx.event.earlier else []
        yield Text("; ".join(q.text for q in (*ctx.event.context, *before)) or "nothing")

    b = bench(COMMANDS, Skill("around", answer=around))
    question = replace(b.message("hello"), context=(ContextMessage("Bob", "hi"),))
    old = await b.say(question)
    press = replace(b.press("regenerate", old.turn), earlier=read)
    assert (await b.say(press)).text == "hi; the last 2"


async def test_regenerate_works_after_a_restart(bench: Make, history: HistoryStore) -> None:
    before = bench(COMMANDS, store=history)
    old = await before.say(before.call("ask", question="again", times=2))
    await before.core.close()
    after = bench(COMMANDS, store=history)
    new = await after.say(after.press("regenerate", old.turn))
    assert new.text == "again! again! "


async def test_regenerate_is_for_the_asker_or_an_admin(bench: Make) -> None:
    b = bench(CHAT)
    view = await b.say(b.message("hello"))
    refused = await b.say(b.press("regenerate", view.turn, BOB))
    assert (refused.state, refused.notices[0].private) == ("refused", True)
    assert (await b.say(b.press("regenerate", view.turn, ROOT))).state == "complete"


async def test_regenerate_waits_its_turn(bench: Make) -> None:
    b = bench(CHAT, COMMANDS)
    view = await b.say(b.call("ask", question="one"))
    b.backend.options = stalling().options
    b.backend._turns.extend(b.backend.options.replies)
    running = await b.begin(b.message("hello"))
    await running.until_text("one two")
    again = await b.begin(b.press("regenerate", view.turn))
    await asyncio.sleep(0.02)
    assert not again.finished.is_set()
    await b.say(b.call("stop"))
    await again.end()


@pytest.mark.parametrize("verdict", ["good", "bad", "wrong", "outdated"])
async def test_a_verdict_is_kept_and_thanked_for_in_private(bench: Make, verdict: Any) -> None:
    store = MemoryHistoryStore()
    b = bench(CHAT, store=store)
    view = await b.say(b.message("hello"))
    thanks = await b.say(b.press(verdict, view.turn, BOB, value="p1"))
    assert thanks.notices[0].private
    assert store.verdicts == {(view.turn, BOB.key, "p1"): verdict}


async def test_the_passages_are_behind_why_and_the_answer_has_one_row_of_buttons(
    bench: Make, history: HistoryStore
) -> None:
    """There were seven buttons under an answer."""
    b = bench(CHAT, store=history)
    view = await b.say(b.message("hello"))
    assert [a.name for a in view.actions] == ["regenerate", "good", "bad", "why"]
    why = await b.say(b.press("why", view.turn))
    assert [(a.name, a.label) for a in why.actions] == [("source", "[1]")]
    [notice] = (await b.say(b.press("source", why.turn, value=why.actions[0].value))).notices
    assert "Rotate them daily." in notice.text


@pytest.mark.parametrize(
    ("part", "buttons"),
    [
        (Text("- one\n- two"), []),
        (Explanation(left_out=("Every passage.",)), ["good", "bad", "why"]),
    ],
)
async def test_what_no_model_wrote_is_not_regenerated(
    bench: Make, part: Part, buttons: list[str]
) -> None:
    """A list, and the word that the documents do not have it, had Regenerate beneath them."""

    async def listing(ctx: Context) -> None:
        await ctx.say(part)
        await ctx.say(Text("That is all."))

    b = bench(Skill("listing", answer=listing))
    view = await b.say(b.message("hello"))
    assert [a.name for a in view.actions] == buttons


async def test_why_tells_what_the_answer_rests_on(bench: Make, history: HistoryStore) -> None:
    b = bench(CHAT, store=history)
    view = await b.say(b.message("hello"))
    [notice] = (await b.say(b.press("why", view.turn, BOB))).notices
    assert notice.private
    for word in ("default", "2 earlier turns", "1 older", "[1] Logs › Rotate (0.87)", "3 written"):
        assert word in notice.text


async def test_a_source_shows_its_passage(bench: Make, history: HistoryStore) -> None:
    b = bench(CHAT, store=history)
    view = await b.say(b.message("hello"))
    for value in ("1", "d1"):
        [notice] = (await b.say(b.press("source", view.turn, value=value))).notices
        assert notice.private
        assert "> Rotate them daily." in notice.text
        assert [action.name for action in notice.actions] == ["wrong", "outdated"]
    gone = await b.say(b.press("source", view.turn, value="9"))
    assert gone.state == "refused"


async def test_a_passage_that_was_shown_can_be_judged(bench: Make, history: HistoryStore) -> None:
    b = bench(CHAT, store=history)
    view = await b.say(b.message("hello"))
    shown = await b.say(b.press("source", view.turn, BOB, value="1"))
    assert shown.turn != view.turn
    wrong, outdated = shown.actions
    for action in (wrong, outdated):
        thanks = await b.say(b.press(action.name, shown.turn, BOB, value=action.value))
        assert "for an admin" in thanks.notices[0].text
    (report,) = await history.reports(HERE.scope("workspace"))
    assert (report.verdict, report.person) == ("outdated", BOB.key)
    assert report.source is not None
    assert report.source.passage == "Rotate them daily."


@pytest.mark.parametrize("action", ["regenerate", "good", "why", "source"])
async def test_a_button_of_an_unknown_answer_is_refused_in_private(
    bench: Make, history: HistoryStore, action: Any
) -> None:
    b = bench(CHAT, store=history)
    view = await b.say(b.press(action, "nothing"))
    assert view.state == "refused"
    assert view.notices[0].private


async def test_a_button_does_not_reach_into_another_workspace(bench: Make) -> None:
    b = bench(CHAT)
    view = await b.say(b.message("hello"))
    there = ConversationKey("test", "other", "general")
    assert (await b.say(b.press("why", view.turn, where=there))).state == "refused"


async def test_a_button_pressed_twice_by_redelivery_acts_once(bench: Make) -> None:
    b = bench(CHAT)
    view = await b.say(b.message("hello"))
    press = b.press("regenerate", view.turn)
    await b.say(press)
    again = await b.begin(press)
    await b.core.close()
    assert again.steps == []
