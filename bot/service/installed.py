"""Installs a service, and removes it: its file, and what the system is told of it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

from bot.config.dated_copies import keep_copy
from bot.errors import Failed, NotFound
from bot.private_files import make_folder, replace_file
from bot.service import launchd, systemd
from bot.service.plan import ServicePlan

Kind = Literal["systemd", "launchd"]
_COMMAND_TIMEOUT_S: Final = 90.0
_FILE_MODE: Final = 0o644
_MAX_SAID_CHARACTERS: Final = 300


@dataclass(frozen=True, slots=True)
class Service:
    """A service on this machine; `text` is what its file says."""

    plan: ServicePlan
    kind: Kind
    path: Path
    text: str
    is_edited: Callable[[str], bool]
    commands: Mapping[str, Sequence[Sequence[str]]]

    @property
    def program(self) -> str:
        """What the system is told things by."""
        return self.commands["state"][0][0]

    def installed(self) -> str | None:
        """What the file says that is there now; None if there is none."""
        try:
            return self.path.read_text("utf-8")
        except FileNotFoundError:
            return None
        except (OSError, ValueError) as exc:
            raise Failed(f"{self.path} cannot be read: {exc}.") from exc

    def install(self) -> Path | None:
        """Write the file, and have the system start the service; returns the copy that was kept of
        a file that somebody had edited. Raises `Failed`."""
        before, copy = self.installed(), None
        try:
            if before is not None and before != self.text and self.is_edited(before):
                copy = keep_copy(self.path)
            self.path.parent.mkdir(parents=True, exist_ok=True)
            for folder in self.plan.writable:
                if not folder.exists():
                    make_folder(folder)
                    if self.plan.user and os.geteuid() == 0:
                        shutil.chown(folder, self.plan.user)
            replace_file(self.path, self.text.encode())
            self.path.chmod(_FILE_MODE)
        except (OSError, LookupError) as exc:
            if isinstance(exc, LookupError):
                raise Failed(f"There is no user {self.plan.user}.") from exc
            raise Failed(f"{exc.filename or self.path} cannot be written: {exc.strerror}.") from exc
        if before is not None:
            self._call("replace", needed=False)
        self._call("install")
        return copy

    def uninstall(self) -> Path | None:
        """Have the system stop the service, and remove the file; returns the copy of an edited
        one. Raises `NotFound`, `Failed`."""
        before = self.installed()
        if before is None:
            raise NotFound(f"No service is installed: there is no {self.path}.")
        self._call("uninstall", needed=False)
        try:
            copy = keep_copy(self.path) if self.is_edited(before) else None
            self.path.unlink()
        except OSError as exc:
            raise Failed(f"{self.path} cannot be removed: {exc.strerror}.") from exc
        self._call("removed", needed=False)
        return copy

    def state(self) -> str:
        """What the system says of it, in a word: `active`, `inactive`, `failed`, `unknown`."""
        if shutil.which(self.program) is None:
            return "unknown"
        done = _run(self.commands["state"][0])
        if self.kind == "launchd":
            return "active" if done.returncode == 0 else "inactive"
        return done.stdout.strip().partition("\n")[0] or "unknown"

    def _call(self, which: str, *, needed: bool = True) -> None:
        for command in self.commands.get(which, ()):
            if shutil.which(command[0]) is None:
                if needed:
                    raise Failed(
                        f"{self.path} is written, but there is no {command[0]} here to start it."
                    )
                return
            done = _run(command)
            if done.returncode and needed:
                said = (done.stderr or done.stdout).strip()[:_MAX_SAID_CHARACTERS]
                raise Failed(
                    f"{self.path} is written, but `{' '.join(command)}` failed: {said or 'no word'}"
                )


def default_kind() -> Kind:
    """What starts services on this kind of system."""
    return "launchd" if sys.platform == "darwin" else "systemd"


def make_service(plan: ServicePlan, kind: Kind, *, system: bool) -> Service:
    """The service of a plan."""
    home = Path.home()
    if kind == "launchd":
        return Service(
            plan,
            kind,
            launchd.list_folder(home, system=system) / launchd.list_name(plan),
            launchd.write_list(plan, system=system),
            launchd.is_edited,
            launchd.commands(plan, system=system),
        )
    return Service(
        plan,
        kind,
        systemd.unit_folder(home, system=system) / systemd.unit_name(plan),
        systemd.write_unit(plan, system=system),
        systemd.is_edited,
        systemd.commands(plan, system=system),
    )


def _run(command: Sequence[str]) -> subprocess.CompletedProcess[str]:
    try:
        return subprocess.run(
            command,
            check=False,
            capture_output=True,
            text=True,
            timeout=_COMMAND_TIMEOUT_S,
            stdin=subprocess.DEVNULL,
        )
    except (OSError, subprocess.TimeoutExpired) as exc:
        return subprocess.CompletedProcess(command, 1, "", f"{type(exc).__name__}")
