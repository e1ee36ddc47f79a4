"""`parlance status` and `stop` where no bot runs."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from bot.cli import app
from bot.control.protocol import NotRunning
from bot.storage.data_dir_lock import find_holder, lock_data_dir


@pytest.fixture
def config(tmp_path: Path) -> str:
    path = tmp_path / "config.yaml"
    path.write_text(
        "models: {default: {backend: scripted}}\nembedder: default\ndata_dir: data\n", "utf-8"
    )
    return str(path)


@pytest.mark.parametrize("command", ["status", "stop"])
def test_that_nobody_runs_is_said(config: str, command: str) -> None:
    ended = CliRunner().invoke(app, [command, "--config", config])
    assert isinstance(ended.exception, NotRunning)
    assert str(ended.exception) == "Parlance is not running here."


def test_that_nobody_runs_is_told_to_a_script(config: str) -> None:
    ended = CliRunner().invoke(app, ["status", "--json", "--config", config])
    assert json.loads(ended.stdout) == {"running": False}
    assert ended.exit_code == 1


@pytest.mark.parametrize("command", ["status", "stop"])
def test_another_command_that_has_the_folder_is_told_apart(config: str, command: str) -> None:
    data = Path(config).parent / "data"
    assert find_holder(data) is None
    with lock_data_dir(data):
        ended = CliRunner().invoke(app, [command, "--config", config])
        holder = find_holder(data)
    assert holder is not None
    assert f"{data} is in use by {holder}: another command" in str(ended.exception)
    assert find_holder(data) is None
