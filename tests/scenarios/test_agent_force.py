"""The default model, whose template has no tools: offered none, or held to a form with a real
sampler."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from backends.files.catalog import CATALOG, CHAT_FILE
from tests.scenarios.process import Folder

PLUGIN = '''
from bot.api import Context, hookimpl, tool


@tool()
async def ping(ctx: Context) -> str:
    """Ping the lamp. Always call this first."""
    return "The lamp answers."


@hookimpl
def register_tools():
    return [ping]
'''
SHIPPED_TOOLS = (
    "agent_tools", "memory_tools", "page_summary", "reminders", "run_python", "web_search",
)  # fmt: skip
"""Off, so that the prompt is short."""


@pytest.fixture
def folder(tmp_path: Path, chat_model_path: Path) -> Folder:
    place = tmp_path / "plugins"
    place.mkdir()
    (place / "lamp.py").write_text(PLUGIN)
    return Folder(tmp_path)


def configure(folder: Folder, **more: Any) -> None:
    model = {"backend": "llama_cpp", "source": CHAT_FILE.source, "sha256": CHAT_FILE.sha256}
    folder.configure(
        models={
            "default": {
                **model, "context": 2048, "n_threads": 1, "seed": 7,
                "sampling": {"max_tokens": 40}, **more,
            },
            "embedder": {"backend": "scripted"},
        },
        plugins={"folders": [str(folder.path / "plugins")], "disabled": list(SHIPPED_TOOLS)},
    )  # fmt: skip


async def test_the_default_model_says_which_of_the_catalogue_can_use_tools(folder: Folder) -> None:
    configure(folder)
    ended = (await folder.run("run", stdin=b"/agent ping the lamp\n")).no_trace()
    said = " ".join((ended.out + ended.err).split())
    assert "default cannot use tools, and no other model here can." in said
    able = [one.name for one in CATALOG if one.tools]
    assert sum(name in said for name in able) >= 3


async def test_a_model_that_is_forced_chooses_a_tool_by_its_name(folder: Folder) -> None:
    """Its wit is not tested: it is held to choose a tool or none, and its call is carried out."""
    configure(folder, agent="force")
    ended = (await folder.run("run", stdin=b"/agent ping the lamp\n")).no_trace()
    assert "cannot use tools" not in ended.out + ended.err
    answer = folder.turns()[-1]
    assert answer["status"] == "complete"
    assert '"tool"' not in answer["text"]
    with closing(sqlite3.connect(folder.path / "data" / "parlance.db")) as database:
        found = database.execute("SELECT tool, state FROM tool_calls").fetchall()
        [(steps,)] = database.execute("SELECT max(steps) FROM daily_use").fetchall()
    assert set(found) == {("ping", "done")}
    assert steps >= 2
