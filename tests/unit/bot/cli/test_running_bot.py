"""`parlance status` and `stop` where no bot runs."""

from __future__ import annotations

import json
import socket
from pathlib import Path
from threading import Thread

import pytest
from typer.testing import CliRunner

from bot.cli import app
from bot.control.address import socket_address
from bot.control.protocol import NotRunning
from bot.storage.address import DATABASE_URL_VARIABLE
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


def test_a_bot_that_waits_for_its_database_is_no_riddle(
    config: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All that was said was that it had not answered."""
    monkeypatch.setenv(DATABASE_URL_VARIABLE, "postgresql://me:hunter2@127.0.0.1:1/kept")
    data = Path(config).parent / "data"
    data.mkdir()
    with socket.socket(socket.AF_UNIX) as silent, socket_address(data) as address:
        silent.bind(address)
        silent.listen()
        ending = Thread(target=lambda: silent.accept()[0].close())
        ending.start()
        ended = CliRunner().invoke(app, ["status", "--config", config])
        ending.join()
    assert str(ended.exception).endswith("The database kept at 127.0.0.1: it cannot be reached.")
