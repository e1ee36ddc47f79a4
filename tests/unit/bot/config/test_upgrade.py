"""config.yaml of an earlier version: what moved is written anew, and everything else stays."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from bot.cli import app
from bot.config import load

OLD = """\
# Ours, written by hand.
models: {default: {backend: scripted}}   # no engine
embedder: default

slack:
  mode: http
  port: 4000  # behind the proxy
  public_url: https://bot.example.org
  agent: false
metrics:
  port: 9100
  host: 0.0.0.0
"""
NEW = """\
# Ours, written by hand.
models: {default: {backend: scripted}}   # no engine
embedder: default

slack:
  mode: http
  agent: false
metrics:
  enabled: true
"""


def test_a_file_is_brought_up_to_date_once_and_a_copy_is_kept(tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    old = OLD.replace("port: 9100", "port: 4000")
    path.write_text(old, "utf-8")
    before = load(path, {})
    assert len(before.remarks) == 4
    ended = CliRunner().invoke(app, ["check", "--fix", "--config", str(path)])
    assert ended.exception is None, ended.output
    text = path.read_text("utf-8")
    assert text.startswith(NEW)
    after = load(path, {})
    assert after.remarks == ()
    assert after.http == before.http
    assert after.metrics == before.metrics
    (copy,) = tmp_path.glob("config.yaml.*.bak")
    assert copy.read_text("utf-8") == old
    again = CliRunner().invoke(app, ["check", "--fix", "--config", str(path)])
    assert again.exception is None
    assert path.read_text("utf-8") == text
    assert [*tmp_path.glob("config.yaml.*.bak")] == [copy]


def test_what_two_keys_disagree_about_is_left_to_the_operator(tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    path.write_text(OLD, "utf-8")
    ended = CliRunner().invoke(app, ["check", "--fix", "--config", str(path)])
    assert "there is one HTTP port now" in str(ended.exception)
    assert path.read_text("utf-8") == OLD


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--every", "1d"], "  every: 1d"),
        (["--every", "12h", "copies"], "/copies"),
        (["--every", "never"], "  every: null"),
    ],
)
def test_a_command_writes_how_often_a_backup_is_made(
    tmp_path: Path, arguments: list[str], said: str
) -> None:
    path = tmp_path / "config.yaml"
    path.write_text(OLD.partition("slack:")[0] + "backup:\n  every: 7d  # ours\n", "utf-8")
    ended = CliRunner().invoke(app, ["backup", *arguments, "--config", str(path)])
    assert ended.exception is None, ended.output
    assert said in path.read_text("utf-8")
    assert "# ours" in path.read_text("utf-8")
    wrong = CliRunner().invoke(app, ["backup", "--every", "soon", "--config", str(path)])
    assert "backup.every" in str(wrong.exception)
    assert said in path.read_text("utf-8")
