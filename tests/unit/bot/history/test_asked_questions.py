"""Which questions `parlance docs eval make` collects, and what of them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from bot.cli.eval_questions import is_direct_message, redactor, to_golden_file, write_new_file
from bot.errors import Failed, UsageError
from bot.history.asked_questions import AskedQuestion, collect_questions
from bot.history.protocol import StoredMessage
from bot.history.sql_store import SqlHistoryStore
from bot.knowledge.retrieval.golden import load_golden
from bot.observability.redaction import Redactor
from bot.storage.address import DatabaseAddress
from bot.storage.database import Database
from bot.types import ConversationKey, Explanation, Source

NOW = datetime.now(UTC)
CHANNEL = ConversationKey("slack", "T1", "C1")
DIRECT = ConversationKey("slack", "T1", "D1")
SHOWN = (Source(1, "Rent", "/srv/rent.md"),)


@dataclass
class Past:
    """What was asked and answered."""

    database: Database
    store: SqlHistoryStore
    number: int = 0

    async def asked(
        self,
        text: str,
        outcome: str = "",
        *,
        where: ConversationKey = CHANNEL,
        command: str = "ask",
        shown: tuple[Source, ...] = SHOWN,
        at: datetime = NOW,
    ) -> str:
        self.number += 1
        question = StoredMessage(
            f"q{self.number}", str(where), "user", text, "slack:U1", at, "Ann", command=command
        )
        answer = StoredMessage(
            *(f"a{self.number}", str(where), "assistant", "Yes.", "", at),
            answers=question.id,
            explanation=Explanation(passages=shown, outcome=outcome),
            command=command,
        )
        await self.store.open(question, answer)
        return answer.id

    async def collected(self) -> list[tuple[str, str]]:
        found = await self.questions()
        return [(one.text, one.reason) for one in found]

    async def questions(self) -> list[AskedQuestion]:
        return await collect_questions(
            self.database,
            NOW - timedelta(days=30),
            redact=redactor(Redactor(["hunter2-secret"])),
            leave_out=is_direct_message,
        )


@pytest.fixture
async def past(database_address: DatabaseAddress) -> AsyncIterator[Past]:
    database = await Database.open(database_address)
    yield Past(database, SqlHistoryStore(database))
    await database.close()


async def test_questions_that_went_badly_are_collected_and_no_others(past: Past) -> None:
    await past.asked("Was it answered?", "answer")
    await past.asked("What is not there?", "absent")
    await past.asked("What is not sure?", "unsure")
    liked = await past.asked("Was it good?", "answer")
    bad = await past.asked("Was it bad?", "answer", command="")
    wrong = await past.asked("Is a passage wrong?", "answer")
    await past.store.feedback(liked, "slack:U2", "good")
    await past.store.feedback(bad, "slack:U2", "bad")
    await past.store.feedback(wrong, "slack:U2", "wrong", "1")
    assert await past.collected() == [
        ("Is a passage wrong?", "disliked"),
        ("Was it bad?", "disliked"),
        ("What is not sure?", "unsure"),
        ("What is not there?", "unanswered"),
    ]


async def test_what_is_no_question_to_documents_is_left_out(past: Past) -> None:
    chatted = await past.asked("Tell me a joke.", command="", shown=())
    rapped = await past.asked("lighthouses", command="rap")
    for turn in (chatted, rapped):
        await past.store.feedback(turn, "slack:U2", "bad")
    await past.asked("How much do I earn?", "absent", where=DIRECT)
    await past.asked("Is it old?", "absent", at=NOW - timedelta(days=31))
    assert await past.collected() == []


async def test_a_question_stands_once_with_how_often_it_was_asked(past: Past) -> None:
    await past.asked("Where is it?", "absent")
    await past.asked("where  is it?", "absent")
    [found] = await past.questions()
    assert (found.text, found.times, found.documents) == ("where is it?", 2, ("Rent",))


async def test_nothing_personal_that_can_be_told_is_in_the_file(past: Past) -> None:
    await past.asked(
        "May <@U024BE7LH> (ada@example.org, +49 170 1234567) see https://x.example/u?id=ada or ask "
        "@bob with hunter2-secret in <#C12345>?",
        "absent",
    )
    text = to_golden_file(await past.questions())
    assert (
        '"May [person] ([e-mail], [number]) see [link] or ask [person] with [secret] in [person]?"'
    ) in text
    for word in ("Ann", "slack", "U1", "C1", "/srv"):
        assert word not in text


def test_docs_eval_reads_the_file_once_a_person_completed_it(tmp_path: Path) -> None:
    odd = AskedQuestion('Is "a: b" #1, or {x: [\x1b[2J]? - documents: all', "unanswered")
    file = tmp_path / "questions.yaml"
    write_new_file(file, to_golden_file([odd]), force=False)
    with pytest.raises(UsageError, match="question 1: its documents are not named yet"):
        load_golden(file)
    file.write_text(file.read_text("utf-8").replace('"?"', "[rent.md]"), "utf-8")
    [golden] = load_golden(file)
    assert (golden.question, golden.documents) == (odd.text, ("rent.md",))


def test_a_file_that_is_there_is_kept(tmp_path: Path) -> None:
    file = tmp_path / "questions.yaml"
    write_new_file(file, "one", force=False)
    with pytest.raises(UsageError, match="is there already; --force writes it anew"):
        write_new_file(file, "two", force=False)
    assert file.read_text("utf-8") == "one"
    write_new_file(file, "two", force=True)
    assert file.read_text("utf-8") == "two"
    assert list(tmp_path.iterdir()) == [file]
    assert file.stat().st_mode & 0o077 == 0
    with pytest.raises(Failed, match="cannot be written: no such file or directory"):
        write_new_file(tmp_path / "none" / "questions.yaml", "one", force=False)
