"""Units and property lists: what systemd and launchd read of them, and who wrote them last."""

from __future__ import annotations

import configparser
import plistlib
import shutil
import subprocess
from pathlib import Path

import pytest

from bot.service import launchd, systemd
from bot.service.plan import ServicePlan

ODD = '/srv/a b/100%/$HOME/"q"/back\\slash'


def plan(folder: Path, program: str = "/bin/sh", **more: object) -> ServicePlan:
    argv = (program, "run", "--config", f"{folder}/config.yaml")
    given = {"user": "daemon", "environment": {"PYTHONPATH": str(folder)}, **more}
    return ServicePlan("parlance-test", argv, folder, [folder, folder / "data"], 70, **given)  # type: ignore[arg-type]


def read(unit: str) -> configparser.ConfigParser:
    parser = configparser.ConfigParser(strict=False, interpolation=None)
    parser.optionxform = str  # type: ignore[assignment,method-assign]
    parser.read_string(unit)
    return parser


@pytest.mark.parametrize("system", [True, False])
def test_systemd_reads_the_unit_and_complains_of_nothing(tmp_path: Path, system: bool) -> None:
    folder = tmp_path / "a b 100% $HOME"
    folder.mkdir()
    path = tmp_path / "parlance-test.service"
    path.write_text(systemd.write_unit(plan(folder), system=system), "utf-8")
    said = read(path.read_text("utf-8"))["Service"]
    assert said["Restart"] == "on-failure"
    assert said["TimeoutStopSec"] == "70"
    assert said["NoNewPrivileges"] == "yes"
    assert ("User" in said) == ("ProtectSystem" in said) == system
    if shutil.which("systemd-analyze") is None:
        pytest.skip("there is no systemd-analyze to ask")
    scope = "--system" if system else "--user"
    ended = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", scope, str(path)],
        capture_output=True,
        text=True,
        check=False,
        env={"PATH": "/usr/bin:/bin", "XDG_RUNTIME_DIR": str(tmp_path), "HOME": str(tmp_path)},
    )
    about = [line for line in ended.stderr.splitlines() if path.name in line]
    assert about == []


def test_what_is_odd_in_a_path_means_nothing_to_systemd() -> None:
    said = read(systemd.write_unit(plan(Path(ODD)), system=True))["Service"]
    quoted = '/srv/a b/100%%/$HOME/\\"q\\"/back\\\\slash'
    assert said["ExecStart"].endswith(f'"{quoted.replace("$", "$$")}/config.yaml"')
    assert said["ReadWritePaths"] == f'"{quoted}" "{quoted}/data"'
    assert said["WorkingDirectory"] == ODD.replace("%", "%%")


@pytest.mark.parametrize("system", [True, False])
def test_launchd_reads_the_list(system: bool) -> None:
    text = launchd.write_list(plan(Path(ODD)), system=system)
    said = plistlib.loads(text.encode())
    assert said["ProgramArguments"][-1] == f"{ODD}/config.yaml"
    assert said["WorkingDirectory"] == ODD
    assert said["KeepAlive"] == {"SuccessfulExit": False}
    assert said["ExitTimeOut"] == 70
    assert said["Umask"] == 0o077
    assert said.get("UserName") == ("daemon" if system else None)


@pytest.mark.parametrize("kind", [systemd, launchd])
def test_an_edited_file_is_known(tmp_path: Path, kind: object) -> None:
    write = systemd.write_unit if kind is systemd else launchd.write_list
    is_edited = systemd.is_edited if kind is systemd else launchd.is_edited
    text = write(plan(tmp_path), system=False)
    assert not is_edited(text)
    assert not is_edited(write(plan(tmp_path, program="/bin/other"), system=False))
    for edited in (text + "\n", text.replace("config.yaml", "other.yaml"), "", "[Service]\n"):
        assert is_edited(edited)
