"""Passages are read with their neighbours where the model's window has room."""

from __future__ import annotations

from dataclasses import replace

import pytest

from backends.base import COPIES_NOTHING, ChatRequest
from backends.scripted.backend import ScriptedBackend
from bot.types import Sources
from plugins.ask_docs import ask
from tests.unit.plugins.stage import Said, Stage

ASKED = {"question": "When is the rent due?"}
DUE = "When is the rent due? That depends on the flat."
AFTER = "In the old house it is the third working day."


def answer(request: ChatRequest) -> str:
    said = request.messages[-1].content
    if request.sampling.json_schema is not None:
        return '{"said": [true]}'
    if "Copy the words" not in said:
        return "On the third working day [1]."
    return "the third working day" if AFTER in said else COPIES_NOTHING


def shelve(on: Stage, *neighbours: tuple[str, str, str]) -> None:
    """Put documents on the shelf: what stands before a passage, the passage, and what follows."""
    for before, text, after in neighbours:
        on.shelf.put(f"Page {len(on.shelf.passages) + 1}", text)
        context = "\n\n".join(part for part in (before, text, after) if part)
        on.shelf.passages[-1] = replace(on.shelf.passages[-1], context=context)


def shown(said: Said) -> list[str]:
    [sources] = said.of(Sources)
    return [one.passage for one in sources.items]


@pytest.fixture
def model() -> ScriptedBackend:
    return ScriptedBackend("default", answer=answer)


async def test_neighbours_are_in_the_prompt_and_the_citation_points_at_the_passage(
    on: Stage,
) -> None:
    shelve(on, ("It is a long story.", DUE, AFTER))
    said = await on.call(ask, options=ASKED)
    assert f"Page 1\nIt is a long story.\n\n{DUE}\n\n{AFTER}\n" in on.prompts()[0]
    assert shown(said) == [DUE]
    assert said.footer == "", "what a neighbour says bears the answer out"


async def test_a_neighbour_that_is_found_itself_is_read_once(on: Stage) -> None:
    shelve(on, ("", DUE, AFTER), (DUE, f"When is rent due? {AFTER}", ""), ("", DUE + "!", "End."))
    on.shelf.passages[0] = replace(
        on.shelf.passages[0], context=f"{DUE}\n\n{on.shelf.passages[1].text}"
    )
    await on.call(ask, options=ASKED)
    [prompt] = on.prompts()
    assert prompt.count(AFTER) == 1
    assert "End." in prompt


async def test_a_narrow_window_has_the_passages_before_any_neighbour(on: Stage) -> None:
    for n in range(8):
        around = [f"neighbour {side}{n} " * 50 for side in "ab"]
        shelve(on, (around[0], f"{DUE} {'when rent due ' * (8 - n)}{n}", around[1]))
    read = {}
    for model in ("small", "default"):
        said = await on.call(ask, options={**ASKED, "model": model})
        assert len(said.explanation.passages) == 8
        backend = on.models.backends[model]
        assert isinstance(backend, ScriptedBackend)
        prompt = backend.requests[-1].messages[-1].content
        read[model] = [n for n in range(8) if f"neighbour a{n}" in prompt]
    assert read["default"] == [0, 1, 2, 3]
    assert read["small"] in ([], [0], [0, 1])


class TestAReader:
    @pytest.fixture
    def model(self) -> ScriptedBackend:
        return ScriptedBackend("default", answer=answer, reads=True)

    async def test_what_a_neighbour_answers_is_cited_with_it(
        self, on: Stage, model: ScriptedBackend
    ) -> None:
        shelve(on, ("", DUE, AFTER))
        said = await on.call(ask, options=ASKED)
        assert said.text == "On the third working day [1]."
        assert shown(said) == [f"{DUE}\n\n{AFTER}"]
        pointing, answering, checking = (one.messages[-1].content for one in model.requests)
        passages = pointing[: pointing.index("Copy the words")].rstrip()
        assert answering.startswith(passages)
        assert checking.startswith(passages)
