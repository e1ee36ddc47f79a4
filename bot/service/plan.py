"""What a service runs, as whom and where: the same for every kind of service."""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from bot.config.resources import INSTALLED
from bot.installation import Installation, base_folder

RESTART_S: Final = 5
_ROOT: Final = Path(__file__).resolve().parents[2]


@dataclass(frozen=True, slots=True)
class ServicePlan:
    """A service. `user` is who it runs as where the whole machine has it; empty: its own user.
    `writable` are the folders that it changes. When it is stopped, it is killed after `stop_s`
    seconds."""

    name: str
    program: Sequence[str]
    folder: Path
    writable: Sequence[Path]
    stop_s: int
    user: str = ""
    environment: Mapping[str, str] = field(default_factory=dict)


def make_plan(here: Installation, name: str, user: str = "") -> ServicePlan:
    """The plan of the installation that a command was called for."""
    config = here.config
    folder = base_folder(here.path).resolve()
    folders = [folder, config.data_dir, here.store.root, config.backup.folder]
    program, environment = _program()
    return ServicePlan(
        name,
        (*program, "run", "--config", str(here.path.resolve())),
        folder,
        _outermost([path.absolute() for path in folders if path is not None]),
        round(config.limits.end_s),
        user,
        environment,
    )


def mark_of(text: str) -> str:
    """What stands in a file that a command wrote, by which it is known whether it was edited."""
    return f"parlance service install {hashlib.sha256(text.encode()).hexdigest()[:16]}"


def _program() -> tuple[Sequence[str], Mapping[str, str]]:
    script = Path(sys.executable).with_name("parlance")
    if script.exists():
        return (str(script),), {}
    found = (sys.executable, "-m", "bot")
    return found, {} if INSTALLED else {"PYTHONPATH": str(_ROOT)}


def _outermost(folders: Sequence[Path]) -> Sequence[Path]:
    """Those that are not within another one."""
    return [
        one
        for one in dict.fromkeys(folders)
        if not any(other != one and one.is_relative_to(other) for other in folders)
    ]
