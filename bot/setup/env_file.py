"""Writes secrets into the file `.env`: the rest of it stays as it is, and nothing is lost."""

from __future__ import annotations

import io
import re
from collections.abc import Mapping
from pathlib import Path

from dotenv import dotenv_values
from dotenv.parser import parse_stream

from bot.config.dated_copies import keep_copy
from bot.config.secrets import MAX_ENV_BYTES
from bot.errors import ConfigError
from bot.private_files import FILE_MODE, replace_file

HEAD = "# Secrets of Parlance. Keep this file to yourself, and out of version control.\n"
_NAME = re.compile(r"[A-Z][A-Z0-9_]*")
_VALUE = re.compile(r"[!-~]+")
_PLAIN = re.compile(r"[A-Za-z0-9_.:/+=@-]+")
_MARGIN = re.compile(r"\s*(?:export[ \t]+)?")


def set_values(text: str, values: Mapping[str, str]) -> str:
    """The text of a `.env` with these values: in place where a variable stands, else at the end.

    Comments and everything else stay, byte for byte. Raises `ConfigError` for a value that is none.
    """
    for variable, value in values.items():
        if not _NAME.fullmatch(variable) or not _VALUE.fullmatch(value):
            what = f"What was given for {variable}"
            raise ConfigError(f"{what} is no secret: it has spaces or signs.")
    lines: list[str] = []
    there: set[str] = set()
    for binding in parse_stream(io.StringIO(text)):
        written = binding.original.string
        name = binding.key or ""
        if name in values and not binding.error:
            there.add(name)
            margin = _MARGIN.match(written)
            written = (margin[0] if margin else "") + _line(name, values[name])
        lines.append(written)
    if lines and not lines[-1].endswith("\n"):
        lines.append("\n")
    lines += [_line(name, value) for name, value in values.items() if name not in there]
    return "".join(lines)


def write_values(path: Path, values: Mapping[str, str]) -> Path | None:
    """Write values into `.env`, readable for its owner alone; returns the copy of what was there.

    A copy is made only where another value is replaced. Raises `ConfigError`.
    """
    before = _read(path)
    after = set_values(before or HEAD, values)
    copy = None
    if before is not None:
        known = dotenv_values(stream=io.StringIO(before), interpolate=False)
        if any(known.get(name) and known[name] != value for name, value in values.items()):
            copy = _copy(path)
    if after != before or path.stat().st_mode & 0o077:
        _write(path, after)
    return copy


def _line(name: str, value: str) -> str:
    if not _PLAIN.fullmatch(value):
        value = "'" + value.replace("\\", "\\\\").replace("'", "\\'") + "'"
    return f"{name}={value}\n"


def _read(path: Path) -> str | None:
    try:
        with path.open("rb") as file:
            data = file.read(MAX_ENV_BYTES + 1)
        if len(data) > MAX_ENV_BYTES:
            raise ConfigError(f"{path.name}: cannot be read: it is larger than 1 MB.")
        return data.decode("utf-8")
    except FileNotFoundError:
        return None
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        raise ConfigError(f"{path.name}: cannot be read: {why}.") from None


def _copy(path: Path) -> Path:
    try:
        path.chmod(FILE_MODE)  # a copy has the mode of what it is a copy of
        return keep_copy(path)
    except OSError as error:
        raise ConfigError(f"{path.name}: no copy can be made: {error.strerror}.") from None


def _write(path: Path, text: str) -> None:
    """Replace the file as a whole; one behind a link is replaced where it is."""
    try:
        replace_file(path.resolve(), text.encode())
    except OSError as error:
        raise ConfigError(f"{path.name}: cannot be written: {error.strerror}.") from None
