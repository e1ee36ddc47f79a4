"""The tool in the documentation does what it says, and so does its test."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from bot.testing import calls, running_skills, together

ROOT = Path(__file__).resolve().parents[3]
DOCUMENT = (ROOT / "docs" / "plugins.md").read_text("utf-8")


def code_of(heading: str) -> str:
    section = DOCUMENT.partition(f"\n### {heading}\n")[2].partition("\n### ")[0]
    found = re.search(r"```python\n(.*?)```", section, re.DOTALL)
    assert found is not None
    return found[1]


@pytest.fixture
def place(tmp_path: Path) -> Path:
    folder = tmp_path / "plugins"
    folder.mkdir()
    (folder / "lamps.py").write_text(code_of("register_tools"))
    return folder


async def test_what_the_asker_named_is_switched_at_once(place: Path, tmp_path: Path) -> None:
    both = together(
        calls("switch_lamp", tower="north", on=True), calls("switch_lamp", tower="south", on=False)
    )
    async with running_skills(
        plugins=["plugins.agent"], folders=[place], folder=tmp_path, replies=(both, "Done.")
    ) as parlance:
        answer = await parlance.say("/agent light the north tower, and put the south one out")
        assert answer.view.text == "Done."
        assert [s.text for s in answer.states if s.text] == ["Switching the lamp"]
        results = [m.content for m in parlance.model.requests[-1].messages if m.role == "tool"]
        assert results == ["The lamp of north is on.", "The lamp of south is off."]


async def test_a_mistake_is_told_to_the_model(place: Path, tmp_path: Path) -> None:
    replies = (calls("switch_lamp", tower="west", on=True), "There is no such tower.")
    async with running_skills(
        plugins=["plugins.agent"], folders=[place], folder=tmp_path, replies=replies
    ) as parlance:
        await parlance.say("/agent light the west tower")
        told = parlance.model.requests[-1].messages[-1].content
        assert "There is no tower west; there are: north, south." in told


async def test_others_press_and_the_reasons_are_read(place: Path, tmp_path: Path) -> None:
    replies = (calls("switch_lamp", tower="north", on=True), "It burns.")
    async with running_skills(
        plugins=["plugins.agent"], folders=[place], folder=tmp_path, replies=replies
    ) as parlance:
        asked = await parlance.say("/agent light a lamp", channel="tower")
        assert asked.choices == ("approve", "grant", "refuse")
        assert [step.state for step in await parlance.steps(asked)] == ["waiting"]
        denied = await parlance.press(asked, "approve", user="bob")
        assert "Only the person who asked" in denied.text
        ended = await parlance.press(asked, "approve")
        why = await parlance.press(ended, "why")
        assert "1. switch_lamp" in why.text
        with pytest.raises(AssertionError, match="no button"):
            await parlance.press(ended, "aprove")


def test_its_test_passes(place: Path) -> None:
    (place / "conftest.py").write_text('pytest_plugins = ["bot.testing"]\n')
    (place / "pytest.ini").write_text("[pytest]\nasyncio_mode = auto\n")
    (place / "test_lamps.py").write_text(code_of("Tests of tools"))
    ran = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(place)],
        cwd=place,
        env={"PYTHONPATH": f"{ROOT}:{place}", "PATH": ""},
        capture_output=True,
        text=True,
        check=False,
    )
    assert "1 passed" in ran.stdout, ran.stdout + ran.stderr
