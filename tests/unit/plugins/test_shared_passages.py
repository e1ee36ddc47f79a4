"""People who ask the same documents have the beginning of their prompts in common."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import takewhile

import pytest

from backends.base import ChatRequest
from backends.scripted.backend import ScriptedBackend
from bot.types import Sources
from bot.values import Passage, Pointed, SearchResult
from plugins.ask_docs import ask
from tests.unit.plugins.stage import Stage

LAMPS = "Lamps in the lighthouse burn oil all night."
STAIRS = "Stairs of the lighthouse are painted in spring."
BELLS = "Bells of the lighthouse ring in fog."


def answer(request: ChatRequest) -> str:
    if request.sampling.json_schema is not None:
        return '{"said": [true]}'
    return "Perhaps something else, then."


@pytest.fixture
def model() -> ScriptedBackend:
    return ScriptedBackend("default", answer=answer)


def shelve(on: Stage, *texts: str, document: str = "Lighthouse") -> None:
    """Put passages of one document on the shelf, in the order of their places in it."""
    for position, text in enumerate(texts):
        on.shelf.put(document, text)
        on.shelf.passages[-1] = replace(on.shelf.passages[-1], document=document, position=position)


def shared(on: Stage) -> str:
    """What the last two prompts have in common at their beginning."""
    one, other = on.prompts()[-2:]
    pairs = takewhile(lambda pair: pair[0] == pair[1], zip(one, other, strict=False))
    return "".join(character for character, _ in pairs)


async def test_two_questions_that_rank_passages_otherwise_share_them(on: Stage) -> None:
    shelve(on, LAMPS, STAIRS, BELLS)
    await on.call(ask, options={"question": "What do lamps burn in the lighthouse at night?"})
    await on.call(ask, options={"question": "Which bells of the lighthouse ring in fog?"})
    assert all(text in shared(on) for text in (LAMPS, STAIRS, BELLS))


async def test_the_document_of_the_best_passage_stands_first(on: Stage) -> None:
    shelve(on, "The museum has lamps that burn.", document="Museum")
    shelve(on, STAIRS, LAMPS)
    await on.call(ask, options={"question": "What do lamps burn in the lighthouse at night?"})
    prompt = on.prompts()[-1]
    assert prompt.index(STAIRS) < prompt.index(LAMPS) < prompt.index("The museum")


async def test_an_answer_without_citations_names_the_best_passages(on: Stage) -> None:
    """Where a passage stands in the prompt is not its rank."""
    shelve(on, *(f"Lamps burn in room {n}." for n in range(4)), "At night all lamps burn oil here.")
    said = await on.call(ask, options={"question": "What do all lamps burn at night here?"})
    [sources] = said.of(Sources)
    named = {number for one in sources.items for number in (one.number, *one.also)}
    assert len(named) == 3
    assert 5 in named


def passages(ranks: Sequence[int]) -> SearchResult:
    found = tuple(Passage(str(rank), "d", "d", "d", "", str(rank)) for rank in ranks)
    return SearchResult(
        found, evidence=True, pointed=(Pointed(1, "a"), Pointed(2, "b")), ranks=tuple(ranks)
    )


def test_best_first_puts_what_was_pointed_to_with_its_passage() -> None:
    found = passages((2, 0, 1)).best_first()
    assert [one.id for one in found.passages] == ["0", "1", "2"]
    assert found.pointed == (Pointed(3, "a"), Pointed(1, "b"))
    assert found.best_first() is found
