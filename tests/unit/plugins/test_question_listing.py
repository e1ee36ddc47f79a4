"""Questions for documents, asked of real ones: which say something, and what changed since when."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from backends.base import COPIES_NOTHING, ChatRequest
from backends.onnx.embedder import OnnxEmbedder
from backends.scripted.backend import ScriptedBackend
from bot.config.knowledge import KnowledgeBase
from plugins.chat import answer as mention
from tests.fakes.documents import Library, library

BASES = {
    "default": KnowledgeBase(default=True),
    "board": KnowledgeBase(users=("discord:99",)),
}
PETS = {
    "flats.md": "# Flats\n\nThe rent is due on the first Monday.\n\nDogs are allowed in the flats.",
    "garden.md": "# Garden\n\nThe roses bloom in May and June.\n\nDogs are allowed in the garden.",
    "offices.md": "# Offices\n\nCoffee stands in the kitchen.\n\nDogs are allowed in offices.",
    "bread.md": "# Bread\n\nKnead the dough for ten minutes and let it rest overnight.",
}
WHICH = "Which documents say that dogs are allowed?"


@pytest.fixture
async def shelf(tmp_path: Path, embedder_model: OnnxEmbedder) -> AsyncIterator[Library]:
    model = ScriptedBackend("default", replies=["I chat."])
    async with library(tmp_path, embedder_model, model, bases=BASES) as made:
        yield made


async def test_documents_that_say_it_are_listed_with_their_sentence(shelf: Library) -> None:
    await shelf.fill(PETS)
    said = await shelf.ask(WHICH)
    lines = said.text.splitlines()
    assert sorted(line.partition(" [")[0] for line in lines) == [
        "- **Flats**: “Dogs are allowed in the flats.”",
        "- **Garden**: “Dogs are allowed in the garden.”",
        "- **Offices**: “Dogs are allowed in offices.”",
    ]
    assert len(said.sources) == 3
    mentioned = await shelf.on.run(mention, shelf.on.context(WHICH))
    assert mentioned.text == said.text
    assert not shelf.on.backend.requests, "no model is needed"


async def test_at_most_ten_documents_are_listed(shelf: Library) -> None:
    await shelf.fill(
        {f"{n}.md": f"# House {n}\n\nDogs are allowed in house {n}." for n in range(14)}
    )
    said = await shelf.ask(WHICH)
    assert len(said.text.splitlines()) == len(said.sources) == 10


async def test_what_no_document_says_is_not_in_the_documents(shelf: Library) -> None:
    await shelf.put("bread.md", PETS["bread.md"])
    said = await shelf.ask("Which documents mention the tax treaty with Uruguay?")
    assert said.text.startswith("That is not in the documents.")


async def test_a_model_that_reads_says_which_documents_say_it(
    tmp_path: Path, embedder_model: OnnxEmbedder
) -> None:
    def read(request: ChatRequest) -> str:
        said = request.messages[-1].content
        if "Copy the words" not in said:
            return "I chat."
        told = "Dogs are allowed in the garden"
        return told if told in said else COPIES_NOTHING

    model = ScriptedBackend("default", answer=read, reads=True)
    async with library(tmp_path, embedder_model, model) as shelf:
        await shelf.fill(PETS)
        said = await shelf.ask(WHICH)
        assert said.text.startswith("- **Garden**: “Dogs are allowed in the garden.” [")
        assert len(said.sources) == 1


async def test_passages_of_documents_that_are_not_listed_are_not_read_with_each_three(
    tmp_path: Path, embedder_model: OnnxEmbedder
) -> None:
    def read(request: ChatRequest) -> str:
        said = request.messages[-1].content
        if "Copy the words" not in said:
            return "I chat."
        return "Knead the dough" if "Knead the dough" in said else "Dogs are allowed"

    model = ScriptedBackend("default", answer=read, reads=True)
    houses = {f"{n}.md": f"# House {n}\n\nDogs are allowed in house {n}." for n in range(4)}
    async with library(tmp_path, embedder_model, model) as shelf:
        await shelf.fill({**houses, "bread.md": PETS["bread.md"]})
        said = await shelf.ask(WHICH)
        assert "bread" not in said.text.casefold()
        assert len(said.sources) == 2
        assert len(model.requests) == 2
        assert not any("Knead" in one.messages[-1].content for one in model.requests)


async def test_what_changed_is_listed(shelf: Library) -> None:
    await shelf.put("rules.md", "# Travel policy\n\nA hotel may cost 100 euros.")
    await shelf.put("rules.md", "# Travel policy\n\nA hotel may cost 120 euros.")
    said = await shelf.ask("What changed since yesterday?")
    assert "changed: Travel policy (rules.md)" in said.text
    said = await shelf.ask("What changed in the travel policy since yesterday?")
    assert "> − A hotel may cost 100 euros." in said.text
    assert "> + A hotel may cost 120 euros." in said.text
    assert not shelf.on.backend.requests


async def test_that_nothing_changed_is_said(shelf: Library) -> None:
    await shelf.put("bread.md", PETS["bread.md"])
    said = await shelf.ask("What changed since 2030-01-01?")
    assert said.text == "No document has changed since 2030-01-01."
    said = await shelf.ask("What has changed in bread since 2030-01-01?")
    assert said.text == "Bread has not changed since 2030-01-01."


async def test_changes_of_documents_for_others_are_not_told(shelf: Library) -> None:
    await shelf.put("bread.md", PETS["bread.md"])
    await shelf.put("pay.md", "# Salaries of the board\n\nAll are told.", base="board")
    said = await shelf.ask("What changed since yesterday?")
    assert "Bread" in said.text
    assert "Salaries" not in said.text
    said = await shelf.ask("What changed in the salaries of the board since yesterday?")
    assert "All are told" not in said.text
    said = await shelf.ask("Which documents mention salaries of the board?")
    assert "All are told" not in said.text
