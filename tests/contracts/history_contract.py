"""What every `HistoryStore` must do. A test class inherits this and offers the fixture `store`."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from backends.base import Usage
from bot.history.attachments import AttachmentSnapshot, StoredContextMessage, StoredFile
from bot.history.protocol import HistoryStore, StoredMessage, TurnStatus
from bot.types import Explanation, Source

HERE = "slack:T1:C1"
START = datetime(2026, 1, 2, 3, 4, 5, 678901, tzinfo=UTC)


def asked(
    name: str, conversation: str = HERE, author: str = "slack:ada", **more: object
) -> StoredMessage:
    """A person's turn with the id `q-<name>`."""
    turn = StoredMessage(
        id=f"q-{name}",
        conversation=conversation,
        role="user",
        text=f"question {name}",
        author=author,
        at=START,
        author_name="Ada",
        event_id=f"event-{name}",
    )
    return replace(turn, **more)  # type: ignore[arg-type]


def answering(question: StoredMessage, suffix: str = "") -> StoredMessage:
    """The running answer to a person's turn, with the id `a-<name>`."""
    return StoredMessage(
        id=question.id.replace("q-", "a-") + suffix,
        conversation=question.conversation,
        role="assistant",
        text="",
        author="",
        at=START + timedelta(seconds=1),
        answers=question.id,
        remember=question.remember,
        status="running",
    )


async def exchange(
    store: HistoryStore, question: StoredMessage, status: TurnStatus = "complete", suffix: str = ""
) -> StoredMessage:
    """Store a question and its finished answer."""
    answer = answering(question, suffix)
    await store.open(question, answer)
    done = replace(answer, text=f"answer {question.id}{suffix}", status=status, model="tiny")
    await store.finish(done)
    return done


class HistoryContract:
    async def test_an_event_is_claimed_once(self, store: HistoryStore) -> None:
        assert await store.claim("slack", "E1")
        assert not await store.claim("slack", "E1")
        assert await store.claim("discord", "E1")
        assert await store.claim("slack", "E2")

    async def test_a_question_is_stored_and_its_event_claimed_at_once_or_neither(
        self, store: HistoryStore
    ) -> None:
        question = asked("q1")
        assert await store.open(question, answering(question), claim=True)
        platform = question.conversation.partition(":")[0]
        assert not await store.claim(platform, question.event_id)
        again = replace(asked("q2"), event_id=question.event_id)
        assert not await store.open(again, answering(again), claim=True)
        assert await store.get(again.id) is None

    async def test_of_many_claims_at_once_one_wins(self, store: HistoryStore) -> None:
        won = await asyncio.gather(*(store.claim("slack", "E1") for _ in range(50)))
        assert won.count(True) == 1

    async def test_a_turn_comes_back_whole(self, store: HistoryStore) -> None:
        question = asked("1", text="Grüße 🎉\n```", command="ask", options={"n": 3, "x": None})
        answer = answering(question)
        await store.open(question, answer)
        why = Explanation(
            model="tiny",
            turns_used=4,
            passages=(Source(1, "Logs", "docs/logs.md", "Rotate", 0.5, "text", "d1", START),),
            left_out=("d2",),
            usage=Usage(prompt_tokens=9),
        )
        done = replace(
            answer,
            text="done",
            status="complete",
            model="tiny",
            usage=Usage(10, 2, 3, 0.1, 0.2, 0.3, 0.4),
            explanation=why,
        )
        await store.finish(done)
        assert await store.get("q-1") == question
        assert await store.get("a-1") == done
        assert await store.get("nothing") is None

    async def test_the_question_is_there_before_the_answer(self, store: HistoryStore) -> None:
        question = asked("1")
        await store.open(question, answering(question))
        running = await store.get("a-1")
        assert running is not None
        assert running.status == "running"
        assert await store.get("q-1") == question

    async def test_progress_is_kept_until_the_answer_is_finished(self, store: HistoryStore) -> None:
        question = asked("1")
        answer = answering(question)
        await store.open(question, answer)
        await store.progress("a-1", "half")
        half = await store.get("a-1")
        assert half is not None
        assert (half.text, half.status) == ("half", "running")
        await store.finish(replace(answer, text="whole", status="complete"))
        await store.progress("a-1", "late")
        await store.finish(replace(answer, text="again", status="failed"))
        whole = await store.get("a-1")
        assert whole is not None
        assert (whole.text, whole.status) == ("whole", "complete")

    async def test_recent_is_oldest_first_and_of_one_conversation(
        self, store: HistoryStore
    ) -> None:
        for name in ("1", "2", "3"):
            await exchange(store, asked(name))
        await exchange(store, asked("x", "slack:T1:C1:t=9"))
        found = await store.recent(HERE)
        assert [turn.id for turn in found] == ["q-1", "a-1", "q-2", "a-2", "q-3", "a-3"]
        assert [turn.id for turn in await store.recent(HERE, limit=4)] == [
            "q-2",
            "a-2",
            "q-3",
            "a-3",
        ]
        assert list(await store.recent("slack:T1:nowhere")) == []

    @pytest.mark.parametrize(
        ("status", "kept"),
        [
            ("complete", True),
            ("cancelled", True),
            ("interrupted", True),
            ("refused", False),
            ("failed", False),
        ],
    )
    async def test_recent_keeps_what_was_answered(
        self, store: HistoryStore, status: TurnStatus, kept: bool
    ) -> None:
        await exchange(store, asked("1"), status)
        assert [turn.id for turn in await store.recent(HERE)] == (["q-1", "a-1"] if kept else [])

    async def test_recent_leaves_out_what_runs_and_what_is_not_remembered(
        self, store: HistoryStore
    ) -> None:
        await exchange(store, asked("1"))
        await exchange(store, asked("2", remember=False))
        question = asked("3")
        await store.open(question, answering(question))
        assert [turn.id for turn in await store.recent(HERE)] == ["q-1", "a-1"]

    async def test_a_regenerated_answer_replaces_the_old_one_in_prompts_only(
        self, store: HistoryStore
    ) -> None:
        question = asked("1")
        old = await exchange(store, question)
        await exchange(store, asked("2"))
        await store.supersede(old.id)
        await exchange(store, question, suffix="-again")
        found = [turn.id for turn in await store.recent(HERE)]
        assert found == ["q-1", "a-1-again", "q-2", "a-2"]
        assert await store.get(old.id) == old

    async def test_a_superseded_answer_takes_its_question_out(self, store: HistoryStore) -> None:
        old = await exchange(store, asked("1"))
        await store.supersede(old.id)
        assert list(await store.recent(HERE)) == []

    async def test_the_turn_of_an_event_is_found(self, store: HistoryStore) -> None:
        question = asked("1")
        await exchange(store, question)
        assert await store.by_event("slack", "event-1") == question
        assert await store.by_event("discord", "event-1") is None
        assert await store.by_event("slack", "event-2") is None

    async def test_the_latest_answer_to_a_question_is_found(self, store: HistoryStore) -> None:
        question = asked("1")
        assert await store.answer_to(question.id) is None
        await exchange(store, question, "failed")
        assert await store.answer_to("q-2") is None
        latest = await exchange(store, question, suffix="-again")
        assert await store.answer_to(question.id) == latest

    async def test_what_a_question_came_with_is_kept_and_forgotten_with_it(
        self, store: HistoryStore
    ) -> None:
        quote = StoredContextMessage(
            "Bob", "Grüße 🎉", True, "m1", (StoredFile("a.md", "A", "text", True),)
        )
        kept = AttachmentSnapshot(
            (StoredFile("b.pdf", "B", "read"),), (quote,), replace(quote, thread=True)
        )
        await exchange(store, asked("1"))
        assert await store.material("q-1") is None
        await store.keep("q-1", AttachmentSnapshot())
        await store.keep("q-1", kept)
        assert await store.material("q-1") == kept
        await store.forget(person="slack:ada")
        assert await store.material("q-1") is None

    async def test_what_a_dead_process_left_is_interrupted(self, store: HistoryStore) -> None:
        await exchange(store, asked("1"))
        question = asked("2")
        await store.open(question, answering(question))
        await store.progress("a-2", "so far")
        (left,) = await store.interrupt_running()
        assert (left.id, left.text, left.status) == ("a-2", "so far", "interrupted")
        assert await store.get("a-2") == left
        assert list(await store.interrupt_running()) == []
        assert [turn.id for turn in await store.recent(HERE)] == ["q-1", "a-1", "q-2", "a-2"]

    async def test_what_was_said_of_passages_is_reported_by_workspace(
        self, store: HistoryStore
    ) -> None:
        source = Source(1, "Logs", "/docs/logs.md", passage="Rotate them.", document="d1")
        for name, place in (("1", HERE), ("2", "slack:T12:C2")):
            question = asked(name, place)
            done = replace(answering(question), status="complete")
            await store.open(question, answering(question))
            await store.finish(replace(done, explanation=Explanation(passages=(source,))))
            await store.feedback(done.id, "slack:bob", "wrong", "1")
        await store.feedback("a-1", "slack:ada", "outdated", "d1")
        await store.feedback("a-1", "slack:ada", "wrong", "7")
        await store.feedback("a-1", "slack:ada", "good")
        found = await store.reports("slack:T1")
        said = {(one.person, one.verdict, one.source) for one in found}
        assert said == {
            ("slack:bob", "wrong", source),
            ("slack:ada", "outdated", source),
            ("slack:ada", "wrong", None),
        }
        assert [one.source for one in await store.reports("slack:T12")] == [source]
        assert len(await store.reports("slack:T1", limit=1)) == 1

    async def test_forgetting_a_person_takes_the_answers_along(self, store: HistoryStore) -> None:
        await exchange(store, asked("1"))
        await exchange(store, asked("2", "slack:T1:C2"))
        await exchange(store, asked("3", author="slack:bob"))
        await store.feedback("a-3", "slack:ada", "good")
        assert await store.forget(person="slack:ada") == 4
        for gone in ("q-1", "a-1", "q-2", "a-2"):
            assert await store.get(gone) is None
        assert [turn.id for turn in await store.recent(HERE)] == ["q-3", "a-3"]
        assert await store.forget(person="slack:ada") == 0

    async def test_forgetting_a_person_takes_their_messages_out_of_what_others_asked(
        self, store: HistoryStore
    ) -> None:
        hers = StoredContextMessage(
            "Ada", "mine", by="slack:ada", files=(StoredFile("a.md", "A", "mine"),)
        )
        his = StoredContextMessage("Bob", "his", by="slack:bob")
        own = StoredFile("b.md", "B", "asked with")
        for name in ("1", "2", "3"):
            await exchange(store, asked(name, author="slack:bob"))
        await store.keep("q-1", AttachmentSnapshot((own,), (hers, his)))
        await store.keep("q-2", AttachmentSnapshot((), (hers,)))
        await store.keep("q-3", AttachmentSnapshot((), (his,), hers))  # asked about her message
        await store.forget(person="slack:ada")
        assert await store.material("q-1") == AttachmentSnapshot((own,), (his,))
        assert not await store.material("q-2")
        assert await store.get("q-3") is None
        assert await store.material("q-3") is None
        assert [turn.id for turn in await store.recent(HERE)] == ["q-1", "a-1", "q-2", "a-2"]

    async def test_nothing_is_kept_with_a_turn_that_is_forgotten(self, store: HistoryStore) -> None:
        await exchange(store, asked("1"))
        await store.forget(person="slack:ada")
        await store.keep("q-1", AttachmentSnapshot((StoredFile("a.md", "A", "late"),)))
        assert await store.material("q-1") is None

    async def test_nobody_has_no_name(self, store: HistoryStore) -> None:
        """The empty name stands where an answer's author would."""
        await exchange(store, asked("1"))
        assert await store.forget(person="") == 0
        assert await store.get("a-1") is not None

    async def test_forgetting_a_conversation(self, store: HistoryStore) -> None:
        await exchange(store, asked("1"))
        await exchange(store, asked("2", "slack:T1:C2"))
        assert await store.forget(conversation=HERE) == 2
        assert await store.get("q-1") is None
        assert await store.get("q-2") is not None
        assert await store.forget() == 0
