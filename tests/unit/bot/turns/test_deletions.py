"""A deleted answer is a stop, after which nothing of it is shown or read any more."""

from __future__ import annotations

from collections.abc import Callable

from bot.events import AnswerDeleted, MessageDeleted
from bot.history.protocol import HistoryStore
from bot.types import Author
from tests.contracts.history_contract import asked, exchange
from tests.fakes.core import ADA, HERE, Bench
from tests.fakes.skills import CHAT, stalling

Make = Callable[..., Bench]


async def test_an_answer_that_is_deleted_ends_and_nothing_of_it_comes_again(
    bench: Make, history: HistoryStore
) -> None:
    b = bench(CHAT, store=history, backend=stalling())
    sink = await b.begin(b.message("hello"))
    turn = (await sink.until_text("one two")).turn
    await b.begin(AnswerDeleted("gone", HERE, turn))
    view = await sink.end()
    assert (view.state, view.text, view.pages, view.notices) == ("cancelled", "", (), ())
    kept = await history.get(turn)
    assert kept is not None
    assert (kept.status, kept.text) == ("cancelled", "one two")
    assert await history.recent(str(HERE)) == []


async def test_an_answer_that_is_complete_stays_in_the_history(
    bench: Make, history: HistoryStore
) -> None:
    b = bench(CHAT, store=history)
    view = await b.say(b.message("hello"))
    sink = await b.begin(AnswerDeleted("gone", HERE, view.turn))
    await b.core.close()
    assert sink.steps == []
    assert len(await history.recent(str(HERE))) == 2


async def test_a_question_is_known_from_its_first_moment(bench: Make) -> None:
    b = bench(CHAT, backend=stalling())
    question = b.message("hello")
    sink = await b.begin(question)
    found = await b.core.question("test", question.id)
    assert found is not None
    assert (found.text, found.conversation) == ("hello", HERE)
    assert found.turn == (await sink.until_text("one")).turn


async def test_the_author_of_a_stored_question_may_be_of_another_platform(
    bench: Make, history: HistoryStore
) -> None:
    b = bench(CHAT, store=history)
    guest = Author("elsewhere", "1", "Guest")
    question = b.message("hello", guest)
    await b.say(question)
    found = await b.core.question("test", question.id)
    assert found is not None
    assert found.author == guest


async def test_a_deleted_question_leaves_the_history_however_old_it_is(
    bench: Make, history: HistoryStore
) -> None:
    """Only among the newest 200 turns was it looked for: what was made of it lived on."""
    b = bench(CHAT, store=history)
    question = b.message("hello")
    await b.say(question)
    for number in range(101):
        await exchange(history, asked(str(number), conversation=str(HERE)))
    await b.begin(MessageDeleted("gone", HERE, ADA, of=question.id))
    await b.core.close()
    said = [turn.text for turn in await history.recent(str(HERE), limit=1000)]
    assert "hello" not in said
    assert len(said) == 202
