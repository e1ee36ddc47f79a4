"""Writes what a step of setting up decides into config.yaml."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from bot.config.yaml_document import YamlDocument
from bot.errors import ConfigError


def change(path: Path, edit: Callable[[YamlDocument], None]) -> Path | None:
    """Change config.yaml, as it is now; returns the copy that is kept of it, if one was needed.

    A file that a person saves at the same moment is read again, so that nothing of theirs is lost.
    Raises `ConfigError`, and then nothing has changed.
    """
    document = YamlDocument.read(path)
    before = _content(document.path)
    try:
        edit(document)
        return document.save()
    except ConfigError:
        if _content(document.path) == before:
            raise
    document = YamlDocument.read(path)
    edit(document)
    return document.save()


def add_admin(path: Path, person: str) -> Path | None:
    """Make somebody (`platform:id`) an admin for good."""
    return change(path, lambda document: document.append("admins.users", person))


def add_source(path: Path, source: dict[str, Any]) -> Path | None:
    """Have a folder, a page or a repository kept in sync."""
    return change(path, lambda document: document.append("knowledge.sync", source))


def _content(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except OSError:
        return None
