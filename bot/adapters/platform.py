"""The declaration of a chat platform, which a plugin returns from `register_platforms`."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bot.adapters.protocol import Adapter
from bot.commands.declaration import Command
from bot.config.base import PlatformSettings
from bot.private_files import PrivateFolder


@dataclass(frozen=True, slots=True)
class PlatformContext:
    """What the operator has set up for a platform, and what it may use."""

    settings: Any
    """The platform's section of config.yaml: an instance of `Platform.settings`."""
    secret: Callable[[str], str | None] = field(repr=False)
    """Looks up a secret by the name of its variable; None where it is not set."""
    data_dir: Path
    """The folder of Parlance's data."""
    folder: PrivateFolder
    """A folder in it for files of the platform's own. It is made when something is written."""
    commands: Sequence[Command] = ()
    """The commands that the platform offers: those that are not off everywhere."""
    public_url: str | None = None
    """Where others reach the HTTP port, as `http.public_url` says."""
    conversation: str | None = None
    """The conversation that `parlance run --conversation` names."""


@dataclass(frozen=True, slots=True)
class Findings:
    """What a check found, one sentence each: problems for the operator to solve, and notes."""

    problems: Sequence[str] = ()
    notes: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Platform:
    """A chat platform. Its section in config.yaml has its name.

    `create(context)` returns the adapter, or None where the platform is not configured (its token
    is not set). It must be quick and open nothing; what it needs it imports itself, so that a
    platform that is not configured is not imported. Where only the operator can help, it raises
    `AdapterError`.
    """

    name: str
    settings: type[PlatformSettings]
    create: Callable[[PlatformContext], Adapter | None]
    manifest: Callable[[PlatformContext, str | None], str] | None = None
    """Returns what `parlance manifest NAME` prints: what the platform's console wants to be told.
    The text is that of the option `--url`: where the platform reaches the bot."""
    doctor: Callable[[PlatformContext], Awaitable[Findings]] | None = None
    """Checks tokens and permissions for `parlance doctor`; it starts and changes nothing."""
    forget: Callable[[PlatformContext, str], None] | None = None
    """Deletes what the platform's own files hold of a person, by their id. Called in a thread."""
    alone: bool = False
    """Serve it where no other platform is configured, and only there."""
