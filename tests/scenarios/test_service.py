"""`parlance service` with a systemctl and a launchctl that write down what they were told."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.scenarios.process import Folder

CONTROL = """#!/bin/sh
echo "$0 $*" | sed "s#.*/##" >> "$HOME/told"
case "$*" in *is-active*) echo active;; esac
"""


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    tools = tmp_path / "tools"
    tools.mkdir()
    for name in ("systemctl", "launchctl"):
        (tools / name).write_text(CONTROL, "utf-8")
        (tools / name).chmod(0o755)
    (tmp_path / ".env").write_text("DISCORD_TOKEN=abc\n", "utf-8")
    made = Folder(tmp_path, {"HOME": str(tmp_path), "PATH": f"{tools}:/usr/bin:/bin"})
    made.configure()
    return made


def told(folder: Folder) -> list[str]:
    path = folder.path / "told"
    lines = path.read_text("utf-8").splitlines() if path.exists() else []
    path.unlink(missing_ok=True)
    return lines


async def test_a_service_is_installed_looked_at_and_removed(folder: Folder) -> None:
    systemd = ("--for", "systemd")
    unit = folder.path / ".config" / "systemd" / "user" / "parlance.service"
    shown = (await folder.run("service", "install", "--print", *systemd)).no_trace()
    assert not unit.exists()
    assert told(folder) == []

    folder.env["PARLANCE_LIMITS__MAX_QUEUE"] = "8"
    first = (await folder.run("service", "install", *systemd)).no_trace()
    assert first.status == 0, first.err
    assert f"Installed {unit}, and started." in first.err
    assert "not known to the service: PARLANCE_LIMITS__MAX_QUEUE." in " ".join(first.err.split())
    assert unit.read_text("utf-8") == shown.out
    assert told(folder) == [
        "systemctl --user daemon-reload",
        "systemctl --user enable parlance.service",
        "systemctl --user restart parlance.service",
    ]
    looked = await folder.run("service", "status", *systemd, "--json")
    assert [row["state"] for row in looked.json] == ["as it was made", "active", "no"]
    assert looked.status == 0

    edited = unit.read_text("utf-8").replace("RestartSec=5", "RestartSec=9")
    unit.write_text(edited, "utf-8")
    again = (await folder.run("service", "install", *systemd)).no_trace()
    (copy,) = unit.parent.glob("parlance.service.*.bak")
    assert copy.read_text("utf-8") == edited
    assert f"it is kept as {copy}." in again.err
    assert unit.read_text("utf-8") == shown.out

    told(folder)
    gone = (await folder.run("service", "uninstall", *systemd)).no_trace()
    assert gone.status == 0
    assert not unit.exists()
    assert told(folder)[0] == "systemctl --user disable --now parlance.service"
    none = (await folder.run("service", "uninstall", *systemd)).no_trace()
    assert none.said == f"No service is installed: there is no {unit}."


async def test_launchd_and_what_cannot_be_a_service(folder: Folder) -> None:
    launchd = ("--for", "launchd", "--name", "second")
    ended = (await folder.run("service", "install", *launchd)).no_trace()
    path = folder.path / "Library" / "LaunchAgents" / "second.plist"
    assert ended.status == 0, ended.err
    assert path.exists()
    (line,) = told(folder)
    assert line.startswith("launchctl bootstrap gui/")
    assert line.endswith(str(path))
    (folder.path / ".env").unlink()
    refused = (await folder.run("service", "install", *launchd)).no_trace()
    assert refused.status == 1
    assert refused.said.startswith("A service needs a platform: set the token of one in .env")
