"""What an operator may have pasted, copied or named ends in one sentence, or just works."""

from __future__ import annotations

import json
import os
import resource
import sqlite3
import stat
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tests.hostile.settings import FOLDERS, MARK, PASTED, TOO_MUCH
from tests.scenarios.process import Folder
from tests.scenarios.test_cli_chat import CTRL_D, chatting, ended

ROOT = Path(__file__).parents[2]

_LOAD = """
import json, sys
from pathlib import Path
from bot.config import load
from bot.errors import ConfigError
from tests.hostile.settings import TOO_MUCH
said = {}
for name, text in TOO_MUCH.items():
    path = Path(sys.argv[1]) / "config.yaml"
    path.write_text(text)
    try:
        load(path, {})
    except ConfigError as error:
        said[name] = str(error)
print(json.dumps(said))
"""

_CHECK = """
import json, sys
from pathlib import Path
from typer.testing import CliRunner
from bot.cli import app, main
from tests.hostile.settings import PASTED
said = {}
for name, text in PASTED.items():
    path = Path(sys.argv[1]) / "config.yaml"
    path.write_text(text)
    ended = CliRunner().invoke(app, ["check", "--config", str(path)])
    said[name] = [ended.exit_code, ended.output + str(ended.exception or "")]
print(json.dumps(said))
"""


def in_child(code: str, folder: Path) -> dict[str, object]:
    """What the code prints, with 30 s of CPU and 1 GiB at most."""

    def bounds() -> None:
        resource.setrlimit(resource.RLIMIT_CPU, (30, 30))
        resource.setrlimit(resource.RLIMIT_DATA, (2**30, 2**30))

    done = subprocess.run(
        [sys.executable, "-c", code, str(folder)],
        capture_output=True,
        text=True,
        check=False,
        cwd=ROOT,
        preexec_fn=bounds,
    )
    assert done.returncode == 0, done.stderr
    said: dict[str, object] = json.loads(done.stdout)
    return said


def test_a_file_that_is_too_much_is_refused_in_one_sentence(tmp_path: Path) -> None:
    said = in_child(_LOAD, tmp_path)
    assert said.keys() == TOO_MUCH.keys()
    for name, sentence in said.items():
        assert isinstance(sentence, str)
        assert len(sentence.splitlines()) == 1, name
        assert len(sentence) < 300, name


def test_check_repeats_nothing_that_was_pasted(tmp_path: Path) -> None:
    said = in_child(_CHECK, tmp_path)
    assert said.keys() == PASTED.keys()
    assert [name for name, printed in said.items() if MARK in str(printed)] == []
    assert [name for name, printed in said.items() if "Traceback" in str(printed)] == []


class TestFolders:
    @pytest.mark.parametrize("name", FOLDERS)
    async def test_a_name_is_just_a_name(self, tmp_path: Path, name: str) -> None:
        folder = Folder(tmp_path / "operator")
        folder.path.mkdir()
        (folder.path / "docs").mkdir()
        (folder.path / "docs" / "a.md").write_text("The red lamp means that the disk is full.")
        folder.configure(data_dir=name, knowledge={"sync": [{"path": "docs"}]})
        ended = await folder.run("run", stdin=b"hello\n/why\n")
        ended.no_trace()
        assert "You said: hello" in ended.out
        assert "**Model**: default" in ended.out  # of the turn that was stored
        copied = await folder.run("backup", str(folder.path / name / "copy.db"))
        assert copied.status == 0, copied.err
        assert {path.name for path in folder.path.iterdir()} == {"config.yaml", "docs", name}
        assert {"parlance.db", "chroma", "copy.db"} <= set(os.listdir(folder.path / name))
        for file in ("parlance.db", "copy.db"):
            with closing(sqlite3.connect(folder.path / name / file)) as database:
                (count,) = database.execute("SELECT count(*) FROM turns").fetchone()
            assert count == 2

    async def test_a_name_that_is_no_text_is_refused(self, tmp_path: Path) -> None:
        folder = Folder(tmp_path, {"PARLANCE_DATA_DIR": os.fsdecode(b"lat\xe9")})
        folder.configure()
        ended = (await folder.run("check")).no_trace()
        assert ended.status == 2
        assert ended.said == "PARLANCE_DATA_DIR: must be a path in UTF-8."


def modes(folder: Path) -> set[str]:
    """Every mode below a folder that lets others do anything, with its path."""
    found = [folder, *folder.rglob("*")]
    return {
        f"{stat.S_IMODE(path.stat().st_mode):o} {path.relative_to(folder.parent)}"
        for path in found
        if path.stat().st_mode & 0o077
    }


class TestModes:
    @pytest.fixture(autouse=True)
    def usual_umask(self) -> Iterator[None]:
        before = os.umask(0o022)
        yield
        os.umask(before)

    @pytest.fixture
    def folder(self, tmp_path: Path) -> Folder:
        (tmp_path / "docs").mkdir()
        (tmp_path / "docs" / "a.md").write_text("The red lamp means that the disk is full.")
        made = Folder(tmp_path)
        made.configure(knowledge={"sync": [{"path": "docs"}]})
        return made

    async def test_all_that_is_kept_is_private_while_it_is_written_and_afterwards(
        self, folder: Folder
    ) -> None:
        data = folder.path / "data"
        async with chatting(folder) as (terminal, process):
            terminal.type("hello\r")
            await terminal.sees("You said: hello")
            await terminal.prompts()
            assert {"parlance.db-wal", "terminal-history", "chroma"} <= set(os.listdir(data))
            assert modes(data) == set()
            terminal.type(CTRL_D)
            await ended(process)
        assert modes(data) == set()
        assert (await folder.run("backup", str(folder.path / "copy.db"))).status == 0
        assert stat.S_IMODE((folder.path / "copy.db").stat().st_mode) == 0o600

    async def test_what_an_older_version_made_is_tightened_and_doctor_names_the_rest(
        self, folder: Folder
    ) -> None:
        data = folder.path / "data"
        await folder.run("run", stdin=b"hello\n")
        for path in (data, data / "chroma", data / "parlance.db", data / "parlance.lock"):
            path.chmod(0o755 if path.is_dir() else 0o644)
        env = folder.path / ".env"
        env.write_text("DISCORD_TOKN=x\nWIKI_KEY=abc\n")
        assert len(modes(data)) == 4
        told = await folder.run("doctor", "--json")
        assert modes(data) == set()
        rows = {row["detail"]: row["ok"] for row in told.json}
        assert rows[f"others may read {env}; run `chmod 600 {env}`"] is False
        assert rows["WIKI_KEY: too short to be taken out of what is shown and logged"] is True
        assert told.status == 1
        assert len([row for row in told.json if row["what"] == "private files"]) == 1

    async def test_a_folder_with_other_things_in_it_is_not_touched_but_named(
        self, folder: Folder
    ) -> None:
        data = folder.path / "data"
        data.mkdir()
        (data / "letter.txt").write_text("dear")
        data.chmod(0o755)
        told = await folder.run("doctor", "--json")
        rows = {row["detail"]: row["ok"] for row in told.json}
        assert rows[f"others may read {data}; run `chmod 700 {data}`"] is False
        assert stat.S_IMODE(data.stat().st_mode) == 0o755
        assert modes(data) == {"755 data", "644 data/letter.txt"}
