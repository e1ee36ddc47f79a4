"""The first exchanges with the default model as it is shipped: nothing to be ashamed of."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from backends.files.catalog import CHAT_FILE
from backends.files.store import ModelStore
from tests.scenarios.process import ROOT, Folder

LINES = (
    "hello",
    "/ask How do I write a skill?",
    "/summarize docs/quickstart.md",
    "who are you?",
    "thanks",
    "/rap tea vs coffee rounds=1",
)
"""README's lines, and what people say beside them."""
PAGE = ROOT / "docs" / "plugins.md"
NOTE = "I run on a very small model, which is often wrong"
_SIGNS = re.compile(r"[\s`*_]+")


def plain(text: str) -> str:
    """The words alone: emphasis and line breaks are the terminal's own."""
    return _SIGNS.sub(" ", text)


@pytest.fixture
async def folder(tmp_path: Path, chat_model_path: Path, embedder_files: ModelStore) -> Folder:
    made = Folder(tmp_path)
    made.configure(
        models={
            "default": {
                "backend": "llama_cpp",
                "source": CHAT_FILE.source,
                "sha256": CHAT_FILE.sha256,
                "context": 2048,
                "n_threads": 1,
                "seed": 7,
            },
            "embedder": {"backend": "onnx"},
        }
    )
    (await made.run("docs", "add", str(PAGE))).no_trace()
    return made


async def test_nothing_that_a_newcomer_is_told_is_the_tiny_models_invention(folder: Folder) -> None:
    ended = (await folder.run("run", stdin="\n".join(LINES).encode())).no_trace()
    assert ended.status == 0, ended.err
    turns = folder.turns()
    said = {
        turn["text"]: answer["text"] for turn, answer in zip(turns[::2], turns[1::2], strict=True)
    }
    hello, asked, summary, who, thanks, battle = said.values()

    assert hello.startswith("Hello! What can I do for you?")
    assert "/ask how do I write a skill?" in hello
    assert who.startswith("I am Parlance, a chat bot.")
    assert thanks == "You are welcome!"

    quoted = re.fullmatch(r"> (.+) \[(\d)\]", asked)
    assert quoted is not None, asked
    assert plain(quoted[1]) in plain(PAGE.read_text("utf-8"))
    assert "async generator" in quoted[1]

    head, *points = summary.split("\n- ")
    assert head.strip() == "In the text's own words:"
    page = plain((ROOT / "docs" / "quickstart.md").read_text("utf-8"))
    assert 3 <= len(points) <= 5
    for point in points:
        assert plain(point).strip() in page

    assert "**tea**" in battle
    assert "may not be supported" not in ended.out
    assert ended.out.count(NOTE) == 1, "said once"
    assert "parlance setup model" in ended.out
