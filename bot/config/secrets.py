"""Secrets: from the environment and the file `.env`, never from config.yaml, never printed."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path

from dotenv import dotenv_values
from pydantic import SecretStr

from bot.errors import ConfigError

_NAMES_A_SECRET = re.compile(r"(token|secret|password|passwd|(^|_)(api)?key|credentials?)$", re.I)

TOKEN_SHAPES = re.compile(
    r"""
      xox[a-z]-[\w.-]{8,}                              # Slack: bot, user and other tokens
    | xapp-[\w-]{8,}                                   # Slack: app-level token
    | \b[MNO][\w-]{22,27}\.[\w-]{6}\.[\w-]{25,}        # Discord: bot token
    | \bsk-[\w-]{16,}                                  # keys in the manner of OpenAI
    | \bhf_\w{16,}                                     # Hugging Face
    | \bgh[pousr]_\w{20,} | \bgithub_pat_\w{20,}       # GitHub
    | (?<=://)[^/\s:@]+:[^/\s@]+(?=@)                  # user:password in a URL
    """,
    re.X,
)
"""What a secret looks like, whoever wrote it where."""


def names_a_secret(key: str) -> bool:
    """Whether a key's name says that its value is a secret."""
    return bool(_NAMES_A_SECRET.search(key))


class Secrets:
    """The operator's secrets, by the name of their variable.

    The process's environment comes before `.env`. `str()` and `repr()` show no value.
    """

    def __init__(self, values: Mapping[str, str]) -> None:
        self._values = {name: SecretStr(value) for name, value in values.items() if value}

    @classmethod
    def load(
        cls, env_file: Path | None = None, environ: Mapping[str, str] | None = None
    ) -> Secrets:
        """Read `.env` (where there is one) and the environment."""
        return cls(read_environment(env_file, environ))

    def get(self, name: str) -> str | None:
        """The secret in the variable `name`; None where it is unset or empty."""
        value = self._values.get(name)
        return value.get_secret_value() if value is not None else None

    @property
    def discord_token(self) -> SecretStr | None:
        return self._values.get("DISCORD_TOKEN")

    @property
    def slack_bot_token(self) -> SecretStr | None:
        return self._values.get("SLACK_BOT_TOKEN")

    @property
    def slack_app_token(self) -> SecretStr | None:
        return self._values.get("SLACK_APP_TOKEN")

    @property
    def slack_signing_secret(self) -> SecretStr | None:
        return self._values.get("SLACK_SIGNING_SECRET")

    def known(self) -> frozenset[str]:
        """The values that must appear nowhere: those of variables that are named like secrets."""
        return frozenset(
            value.get_secret_value()
            for name, value in self._values.items()
            if names_a_secret(name) and len(value.get_secret_value()) >= 6
        )

    def __repr__(self) -> str:
        return "Secrets(…)"


def read_environment(
    env_file: Path | None, environ: Mapping[str, str] | None = None
) -> dict[str, str]:
    """The variables of `.env`, and over them those of the environment. Raises `ConfigError`."""
    given = os.environ if environ is None else environ
    written: dict[str, str | None] = {}
    if env_file is not None and env_file.is_file():
        try:
            written = dict(dotenv_values(env_file, interpolate=False))
        except (OSError, UnicodeDecodeError) as exc:
            why = exc.strerror if isinstance(exc, OSError) else "it is not UTF-8 text"
            raise ConfigError(f"{env_file.name}: cannot be read: {why}.") from None
    return {name: value for name, value in {**written, **given}.items() if value is not None}
