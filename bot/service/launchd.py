"""Property lists of launchd, for one user or for the whole machine."""

from __future__ import annotations

import os
import plistlib
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from bot.service.plan import RESTART_S, ServicePlan, mark_of

_MARK: Final = re.compile(r"<!-- Made by: (?P<mark>[^<>]*) -->\n")
_HEAD: Final = '<plist version="1.0">\n'


def list_folder(home: Path, *, system: bool) -> Path:
    """The folder that launchd reads property lists from."""
    return Path("/Library/LaunchDaemons") if system else home / "Library" / "LaunchAgents"


def list_name(plan: ServicePlan) -> str:
    """The name of the file."""
    return f"{plan.name}.plist"


def write_list(plan: ServicePlan, *, system: bool) -> str:
    """The property list as a text. What the bot says goes to its own log: launchd would let a file
    grow for ever."""
    said: dict[str, Any] = {
        "Label": plan.name,
        "ProgramArguments": list(plan.program),
        "WorkingDirectory": str(plan.folder),
        "RunAtLoad": True,
        "KeepAlive": {"SuccessfulExit": False},
        "ThrottleInterval": RESTART_S,
        "ExitTimeOut": plan.stop_s,
        "Umask": 0o077,
        "StandardInPath": "/dev/null",
        "StandardOutPath": "/dev/null",
        "StandardErrorPath": "/dev/null",
    }
    if plan.environment:
        said["EnvironmentVariables"] = dict(plan.environment)
    if system:
        said["UserName"] = plan.user
    text = plistlib.dumps(said, sort_keys=False).decode()
    return text.replace(_HEAD, f"<!-- Made by: {mark_of(text)} -->\n{_HEAD}", 1)


def is_edited(text: str) -> bool:
    """Whether the text of a property list is not as `write_list` wrote it."""
    found = _MARK.search(text)
    return found is None or found["mark"] != mark_of(_MARK.sub("", text, count=1))


def commands(plan: ServicePlan, *, system: bool) -> dict[str, Sequence[Sequence[str]]]:
    """What is called to have launchd take a list up, to give it up, and to ask for its state."""
    domain = "system" if system else f"gui/{os.getuid()}"
    path = str(list_folder(Path.home(), system=system) / list_name(plan))
    leave = ("launchctl", "bootout", f"{domain}/{plan.name}")
    return {
        "replace": [leave],
        "install": [("launchctl", "bootstrap", domain, path)],
        "uninstall": [leave],
        "state": [("launchctl", "print", f"{domain}/{plan.name}")],
    }
