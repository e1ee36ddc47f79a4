"""Reads one YAML file with limits on size, depth and references; errors do not quote it.

The file may come from elsewhere, and a few lines of nested references can expand to more than fits
into memory.
"""

from __future__ import annotations

import re
from collections.abc import Hashable
from pathlib import Path
from typing import Any

import yaml

from bot.errors import ConfigError

MAX_FILE_BYTES = 1_000_000
"""Largest file, in bytes."""
MAX_NODES = 20_000
"""Most values; those of a reference count each time."""
MAX_DEPTH = 50
"""Deepest nesting."""
MAX_NUMBER_CHARS = 100
"""Longest number, in characters; Python takes long to parse a longer one."""

_QUOTED = re.compile(r"""(?<!\s)\s*+(['"])(.*?)\1""")
_NUMBERS = ("tag:yaml.org,2002:int", "tag:yaml.org,2002:float")


class _Loader(yaml.SafeLoader):
    """YAML in which a key that is written twice is an error, not a silent loss."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self._depth = self._nodes = 0
        self._sizes: dict[int, int] = {}

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:
        referred = self.check_event(yaml.AliasEvent)
        mark: yaml.Mark = self.peek_event().start_mark  # type: ignore[no-untyped-call]
        before, self._depth = self._nodes, self._depth + 1
        if self._depth > MAX_DEPTH:
            raise yaml.MarkedYAMLError(problem="it is nested too deeply", problem_mark=mark)
        node = super().compose_node(parent, index)
        self._depth -= 1
        if referred:
            size = self._sizes.get(id(node))
            if size is None:
                raise yaml.MarkedYAMLError(problem="it is nested in itself", problem_mark=mark)
            self._nodes += size
        else:
            self._nodes += 1
            self._sizes[id(node)] = self._nodes - before
        if self._nodes > MAX_NODES:
            raise yaml.MarkedYAMLError(
                problem=f"it stands for more than {MAX_NODES:,} values", problem_mark=mark
            )
        long = isinstance(node, yaml.ScalarNode) and len(node.value) > MAX_NUMBER_CHARS
        if long and node is not None and node.tag in _NUMBERS:
            raise yaml.MarkedYAMLError(problem="a number is too long", problem_mark=mark)
        return node

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        seen: set[Any] = set()
        for key, _ in node.value:
            if isinstance(key, yaml.ScalarNode) and key.tag != "tag:yaml.org,2002:merge":
                if key.value in seen:
                    raise yaml.MarkedYAMLError(
                        problem="a key is written twice", problem_mark=key.start_mark
                    )
                seen.add(key.value)
        return super().construct_mapping(node, deep)


def parse(text: str) -> Any:
    """The value that a text in YAML stands for. Raises `yaml.YAMLError`, `ValueError`."""
    return yaml.load(text, _Loader)


def read_file(path: Path) -> dict[str, Any]:
    """The mapping that a file holds, its keys as text. Raises `ConfigError`, which quotes nothing
    of it."""
    text = _read_text(path)
    try:
        written = text_keys(parse(text))
    except yaml.MarkedYAMLError as exc:
        # Only the place and the parser's words: its own text quotes the line, which may be secret.
        mark = exc.problem_mark
        line = f"line {mark.line + 1}, column {mark.column + 1}" if mark else "somewhere"
        problem = _QUOTED.sub(_unquoted, exc.problem or "this is not YAML")
        raise ConfigError(f"{path.name}: {line}: {problem}.") from None
    except (yaml.YAMLError, ValueError):  # a date such as 2026-99-99 is a ValueError
        raise ConfigError(f"{path.name}: it is not YAML, or has a value that is none.") from None
    if written is None:
        return {}
    if not isinstance(written, dict):
        raise ConfigError(f"{path.name}: it must be a mapping of keys to values.")
    return written


def text_keys(value: Any) -> Any:
    """A copy of mappings and lists in which every key is text."""
    if isinstance(value, dict):
        return {str(key): text_keys(inner) for key, inner in value.items()}
    return [text_keys(inner) for inner in value] if isinstance(value, list) else value


def _unquoted(quoted: re.Match[str]) -> str:
    """A single character and the parser's own words, as in '<block end>'; nothing of the file."""
    word = quoted[2]
    return quoted[0] if len(word) <= 1 or word[0] + word[-1] == "<>" else ""


def _read_text(path: Path) -> str:
    try:
        with path.open("rb") as file:
            data = file.read(MAX_FILE_BYTES + 1)
    except FileNotFoundError:
        raise ConfigError(f"{path}: there is no such file.") from None
    except OSError as exc:
        raise ConfigError(f"{path}: cannot be read: {exc.strerror}.") from None
    if len(data) > MAX_FILE_BYTES:
        raise ConfigError(
            f"{path}: cannot be read: it is larger than {MAX_FILE_BYTES // 10**6} MB."
        )
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        raise ConfigError(f"{path}: cannot be read: it is not UTF-8 text.") from None
