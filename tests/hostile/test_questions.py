"""Bad questions and odd documents through `/ask`, on real documents: each comes to something."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from backends.onnx.embedder import OnnxEmbedder
from backends.scripted.backend import ScriptedBackend
from bot.errors import UserFacingError
from tests.fakes.documents import Library, library
from tests.hostile.questions import (
    ASKED,
    LEASE,
    LOGS,
    ONE_LINE,
    ONE_TABLE,
    REFUSED,
    long_document,
)
from tests.unit.plugins.stage import Said

_WORTH = {"absent": 0, "unsure": 1, "answer": 2}
_BEGINS = {
    "absent": "That is not in the documents. The nearest are:",
    "unsure": "I am not sure. The nearest in the documents is:\n\n> ",
    "answer": "It says so [1].",
}


@pytest.fixture
def model() -> ScriptedBackend:
    return ScriptedBackend("default", answer=lambda request: "It says so [1].")


@pytest.fixture
async def shelf(
    tmp_path: Path, embedder_model: OnnxEmbedder, model: ScriptedBackend
) -> AsyncIterator[Library]:
    async with library(tmp_path, embedder_model, model) as made:
        yield made


def titles(said: Said) -> list[str]:
    return [one.title for one in said.explanation.passages]


async def test_every_question_comes_to_one_of_three_outcomes(shelf: Library) -> None:
    await shelf.fill({"lease.md": LEASE, "operations.md": LOGS})
    worse = {}
    for name, (question, least) in ASKED.items():
        said = await shelf.ask(question)
        outcome = said.explanation.outcome
        assert said.text.startswith(_BEGINS[outcome]), (name, said.text)
        if _WORTH[outcome] < _WORTH[least]:
            worse[name] = outcome
    assert worse == {}
    story = await shelf.ask(ASKED["4,000 characters"][0])
    assert story.explanation.searched == ("So when is the rent for the flat due each month?",)
    for question, why in REFUSED.items():
        with pytest.raises(UserFacingError, match=why):
            await shelf.ask(question)


async def test_odd_documents_are_answered_from(shelf: Library) -> None:
    await shelf.fill(
        {"lease.md": LEASE, "copy.md": LEASE, "gate.txt": ONE_LINE, "prices.md": ONE_TABLE}
    )
    said = await shelf.ask("When is the rent due?")
    assert titles(said).count("Lease") == 1, "a document that is there twice is read once"
    assert said.sources == [1]
    said = await shelf.ask("What is the gate code?")
    assert titles(said)[0] == "gate"
    said = await shelf.ask("What is the price of the plan Basic?")
    assert titles(said)[0] == "prices"
    listed = await shelf.ask("Which documents say when the rent is due?")
    assert listed.text.count("Lease") == 1


async def test_a_document_of_five_hundred_pages_is_answered_from(
    tmp_path: Path, model: ScriptedBackend
) -> None:
    async with library(tmp_path, ScriptedBackend("embedder"), model) as shelf:
        await shelf.put("long.md", long_document())
        said = await shelf.ask("Where is the spare key of the boiler room?")
        assert said.explanation.outcome != "absent"
        read = [one.passage for one in said.explanation.passages]
        assert any("behind the green door" in passage for passage in read)
