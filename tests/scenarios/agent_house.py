"""A house whose scripted model calls tools: what it is asked, what it calls, and the tools."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tests.scenarios.harness import Driver

PLUGIN = '''
import asyncio

from bot.api import Context, hookimpl, tool


@tool(effect="write", status="Writing it down")
async def write_note(ctx: Context, name: str, text: str) -> str:
    """Write a note."""
    await asyncio.to_thread(_append, f"{name}: {text}\\n")
    return "Written."


def _append(line):
    with open(NOTES, "a") as file:
        file.write(line)


@hookimpl
def register_tools():
    return [write_note]
'''
LONG = "a very long note " * 200
HOSTILE = (
    "`` ` ```py\nx``` **bold** @everyone <@42> <!channel> <#C1> # head | a | [here]"
    "(https://evil.example/?q=secret) <https://evil.example/a> www.evil.example ||hidden|| \u202e"
)
_ASKED: Mapping[str, Mapping[str, str]] = {
    "write to Mara": {"name": "Mara", "text": "the lamp is lit"},
    "write it in full": {"name": "Mara", "text": LONG},
    "write what is odd": {"name": "Mara", "text": HOSTILE},
}
PROPOSES = "what do I like?"
PROPOSED = "Ada likes lamps"
"""What the model wants to keep, though nobody asked for it."""
QUESTION = "what time is it in Tokyo, and what is 17 % of 2340?"


def replies() -> list[dict[str, Any]]:
    """The script of the model."""
    told = [
        "It is written.",
        {"match": "refused", "text": "Then I leave it."},
        {"match": "Not done", "text": "I could not."},
    ]
    tasks: list[dict[str, Any]] = [
        {
            "match": asked,
            "tool_calls": [{"name": "write_note", "arguments": arguments}],
            "then": told,
        }
        for asked, arguments in _ASKED.items()
    ]
    fact = {"name": "remember", "arguments": {"text": PROPOSED}}
    tasks.append({"match": PROPOSES, "tool_calls": [fact], "then": ["You like lamps."]})
    two = [
        {"name": "current_time", "arguments": {"zone": "Asia/Tokyo"}},
        {"name": "calculate", "arguments": {"expression": "17 / 100 * 2340"}},
    ]
    sums = "It is {result:current_time}, and the sum is {result:calculate}."
    return [{"match": QUESTION, "tool_calls": two, "then": [sums]}, *tasks]


def sections(folder: Path, driver: Driver) -> dict[str, Any]:
    """The sections of config.yaml; puts the plugin into the folder."""
    place = folder / "plugins"
    place.mkdir(exist_ok=True)
    (place / "notes.py").write_text(PLUGIN.replace("NOTES", repr(str(folder / "notes"))))
    others = driver.config().get("plugins", {}).get("folders", [])
    return {"plugins": {"folders": [*others, str(place)]}}


def notes(folder: Path) -> list[str]:
    """What was written down."""
    path = folder / "notes"
    return path.read_text().splitlines() if path.exists() else []
