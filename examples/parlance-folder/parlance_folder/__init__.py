"""A chat platform for Parlance: a folder in which people write text files.

    kitchen/tea.ada.txt         what Ada says in the channel kitchen; `tea` is any name
    kitchen/tea.ada.list.csv    a file that comes with it, if it is there before the text
    kitchen/tea.1.md            the answer, which grows while it is written
    kitchen/tea.files/          files that come with the answer
    kitchen/tea.1.ada.press     a number: Ada presses that button of the answer
    @ada/hello.ada.txt          what Ada says to the bot alone

Whoever may write in the folder may call themselves as they like.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from bot.api import Findings, Platform, PlatformContext, PlatformSettings, hookimpl

if TYPE_CHECKING:
    from parlance_folder.adapter import FolderAdapter


class FolderSettings(PlatformSettings):
    """A folder in which people write text files; starts when `path` is set."""

    path: str = ""
    """The folder, relative to where Parlance is started."""
    every_s: float = 0.5
    """How often it is looked at, in seconds."""


def create(context: PlatformContext) -> FolderAdapter | None:
    """Make the adapter, if the operator has named a folder."""
    if not context.settings.path:
        return None
    from parlance_folder.adapter import FolderAdapter

    return FolderAdapter(context.settings)


def manifest(context: PlatformContext, url: str | None) -> str:
    """Describe how people write."""
    lines = [
        f"In {context.settings.path or 'the folder'} make a folder for each channel, and @NAME for",
        "what NAME says to the bot alone. Write SUBJECT.NAME.txt, and read SUBJECT.1.md. Commands:",
        *(f"  /{command.name} — {command.description}" for command in context.commands),
    ]
    return "\n".join(lines)


async def check(context: PlatformContext) -> Findings:
    """Say whether the folder can be written to, and by whom."""
    return await asyncio.to_thread(_look_at, Path(context.settings.path))


def _look_at(path: Path) -> Findings:
    if not path.exists():
        return Findings(notes=[f"{path} is made at the start"])
    if not (path.is_dir() and os.access(path, os.W_OK)):
        return Findings([f"folder.path: {path} is no folder that I can write in."])
    if path.stat().st_mode & 0o002:
        return Findings([f"folder.path: every user of this machine can write in {path}."])
    return Findings(notes=["whoever may write in it may call themselves as they like"])


@hookimpl
def register_platforms() -> Sequence[Platform]:
    """Return the platform."""
    return [Platform("folder", FolderSettings, create, manifest, check)]
