"""`parlance service` with a systemctl and a launchctl that write down what they were told."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from bot.cli import app
from bot.errors import Failed, NotFound, UsageError

CONTROL = """#!/bin/sh
echo "${0##*/} $*" >> "$HOME/told"
case "$*" in *is-active*) echo active;; esac
"""
SYSTEMD = ("--for", "systemd")


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    tools = tmp_path / "tools"
    tools.mkdir()
    for name in ("systemctl", "launchctl"):
        (tools / name).write_text(CONTROL, "utf-8")
        (tools / name).chmod(0o755)
    (tmp_path / ".env").write_text("DISCORD_TOKEN=abc\n", "utf-8")
    (tmp_path / "config.yaml").write_text(
        "models: {default: {backend: scripted}}\nembedder: default\n", "utf-8"
    )
    for name in (*(n for n in os.environ if n.startswith("PARLANCE_")), "DISCORD_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("PATH", f"{tools}:/usr/bin:/bin")
    return tmp_path


def call(home: Path, *arguments: str) -> Result:
    return CliRunner().invoke(app, ["service", *arguments, "--config", str(home / "config.yaml")])


def told(home: Path) -> list[str]:
    path = home / "told"
    lines = path.read_text("utf-8").splitlines() if path.exists() else []
    path.unlink(missing_ok=True)
    return lines


def test_a_service_is_given_the_time_that_its_answers_may_take(home: Path) -> None:
    usual = call(home, "install", "--print", *SYSTEMD).output
    with (home / "config.yaml").open("a", encoding="utf-8") as file:
        file.write("limits: {drain_s: 120}\n")
    longer = call(home, "install", "--print", *SYSTEMD).output
    stops = [re.findall(r"^TimeoutStopSec=(\d+)$", text, re.MULTILINE) for text in (usual, longer)]
    assert stops == [["60"], ["160"]]


def test_a_service_is_installed_looked_at_and_removed(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    unit = home / ".config" / "systemd" / "user" / "parlance.service"
    shown = call(home, "install", "--print", *SYSTEMD)
    assert not unit.exists()
    assert told(home) == []

    monkeypatch.setenv("PARLANCE_LIMITS__MAX_QUEUE", "8")
    first = call(home, "install", *SYSTEMD)
    assert first.exception is None, first.output
    said = " ".join(first.output.split())
    assert f"Installed {unit}, and started." in said
    assert "not known to the service: PARLANCE_LIMITS__MAX_QUEUE." in said
    assert unit.read_text("utf-8") == shown.output
    assert told(home) == [
        "systemctl --user daemon-reload",
        "systemctl --user enable parlance.service",
        "systemctl --user restart parlance.service",
    ]
    looked = json.loads(call(home, "status", *SYSTEMD, "--json").stdout)
    assert [row["state"] for row in looked] == ["as it was made", "active", "no"]

    edited = unit.read_text("utf-8").replace("RestartSec=5", "RestartSec=9")
    unit.write_text(edited, "utf-8")
    again = call(home, "install", *SYSTEMD)
    (copy,) = unit.parent.glob("parlance.service.*.bak")
    assert copy.read_text("utf-8") == edited
    assert f"it is kept as {copy}." in " ".join(again.output.split())
    assert unit.read_text("utf-8") == shown.output

    told(home)
    assert call(home, "uninstall", *SYSTEMD).exception is None
    assert not unit.exists()
    assert told(home)[0] == "systemctl --user disable --now parlance.service"
    none = call(home, "uninstall", *SYSTEMD)
    assert isinstance(none.exception, NotFound)
    assert str(none.exception) == f"No service is installed: there is no {unit}."


def test_launchd(home: Path) -> None:
    ended = call(home, "install", "--for", "launchd", "--name", "second")
    path = home / "Library" / "LaunchAgents" / "second.plist"
    assert ended.exception is None, ended.output
    assert path.exists()
    assert told(home) == [f"launchctl bootstrap gui/{os.getuid()} {path}"]
    assert call(home, "install", "--for", "launchd", "--name", "second").exception is None
    assert told(home)[0] == f"launchctl bootout gui/{os.getuid()}/second"


def test_without_a_platform_there_is_nothing_to_serve(home: Path) -> None:
    (home / ".env").unlink()
    refused = call(home, "install", *SYSTEMD)
    assert isinstance(refused.exception, UsageError)
    assert "set the token of one in .env" in str(refused.exception)
    assert told(home) == []


def test_what_systemd_will_not_do_is_said(home: Path) -> None:
    (home / "tools" / "systemctl").write_text("#!/bin/sh\necho no bus >&2\nexit 1\n", "utf-8")
    failed = call(home, "install", *SYSTEMD)
    assert isinstance(failed.exception, Failed)
    assert str(failed.exception).endswith("`systemctl --user daemon-reload` failed: no bus")
    (home / "tools" / "systemctl").unlink()
    assert call(home, "install", *SYSTEMD, "--name", "a/../b").exception is not None
