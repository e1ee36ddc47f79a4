"""`parlance run --demo agent`: an agent at work for whoever has no model yet."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tests.scenarios import agent_picture
from tests.scenarios.process import ROOT, Ended, Folder

PICTURE = ROOT / "docs" / "images" / "agent.svg"
WEEKEND = "Who keeps the lamp at the weekend? Put them on the board."


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    """The folder of somebody who has set up something else, some of it wrong."""
    (tmp_path / "tmp").mkdir()
    made = Folder(tmp_path)
    made.write("models: {nothing: here}\n")
    made.env |= {
        "DISCORD_TOKEN": "not-for-a-demonstration",
        "PARLANCE_DATA_DIR": str(tmp_path / "data"),
        "PARLANCE_DEFAULT_MODEL": "mine",
        "TMPDIR": str(tmp_path / "tmp"),
    }
    return made


async def played(folder: Folder, *lines: str) -> Ended:
    typed = "".join(f"{line}\n" for line in lines).encode()
    ended = (await folder.run("run", "--demo", "agent", stdin=typed)).no_trace()
    assert sorted(path.name for path in folder.path.iterdir()) == ["config.yaml", "tmp"]
    assert list((folder.path / "tmp").iterdir()) == [], "nothing is kept"
    return ended


async def test_a_newcomer_sees_tools_a_card_and_the_reasons(folder: Folder) -> None:
    ended = await played(folder, WEEKEND, "/choose approve", "/why", "/source 1", "/board", "hello")
    assert "the model is a script that knows the lines below" in " ".join(ended.err.split())
    asked, board = ended.out.partition("/choose approve: Approve")[0], "- **Mara**: keeps the lamp"
    assert "**name: `Mara`** (from a document: Keepers of the lighthouse)" in asked
    assert "Approved by " in ended.out
    assert "1. search_documents" in ended.out
    assert "2. write_on_board" in ended.out
    assert "> Jonas keeps the lamp from Monday to Friday." in ended.out
    assert board in ended.out
    assert "I am a script and know only a few lines" in ended.out
    assert ended.status == 0, ended.err


async def test_what_is_refused_stays_off_the_board(folder: Folder) -> None:
    ended = await played(folder, WEEKEND, "/choose refuse", "/board")
    assert "Refused by " in ended.out
    assert "Then I leave the board as it is." in ended.out
    assert "The board is empty." in ended.out


async def test_with_nothing_to_read_it_plays_its_own_lines(folder: Folder) -> None:
    ended = await folder.run("run", "--demo", "agent", stdin=subprocess.DEVNULL)
    assert "(Asia/Tokyo)**, and 17 % of 2,340 is **397.8**." in ended.no_trace().out
    assert "- **Mara**: keeps the lamp at the weekend\n- **Ada**: brings the oil" in ended.out
    assert "I did not ask, since all of it stands in your own words." in ended.out
    assert ended.status == 0, ended.err


def test_the_picture_of_it_is_current() -> None:
    assert agent_picture.draw() == PICTURE.read_text("utf-8"), "run `make picture`"


async def test_an_unknown_demonstration_is_named(folder: Folder) -> None:
    ended = await folder.run("run", "--demo", "magic", stdin=subprocess.DEVNULL)
    assert "'magic' is not one of 'agent'" in ended.no_trace().err
    assert ended.status == 2
