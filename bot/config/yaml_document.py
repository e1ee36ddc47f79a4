"""Changes config.yaml as a person would: comments, order, quoting and layout stay as they are.

    document = YamlDocument.read(path)
    document.set("models.team", {"backend": "ollama", "model": "llama3.1:8b"}, comment="Ours.")
    document.set("default_model", "team")
    document.append("admins.users", "discord:80351110224678912")
    copy = document.save()

Nothing is written before `save`. That checks the whole file with the settings' own rules, keeps a
dated copy of the one that is replaced, and refuses where somebody changed it since it was read.
"""

from __future__ import annotations

import copy
import fcntl
import os
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from bot.config.base import PlatformSettings
from bot.config.dated_copies import keep_copy
from bot.config.line_merge import MAX_LINES, merge_lines
from bot.config.loading import WrittenConfig
from bot.config.platforms import SHIPPED_SECTIONS
from bot.config.resources import INSTALLED, resource
from bot.config.secrets import read_environment
from bot.config.yaml_file import parse, read_file, text_keys
from bot.errors import ConfigError
from bot.private_files import replace_file

if TYPE_CHECKING:
    from bot.config.root import Config

Keys = str | Sequence[str]
"""`"models.team"`, or `("channels", "slack:T1:C1")` where a key has a dot or may have one."""

_EFFECTIVE = os.access in os.supports_effective_ids
_BY_HAND = "change it by hand, or write it in a plainer way and try again."


class YamlDocument:
    """A file of settings while it is being changed. Create it with `read`."""

    def __init__(self, path: Path, original: bytes | None, text: str) -> None:
        self.path = path
        self._original = original
        self._bom = text[:1] if text.startswith("\ufeff") else ""
        text = text.removeprefix("\ufeff")
        self._line_end = "\r\n" if 2 * text.count("\r\n") > text.count("\n") else "\n"
        self._text = text.replace("\r\n", "\n")
        self._values: dict[str, Any] = text_keys(parse(self._text)) or {}
        self._changes = 0

    @classmethod
    def read(cls, path: Path) -> YamlDocument:
        """Read the file at `path`, or the file that ships where there is none there yet.

        The file that an installed package ships is nobody's to change: `config.yaml` in the current
        folder takes its place. A link is followed, and stays one. Raises `ConfigError`.
        """
        if INSTALLED and path == resource("config.yaml"):
            path = Path("config.yaml")
        try:
            path = path.resolve()
        except (OSError, RuntimeError):
            raise ConfigError(f"{path}: cannot be read: it is a link to itself.") from None
        there = os.path.lexists(path)
        source = path if there else resource("config.yaml")
        read_file(source)  # with its limits, and sentences that quote nothing
        try:
            content = source.read_bytes()
            return cls(path, content if there else None, content.decode())
        except (OSError, ValueError, yaml.YAMLError):
            raise ConfigError(f"{path}: cannot be read just now; try again.") from None

    @property
    def names(self) -> tuple[str, ...]:
        """The sections and keys at the top of the file."""
        return tuple(self._values)

    @property
    def is_new(self) -> bool:
        """Whether there was no file yet, so that there is nothing to keep a copy of."""
        return self._original is None

    @property
    def is_changed(self) -> bool:
        """Whether anything was changed that `save` would write."""
        return self.is_new or self._changes > 0

    @property
    def text(self) -> str:
        """What `save` writes."""
        return self._bom + self._text.replace("\n", self._line_end)

    def get(self, keys: Keys, default: Any = None) -> Any:
        """The value at a key; `default` where the file does not have the key."""
        here: Any = self._values
        for key in _path(keys):
            if not isinstance(here, Mapping) or key not in here:
                return default
            here = here[key]
        return copy.deepcopy(here)

    def set(self, keys: Keys, value: Any, *, comment: str | None = None) -> None:
        """Write a value at a key, and the sections above it where they are missing.

        `comment` is written above a key that is new. A mapping is changed key by key, so that the
        comments of what stays in it stay, too. Raises `ConfigError`.
        """
        path = _path(keys)
        expected = copy.deepcopy(self._values)
        here = expected
        for key in path[:-1]:
            inner = here.get(key)
            if inner is not None and not isinstance(inner, dict):
                raise self._refusal(path, "something else than a section stands above it")
            here[key] = here = {} if inner is None else inner
        if path[-1] in here and repr(here[path[-1]]) == repr(value):
            return
        here[path[-1]] = copy.deepcopy(value)
        self._rewrite(path, value, expected, comment)

    def append(self, keys: Keys, value: Any) -> None:
        """Add a value to the end of a list, unless it is in it. Raises `ConfigError`."""
        listed = self.get(keys)
        if listed is not None and not isinstance(listed, list):
            raise self._refusal(_path(keys), "it is no list")
        if value not in (listed or []):
            self.set(keys, [*(listed or []), value])

    def remove(self, keys: Keys) -> bool:
        """Take a key out; return whether it was there. Raises `ConfigError`."""
        path = _path(keys)
        expected = copy.deepcopy(self._values)
        here: Any = expected
        for key in path[:-1]:
            here = here.get(key) if isinstance(here, dict) else None
        if not isinstance(here, dict) or path[-1] not in here:
            return False
        del here[path[-1]]
        self._rewrite(path, _GONE, expected, None)
        return True

    def check(
        self,
        platforms: Mapping[str, type[PlatformSettings]] | None = None,
        environ: Mapping[str, str] | None = None,
    ) -> Config:
        """Check the file as a start of the bot would. Sections of other platforms than `platforms`
        (those that ship) are not judged. Raises `ConfigError`."""
        base = self.path.parent
        written = WrittenConfig(
            self.path, base, self._values, read_environment(base / ".env", environ)
        )
        return written.validate(platforms or SHIPPED_SECTIONS, ("plugins",))

    def save(
        self,
        platforms: Mapping[str, type[PlatformSettings]] | None = None,
        environ: Mapping[str, str] | None = None,
    ) -> Path | None:
        """Check the file, keep a copy of the old one, and replace it; return the copy's path, None
        where there was no file or nothing is to be written. Raises `ConfigError`, and then nothing
        has changed."""
        if not self.is_changed:
            return None
        self.check(platforms, environ)
        content = self.text.encode()
        try:
            with self._holding():
                kept = None
                if self._original is not None:
                    if not os.access(self.path, os.W_OK, effective_ids=_EFFECTIVE):
                        raise PermissionError(13, "it is write-protected")
                    kept = keep_copy(self.path)
                replace_file(self.path, content, like=self.path if kept else None)
        except OSError as error:
            raise ConfigError(f"{self.path}: cannot be written: {error.strerror}.") from None
        self._original, self._changes = content, 0
        return kept

    @contextmanager
    def _holding(self) -> Iterator[None]:
        """Hold the file against other commands that write it, as it was read."""
        try:
            handle = os.open(self.path, os.O_RDONLY | os.O_CLOEXEC)
        except FileNotFoundError:
            if self._original is not None:
                raise self._changed_meanwhile() from None
            yield
            return
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if self.path.read_bytes() != self._original:
                raise self._changed_meanwhile()
            yield
        except BlockingIOError:
            raise self._changed_meanwhile() from None
        finally:
            os.close(handle)

    def _changed_meanwhile(self) -> ConfigError:
        return ConfigError(
            f"{self.path}: somebody else changed it just now, so it was left as it is; try again."
        )

    def _refusal(self, path: Sequence[str], why: str) -> ConfigError:
        return ConfigError(f"{self.path.name}: {'.'.join(path)}: {why}; {_BY_HAND}")

    def _rewrite(
        self, path: Sequence[str], value: Any, expected: dict[str, Any], comment: str | None
    ) -> None:
        """Make the text say what is expected, in the layout that keeps most of it."""
        from ruamel.yaml.error import YAMLError

        from bot.config.yaml_edit import edited

        try:
            before, after = edited(self._text, path, value, comment, gone=value is _GONE)
        except (YAMLError, ValueError, TypeError, KeyError, AttributeError):
            raise self._refusal(
                path, "it is written in a way that cannot be changed here"
            ) from None
        for text in _layouts(self._text, before, after):
            if _says(text, expected):
                self._text, self._values = text, expected
                self._changes += 1
                return
        raise self._refusal(path, "it shares what it says with another key")


_GONE = object()


def _path(keys: Keys) -> tuple[str, ...]:
    return tuple(keys.split(".")) if isinstance(keys, str) else tuple(keys)


def _layouts(own: str, before: str, after: str) -> Iterator[str]:
    """The changed text: in the layout of the old one, else as the library lays it out."""
    texts = [re.findall(r"[^\n]*\n|[^\n]+", text) for text in (own, before, after)]
    if max(map(len, texts)) <= MAX_LINES:
        lines = [line if line.endswith("\n") else f"{line}\n" for line in texts[0]]
        yield "".join(merge_lines(lines, texts[1], texts[2]))
    yield after


def _says(text: str, expected: Collection[Any]) -> bool:
    try:
        return repr(text_keys(parse(text)) or {}) == repr(expected)
    except (yaml.YAMLError, ValueError):
        return False
