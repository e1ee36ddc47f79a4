"""`parlance logs` over files that a bot left."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from bot.cli import app
from bot.errors import NotFound
from bot.observability.log_file import LogFile

LINES = (
    {"timestamp": "2026-11-30T03:00:00Z", "level": "info", "event": "began", "turn": "t1"},
    {"timestamp": "2026-11-30T03:00:01Z", "level": "info", "event": "other", "turn": "t2"},
    {
        "timestamp": "2026-11-30T03:00:02Z",
        "level": "error",
        "event": "turn.failed",
        "turn": "t1",
        "error_id": "ab12cd34",
        "exception": "Traceback:\n  \x1b[31mline",
        "reason": "two words",
    },
)


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "config.yaml"
    path.write_text("models: {default: {backend: scripted}}\nembedder: default\n", "utf-8")
    return path


def call(config: Path, *arguments: str) -> Result:
    return CliRunner().invoke(app, ["logs", *arguments, "--config", str(config)])


def test_where_there_is_no_log(config: Path) -> None:
    ended = call(config)
    assert isinstance(ended.exception, NotFound)
    assert str(ended.exception) == "There is no log: no bot has run here."
    config.write_text(config.read_text("utf-8") + "logging: {keep_mb: 0}\n", "utf-8")
    assert str(call(config).exception) == "There is no log: logging.keep_mb is 0."


def test_lines_by_number_level_turn_and_error(config: Path) -> None:
    file = LogFile(config.parent / "data" / "log", 1_000_000)
    file.open()
    for line in LINES:
        file.write(json.dumps(line))
    file.close()
    errors = call(config, "--level", "error", "--json").stdout.splitlines()
    assert [json.loads(line)["event"] for line in errors] == ["turn.failed"]
    assert [json.loads(line) for line in call(config, "-n", "2", "--json").stdout.splitlines()] == [
        *LINES[1:]
    ]
    first, last, *trace = call(config, "--turn", "ab12cd34").stdout.splitlines()
    assert first.endswith("info     began turn=t1")
    assert last.endswith("error    turn.failed turn=t1 error_id=ab12cd34 reason='two words'")
    assert trace[0] == "    Traceback:"
    assert "\x1b" not in trace[1]
