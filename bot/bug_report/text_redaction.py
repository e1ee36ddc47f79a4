"""Takes from sentences, log lines and traces what strangers may see.

Only what is known to be harmless stays: numbers, ids that the bot made, names that stand in the
code. All else is left out, so that a text which nobody thought of is left out too.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import datetime
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

from bot.observability.log_reader import LEVELS

MAX_SENTENCE_CHARACTERS: Final = 300
MAX_TRACE_LINES: Final = 60
_ROOT: Final = Path(__file__).resolve().parents[2]
_LOGGED_NAME: Final = re.compile(r"[a-z][a-z0-9_]{0,60}(?:\.[a-z0-9_]{1,60}){1,6}")
_KEY: Final = re.compile(r"[a-z][a-z0-9_]{0,40}")
_IDENT: Final = re.compile(r"[0-9a-f]{8,32}")
_FRAME: Final = re.compile(r'File "([^"]{1,500})", line (\d{1,6}), in ([\w<>.]{1,100})')
_CLASS: Final = re.compile(r"(?:\w{1,60}\.){0,8}(\w{1,60})(?=:|$)")
_ADDRESS: Final = re.compile(r"\b\w{1,20}://\S+|(?<![\w/])/[^\s/]+/\S+")
_NAMED_KEYS: Final = frozenset({"kind", "skill", "state", "platform", "engine"})
_IDENT_KEYS: Final = frozenset({"turn", "error_id"})


def redact_sentence(text: object) -> str:
    """A sentence of a check, without addresses, paths, and what another program said."""
    own, said, _ = str(text).partition("; it said: ")
    return _ADDRESS.sub("…", own + ("; it said something" if said else ""))[
        :MAX_SENTENCE_CHARACTERS
    ]


def redact_error(text: object) -> str:
    """The class of an error of which `Class: message` is known; empty if it is none."""
    found = _CLASS.match(str(text))
    return found[1] if found is not None and found[1] in _error_classes() else ""


def redact_line(said: Mapping[str, Any]) -> dict[str, Any]:
    """What stays of a line of the log: when, how grave, which event, ids, numbers, traces."""
    return dict(_kept(said))


def _kept(said: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    for key, value in said.items():
        text = value if isinstance(value, str) else ""
        if key in {"exception", "stack"}:
            yield key, redact_trace(text)
        elif (
            (isinstance(value, bool | int | float) and _KEY.fullmatch(key))
            or (key == "timestamp" and _is_moment(text))
            or (key == "level" and text in LEVELS)
            or (key in {"event", "logger"} and _LOGGED_NAME.fullmatch(text))
            or (key in _IDENT_KEYS and _IDENT.fullmatch(text))
            or (key in _NAMED_KEYS and _KEY.fullmatch(text))
        ):
            yield key, value
        elif key in {"reason", "error"} and (error := redact_error(text)):
            yield key, error


def redact_trace(text: str) -> list[str]:
    """Where a trace went, as `file:line in function`, and the classes of its errors."""
    told = []
    for line in text.splitlines():
        if (frame := _FRAME.search(line)) is not None:
            told.append(f"{_short_path(frame[1])}:{frame[2]} in {frame[3]}")
        elif error := redact_error(line.strip(" |+-")):
            told.append(error)
    return told[-MAX_TRACE_LINES:]


def _short_path(path: str) -> str:
    """A source file by its place in this project, or in a library; else by its name alone."""
    _, found, within = path.rpartition("site-packages/")
    if found:
        return within
    place = Path(path)
    return str(place.relative_to(_ROOT)) if place.is_relative_to(_ROOT) else place.name


def _is_moment(text: str) -> bool:
    try:
        datetime.fromisoformat(text)
    except ValueError:
        return False
    return True


@lru_cache(maxsize=1)
def _error_classes() -> frozenset[str]:
    """The names of all classes of errors that are loaded."""
    found: set[type[BaseException]] = set()
    waiting: list[type[BaseException]] = [BaseException]
    while waiting:
        one = waiting.pop()
        if one not in found:
            found.add(one)
            waiting += one.__subclasses__()
    return frozenset(one.__name__ for one in found)
