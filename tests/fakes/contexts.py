"""What engines are made with, where no model files are needed."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from backends.base import EngineContext
from backends.errors import ModelNotFound


class NoFiles:
    """A model store with nothing in it."""

    def path(self, source: str, sha256: str | None = None) -> Path:
        raise ModelNotFound(f"{source} has not been fetched.")


def bare_context(secrets: Mapping[str, str] | None = None) -> EngineContext:
    """No files, and these secrets."""
    return EngineContext(NoFiles(), (secrets or {}).get)
