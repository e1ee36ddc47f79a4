"""Reads secrets from the environment and `.env`, and recognises secrets in texts."""

from __future__ import annotations

import os
import re
import string
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from dotenv import dotenv_values
from pydantic import SecretStr

from bot.errors import ConfigError

_NAMES_A_SECRET = re.compile(r"(token|secret|password|passwd|(^|_)(api)?key|credentials?)$", re.I)

TOKEN_SHAPES = re.compile(
    r"""
      xox[a-z]-[A-Za-z0-9_.-]{8,}                        # Slack: bot, user and other tokens
    | xapp-[A-Za-z0-9_-]{8,}                             # Slack: app-level token
    | (?<![A-Za-z0-9])
      (?: sk-[A-Za-z0-9_-]{16,}                          # keys in the manner of OpenAI
        | hf_[A-Za-z0-9_]{16,}                           # Hugging Face
        | (?:gh[pousr]|github_pat)_[A-Za-z0-9_]{20,}     # GitHub
        | [MNO][A-Za-z0-9_-]{22,27}\.[A-Za-z0-9_-]{6}\.[A-Za-z0-9_-]{25,}  # Discord: bot token
      )
    | (?<=://)[^/\s:@?#"'<>]*:[^/\s?#"'<>]+(?=@)         # user:password in a URL
    """,
    re.X,
)
"""Matches text that looks like a secret, in time linear in the text's length."""

TOKEN_MARKS = re.compile(
    r"xox | xapp- | sk- | hf_ | ghp_ | gho_ | ghu_ | ghs_ | ghr_ | github_pat_ | ://"
    r"| \.[A-Za-z0-9_-]{6}\.",
    re.X,
)
"""Matches in every text in which `TOKEN_SHAPES` does, and takes a quarter of its time."""

_TOKEN_CHARACTERS = string.ascii_letters + string.digits + "_.-"
_SECRET_BEGINNING = re.compile(
    r"""
      xox[a-z]- | xapp- | (?<![A-Za-z0-9])(?: sk- | hf_ | (?:gh[pousr]|github_pat)_ )
    | x(?:o(?:x[a-z]?)?|a(?:pp?)?)?\Z
    | (?<![A-Za-z0-9])
      (?: sk? | hf? | g(?:h[pousr]?|i(?:t(?:h(?:u(?:b(?:_(?:p(?:at?)?)?)?)?)?)?)?)?
        # Discord: digits in base 64; hardly a word begins so
        | [MNO](?:[DTjz](?:[AEIMQUYcgk](?:[w-z0-5]
          [A-Za-z0-9_-]{0,24} (?:\.[A-Za-z0-9_-]{0,6})? (?:\.[A-Za-z0-9_-]*)? )?)?)?
      )\Z
    """,
    re.X,
)
_NO_CREDENTIALS = re.compile(r"[/\s?#\"'<>]")


def find_token_start(text: str) -> int:
    """Index at the end of a growing text where a match of `TOKEN_SHAPES` may begin.

    The text's length if nothing there can become one.
    """
    begun = _SECRET_BEGINNING.search(text, len(text.rstrip(_TOKEN_CHARACTERS)))
    starts = [begun.start()] if begun is not None else []
    address = text.rfind("://")
    if address >= 0 and not _NO_CREDENTIALS.search(text, address + 3):
        starts.append(address)
    elif text.endswith((":", ":/")):
        starts.append(text.rindex(":"))
    return min(starts, default=len(text))


MAX_ENV_BYTES = 1_000_000
"""Largest file `.env`."""
MIN_SECRET_CHARS = 6
"""Shortest secret that is redacted, in characters; a shorter one may be part of a word."""

_PLACEHOLDER_KEYS = frozenset(
    {"anything", "api-key", "apikey", "changeme", "llamafile", "lm-studio", "no-key", "not-needed"}
    | {"no-key-required", "not-required", "ollama", "password", "placeholder", "secret", "unused"}
)
"""Values that people set where a server checks no key; they are not redacted."""


def _is_distinctive(value: str) -> bool:
    return len(value) >= MIN_SECRET_CHARS and value.lower() not in _PLACEHOLDER_KEYS


def is_secret_name(key: str) -> bool:
    """Whether a key's name says that its value is a secret."""
    return bool(_NAMES_A_SECRET.search(key))


def find_secret_parameter(address: str) -> str:
    """The name of a parameter in an address that is a secret by that name, "" if none is."""
    names = (part.partition("=")[0] for part in address.partition("?")[2].split("&"))
    return next((name for name in names if is_secret_name(name)), "")


class Secrets:
    """The operator's secrets, by the name of their variable.

    The process's environment comes before `.env`. `str()` and `repr()` show no value.
    """

    def __init__(self, values: Mapping[str, str], named: Iterable[str] = ()) -> None:
        self._values = {name: SecretStr(value) for name, value in values.items() if value}
        self._named = frozenset(named)

    @classmethod
    def load(
        cls,
        env_file: Path | None = None,
        environ: Mapping[str, str] | None = None,
        named: Iterable[str] = (),
    ) -> Secrets:
        """Read `.env` (where there is one) and the environment.

        `named` are variables that config.yaml names as those of keys, however they are called.
        """
        return cls(read_environment(env_file, environ), named)

    def get(self, name: str) -> str | None:
        """The secret in the variable `name`; None where it is unset or empty."""
        value = self._values.get(name)
        return value.get_secret_value() if value is not None else None

    def known(self) -> frozenset[str]:
        """The secret values that must be redacted everywhere."""
        return frozenset(value for _, value in self._secret_items() if _is_distinctive(value))

    def find_short_secrets(self) -> list[str]:
        """Names of variables whose secret is too short to be redacted."""
        return sorted(name for name, value in self._secret_items() if len(value) < MIN_SECRET_CHARS)

    def _secret_items(self) -> Iterator[tuple[str, str]]:
        """Variables that are named like secrets, or that config.yaml names, with their values."""
        for name, value in self._values.items():
            if name in self._named or is_secret_name(name):
                yield name, value.get_secret_value()

    def __repr__(self) -> str:
        return "Secrets(…)"


def find_secret_variables(settings: Any, key: str = "") -> Iterator[str]:
    """The names of variables that settings refer to as secrets.

    `api_key_env: TEAM` refers to TEAM, and so does any other key that ends with `_env` or has a
    secret's name.
    """
    if isinstance(settings, Mapping):
        for name, inner in settings.items():
            yield from find_secret_variables(inner, str(name))
    elif isinstance(settings, list | tuple):
        for inner in settings:
            yield from find_secret_variables(inner, key)
    elif isinstance(settings, str) and (key.endswith("_env") or is_secret_name(key)):
        yield settings


def read_environment(
    env_file: Path | None, environ: Mapping[str, str] | None = None
) -> dict[str, str]:
    """The variables of `.env`, and over them those of the environment. Raises `ConfigError`."""
    given = os.environ if environ is None else environ
    written: dict[str, str | None] = {}
    if env_file is not None and env_file.is_file():
        try:
            if env_file.stat().st_size > MAX_ENV_BYTES:
                raise ConfigError(f"{env_file.name}: cannot be read: it is larger than 1 MB.")
            written = dict(dotenv_values(env_file, interpolate=False))
        except (OSError, UnicodeDecodeError) as exc:
            why = exc.strerror if isinstance(exc, OSError) else "it is not UTF-8 text"
            raise ConfigError(f"{env_file.name}: cannot be read: {why}.") from None
    return {name: value for name, value in {**written, **given}.items() if value is not None}
