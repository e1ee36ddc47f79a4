"""Encrypts what is kept of logins, with a key that only `.env` has."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final

from cryptography.fernet import Fernet, InvalidToken

from bot.config.mcp import KEY_VARIABLE
from bot.errors import ConfigError

WRONG_KEY: Final = (
    f"{KEY_VARIABLE} is no key: `parlance mcp key` makes one. What was kept with another key "
    "cannot be read any more, and people log in again."
)


def make_key() -> str:
    """Make a new key, as it stands in `.env`."""
    return Fernet.generate_key().decode()


class Sealer:
    """Encrypts values, each for one purpose: it cannot be opened for another."""

    def __init__(self, key: str) -> None:
        """Raises `ConfigError` for what is no key."""
        try:
            self._fernet = Fernet(key.encode())
        except ValueError as exc:
            raise ConfigError(WRONG_KEY) from exc

    def seal(self, value: Mapping[str, Any], *purpose: str) -> str:
        """Encrypt a value."""
        return self._fernet.encrypt(json.dumps([purpose, dict(value)]).encode()).decode()

    def open(self, sealed: str, *purpose: str) -> dict[str, Any] | None:
        """Decrypt a value; None where it was encrypted with another key or for another purpose, or
        was changed."""
        try:
            meant, value = json.loads(self._fernet.decrypt(sealed.encode()))
        except (InvalidToken, ValueError):
            return None
        return dict(value) if meant == list(purpose) else None
