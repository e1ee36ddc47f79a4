"""One process hears of Discord's events, and another one answers them."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from backends.scripted.backend import ScriptedBackend
from bot.adapters.discord.inbound.handed_events import UnknownFormat
from bot.adapters.discord.outbound import command_links
from bot.adapters.discord.outbound.client_holder import ClientHolder
from bot.adapters.discord.outbound.poster import InteractionPoster
from bot.adapters.discord.outbound.reply_plan import (
    InteractionReply,
    InteractionToken,
    ReplyMaker,
)
from bot.commands.checks import Asker
from bot.errors import AdapterError, StorageError
from bot.turns.runner import TurnLimits
from tests.fakes.core import MemoryReplies
from tests.fakes.discord import FakeDiscord
from tests.fakes.discord.running import QUICK, SKILLS, Pair, running
from tests.fakes.discord.state import ADA, CHANNEL, DM, EVE, GUILD
from tests.unit.bot.adapters.discord.inbound.test_history import NO_HISTORY, talk
from tests.unit.bot.adapters.discord.inbound.test_messages import asked, finished, place
from tests.unit.bot.adapters.discord.inbound.test_modal_views import FORMS


class Closed:
    """Lets nobody in."""

    def admits(self, asker: Asker, action: str = "message") -> bool:
        return False

    async def refusal(self, asker: Asker, action: str = "message", text: str = "") -> str:
        return "I am closed today."


@pytest.fixture
async def pair(make_pair: Any) -> AsyncIterator[Pair]:
    async with running(make_pair()) as started:
        yield started


def kinds(pair: Pair) -> list[str]:
    """What was given, in order."""
    return [payload["event"]["kind"] for _, _, _, payload in pair.given.events]


class TestMessages:
    async def test_a_mention_is_answered_in_a_thread_that_the_worker_opens(
        self, pair: Pair, fake: FakeDiscord
    ) -> None:
        question = await fake.say("What is a lighthouse?", mention=True)
        (answer,) = await fake.until(lambda: finished(fake, question))
        said, small = answer["content"].split("\n")
        assert said == "You said: What is a lighthouse?"
        assert small == "-# In this thread, mention me or reply to me to go on."
        assert fake.threads()[0]["name"] == "What is a lighthouse?"
        assert not fake.from_bot(CHANNEL)
        ((key, where, person, _),) = pair.given.events
        assert (key, person) == (str(question), f"discord:{ADA}")
        assert where == f"discord:{GUILD}:{CHANNEL}:t={question}"
        assert len(fake.gateway.sessions) == 1

    async def test_what_it_replies_to_and_its_files_go_along(
        self, pair: Pair, fake: FakeDiscord
    ) -> None:
        earlier = await fake.say("the tower is white", author=EVE)
        file = fake.world.add_file(fake.rest.base(), "plan.txt", b"forty metres")
        await fake.say("how high?", mention=True, reply_to=earlier, attachments=[file])
        await fake.until(lambda: finished(fake))
        assert asked(pair) == ["eve: the tower is white\nforty metres\nhow high?"]

    @pytest.mark.parametrize("may", [True, False])
    async def test_what_stands_before_it_is_read_by_who_may(
        self, make_pair: Any, fake: FakeDiscord, may: bool
    ) -> None:
        fake.world.owner = EVE
        if not may:
            fake.world.people_permissions = NO_HISTORY
        settings = {"message_content": True}
        async with running(make_pair(settings=settings)):
            await fake.say("the tower is white", author=EVE)
            await fake.say("recap", mention=True)
            words = "eve: the tower is white" if may else "You may not read"
            await fake.until(lambda: words in str(fake.from_bot()))
        assert may == ("tower is white" in str(fake.from_bot()))

    async def test_a_refusal_opens_no_thread(self, make_pair: Any, fake: FakeDiscord) -> None:
        async with running(make_pair(bench={"limits": TurnLimits(per_person=0)})):
            await fake.say("hello", mention=True)
            await fake.until(lambda: "questions open" in str(fake.from_bot(CHANNEL)))
        assert not fake.threads()

    async def test_a_direct_message(self, pair: Pair, fake: FakeDiscord) -> None:
        await fake.say("hello", channel=DM)
        (answer,) = await fake.until(lambda: finished(fake, DM))
        assert answer["content"] == "You said: hello"
        assert kinds(pair) == ["message"]

    async def test_where_the_bot_may_not_write_the_person_gets_it_directly(
        self, make_pair: Any, fake: FakeDiscord
    ) -> None:
        async with running(make_pair(bench={"policy": place(thread_per_mention=False)})):
            fake.fail_next("POST", f"/channels/{CHANNEL}/messages$", 403, times=5)
            await fake.say("hello", mention=True)
            (answer,) = await fake.until(lambda: finished(fake))
        assert int(answer["channel_id"]) == DM

    async def test_those_of_a_conversation_are_given_in_their_order(
        self, pair: Pair, fake: FakeDiscord
    ) -> None:
        pair.given.free.clear()
        for text in ("one", "two", "three"):
            await fake.say(text, channel=DM)
        await fake.until(lambda: pair.given.events)
        pair.given.free.set()
        await fake.until(lambda: len(finished(fake, DM)) == 3)
        assert asked(pair) == ["one", "two", "three"]


class TestCommands:
    async def test_the_placeholder_becomes_the_answer(self, pair: Pair, fake: FakeDiscord) -> None:
        token = await fake.command("paint", {"what": "a barn", "times": 2})
        (answer,) = await fake.until(lambda: finished(fake))
        assert answer["content"].endswith("a barn in red, 2 times")
        original = fake.world.interactions[token]["original"]
        assert (int(answer["id"]), len(fake.from_bot())) == (original, 1)
        assert kinds(pair) == ["command"]

    async def test_a_file_goes_along(self, pair: Pair, fake: FakeDiscord) -> None:
        file = fake.world.add_file(fake.rest.base(), "plan.txt", b"forty metres")
        await fake.command("read", {"what": "height"}, file=file)
        await fake.until(lambda: "height: forty metres" in str(fake.from_bot()))

    async def test_a_menu_goes_along_with_the_thread_of_its_message(
        self, pair: Pair, fake: FakeDiscord
    ) -> None:
        root = talk(fake, "shall we?")
        fake.world.add_thread(root, "shall we?")
        talk(fake, "yes", channel=root)
        await fake.command("Recap", target=root)
        await fake.until(lambda: "eve: shall we? | eve: yes" in str(fake.from_bot()))
        await fake.command("Note this down", target=root)
        await fake.until(lambda: "by eve" in str(fake.from_bot(private=True)))

    async def test_who_may_not_read_a_channel_gets_no_recap_of_it(
        self, pair: Pair, fake: FakeDiscord
    ) -> None:
        talk(fake, "the tower is white")
        await fake.command("recap", may=NO_HISTORY)
        await fake.until(lambda: "You may not read" in str(fake.world.messages))
        assert "white" not in str(fake.from_bot())

    async def test_in_direct_messages_it_has_the_roles_that_rules_name(
        self, make_pair: Any, fake: FakeDiscord
    ) -> None:
        async def named(platform: str) -> frozenset[str]:
            return frozenset({"260"})

        fake.world.roles[ADA] = (260, 270)
        policy = replace(place(), named_roles=named)
        async with running(make_pair(bench={"policy": policy})) as pair:
            await fake.command("paint", {"what": "a barn"}, channel=DM)
            await fake.until(lambda: finished(fake, DM))
            assert pair.given.events[0][3]["event"]["author"]["roles"] == ["260"]

    async def test_after_the_interaction_has_ended_it_goes_on_in_the_channel(
        self, make_pair: Any, fake: FakeDiscord
    ) -> None:
        backend = ScriptedBackend("default", replies=["word " * 60], tokens_per_s=100)
        timing = replace(QUICK, token_life=0.3)
        async with running(make_pair(bench={"backend": backend}, timing=timing)):
            await fake.command("say", {"what": "a story"})
            await fake.until(lambda: finished(fake))
        shown = [m["content"] for m in fake.from_bot(CHANNEL)]
        assert "-# The answer goes on below." in shown[0]

    async def test_a_form_is_answered_where_it_was_opened(
        self, make_pair: Any, fake: FakeDiscord
    ) -> None:
        """Since what was typed into it comes back where its command fails."""
        async with running(make_pair(bench={"skills": (*SKILLS, FORMS)})) as pair:
            await fake.command("plan", {"mode": "old"})
            await fake.until(lambda: fake.forms)
            await fake.submit({"option:what": "a trip"})
            await fake.until(lambda: "old|a trip|1" in str(fake.from_bot()))
            assert pair.given.events == []

    async def test_its_token_is_told_to_nobody_else(
        self, pair: Pair, fake: FakeDiscord, caplog: pytest.LogCaptureFixture, capsys: Any
    ) -> None:
        token = await fake.command("paint", {"what": "a barn"})
        await fake.until(lambda: finished(fake))
        (event,) = pair.given.events
        assert event[3]["event"]["reply"]["token"]["token"] == token
        event[3]["event"]["reply"]["token"]["odd"] = token
        with pytest.raises(UnknownFormat) as caught:
            await pair.worker.adapter.handle_received({**event[3], "event": {"kind": token}})
        told = capsys.readouterr()
        assert token not in caplog.text + told.out + told.err + repr(caught.value)


class TestWhoAnswers:
    @pytest.mark.parametrize("fails", [None, StorageError("away")])
    async def test_what_cannot_be_given_is_answered_here(
        self, pair: Pair, fake: FakeDiscord, fails: Exception | None
    ) -> None:
        pair.given.says, pair.given.fails = "here", fails
        await pair.worker.kill()
        await fake.say("hello", channel=DM)
        await fake.until(lambda: finished(fake, DM))
        await fake.command("paint", {"what": "a barn"})
        await fake.until(lambda: finished(fake, CHANNEL))
        assert kinds(pair) == ["message", "command"]

    async def test_what_was_given_before_is_dropped(self, pair: Pair, fake: FakeDiscord) -> None:
        pair.given.says = "known"
        await fake.say("hello", channel=DM)
        await fake.until(lambda: pair.given.events)
        pair.given.says = "elsewhere"
        await fake.say("hello again", channel=DM)
        await fake.until(lambda: finished(fake, DM))
        assert asked(pair) == ["hello again"]

    async def test_whoever_is_not_let_in_is_told_so_by_the_front(
        self, make_pair: Any, fake: FakeDiscord
    ) -> None:
        policy = replace(place(), admission=Closed())
        async with running(make_pair(bench={"policy": policy})) as pair:
            await fake.say("hello", channel=DM)
            await fake.until(lambda: "closed today" in str(fake.from_bot(DM)))
            await fake.command("paint", {"what": "a barn"})
            await fake.until(lambda: "closed today" in str(fake.from_bot(private=True)))
            assert pair.given.events == []

    async def test_an_event_of_another_version_is_refused(
        self, pair: Pair, fake: FakeDiscord
    ) -> None:
        await fake.say("hello", channel=DM)
        await fake.until(lambda: finished(fake, DM))
        payload = pair.given.events[0][3]
        handle = pair.worker.adapter.handle_received
        for wrong in (
            {**payload, "format": 2},
            {"event": payload["event"]},
            {**payload, "event": {**payload["event"], "more": 1}},
            {**payload, "event": {**payload["event"], "kind": "poll"}},
            {**payload, "event": None},
        ):
            with pytest.raises(UnknownFormat):
                await handle(json.loads(json.dumps(wrong)))
        assert asked(pair) == ["hello"]

    async def test_one_that_is_not_connected_takes_nothing(self, make_pair: Any) -> None:
        with pytest.raises(AdapterError):
            await make_pair().worker.adapter.handle_received({})

    async def test_a_worker_leaves_what_dead_processes_left_to_the_front(
        self, make_pair: Any, fake: FakeDiscord
    ) -> None:
        pair = make_pair()
        asked_for: list[str] = []

        class Asked(type(pair.bench.replies)):  # type: ignore[misc]
            async def unfinished(self, platform: str) -> Any:
                asked_for.append(platform)
                return ()

        pair.worker.bench.core = replace(pair.worker.bench.core, replies=Asked())
        await pair.worker.start()
        await pair.worker.stop()
        assert asked_for == []


class TestAWorkersConnection:
    async def test_it_registers_no_commands_and_links_to_those_of_the_front(
        self, make_pair: Any, fake: FakeDiscord, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(command_links, "_links", {})
        fake.rest.commands[0] = [{"name": "Recap", "type": 3}, {"name": "paint", "type": 1}]
        worker = make_pair().worker
        await worker.start()
        await fake.until(lambda: worker.adapter.written("/paint") == "</paint:901>")
        assert worker.adapter.written("/Recap") == "`/Recap`"
        assert (fake.rest.registered, fake.gateway.identifies) == (0, 0)
        await worker.stop()

    async def test_it_logs_in_again_until_discord_lets_it(
        self, make_pair: Any, fake: FakeDiscord
    ) -> None:
        fake.fail_next("GET", "/users/@me$", 400, times=3)
        worker = make_pair().worker
        await worker.start()
        assert len(fake.requests("GET", "/users/@me$")) == 4
        await worker.stop()
        assert not worker.adapter.connected

    async def test_a_token_that_discord_refuses_ends_it(self, make_pair: Any) -> None:
        pair = make_pair(token="MTAw.wrong.token")
        with pytest.raises(AdapterError, match="refuses the token"):
            await pair.worker.start()

    async def test_it_makes_its_part_of_the_requests_that_discord_takes(self, pair: Pair) -> None:
        adapter = pair.worker.adapter
        adapter.share_limits(40)
        assert adapter._running is not None
        requests = adapter._running.client_holder.requests
        await requests.end()
        assert requests.end_wait_s > 0
        adapter.share_limits(1)
        assert requests.end_wait_s == 0


class TestAfterwards:
    """What becomes of a question that another process answers."""

    @pytest.fixture
    async def slow(self, make_pair: Any) -> AsyncIterator[Pair]:
        replies = [" ".join(f"word{n}" for n in range(4000))]
        backend = ScriptedBackend("default", replies=replies, tokens_per_s=100)
        async with running(make_pair(bench={"backend": backend})) as started:
            yield started

    async def test_a_deleted_question_takes_its_answer_away(
        self, slow: Pair, fake: FakeDiscord
    ) -> None:
        question = await fake.say("tell a story", channel=DM)
        await fake.until(lambda: "word3" in str(fake.from_bot(DM)))
        await fake.delete(question)
        await fake.until(lambda: not fake.from_bot(DM))
        assert kinds(slow) == ["message", "deletion"]
        assert slow.bench.backend.cancelled == 1

    async def test_a_question_deleted_while_it_was_given_is_not_answered(
        self, slow: Pair, fake: FakeDiscord
    ) -> None:
        slow.given.free.clear()
        question = await fake.say("tell a story", channel=DM)
        await fake.until(lambda: slow.given.events)
        await fake.delete(question)
        slow.given.free.set()
        await fake.until(lambda: kinds(slow) == ["message", "deletion"])
        await fake.until(lambda: slow.bench.core.open_turns.count_all() == 0)
        assert not fake.from_bot(DM)

    async def test_an_edited_question_can_be_answered_anew(
        self, pair: Pair, fake: FakeDiscord
    ) -> None:
        question = await fake.say("how high is it?", channel=DM)
        await fake.until(lambda: finished(fake, DM))
        await fake.edit(question, "how wide is it?")
        await fake.until(lambda: "Answer the new one" in str(fake.from_bot(DM)))
        await fake.press("Answer the new one")
        await fake.until(lambda: "You said: how wide is it?" in str(fake.from_bot(DM)))
        assert kinds(pair) == ["message"]


async def test_an_interaction_ends_at_its_time_wherever_it_is_answered() -> None:
    maker = ReplyMaker(ClientHolder(), MemoryReplies(), QUICK, lambda work, name: work.close())

    def is_expired(left_s: float) -> bool:
        ends_at = datetime.now(UTC) + timedelta(seconds=left_s)
        plan = InteractionReply(CHANNEL, ADA, InteractionToken(100, "t", ends_at))
        poster = maker.posters_for(plan)[0]
        assert isinstance(poster, InteractionPoster)
        return poster.is_expired

    assert is_expired(-1.0)
    assert not is_expired(60.0)
