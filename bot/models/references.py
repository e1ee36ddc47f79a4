"""What a model may be called, wherever one is named: no entry in config.yaml is needed.

    team                     a model of config.yaml, or one that was fetched in chat
    qwen3-4b                 a model of the catalogue
    ollama:llama3.1:8b       a model of an Ollama server
    hf:owner/repo            a Hugging Face repository: the GGUF that fits this machine
    hf:owner/repo:Q4_K_M     … with that quantisation; hf:owner/repo@revision, at that version
    hf:owner/repo/file.gguf  that file; pypi:… and url:… as in config.yaml
    ./models/my.gguf         a file of this machine
    http://127.0.0.1:8080/v1#name   a model of a server that speaks OpenAI's protocol

Reading one asks nobody. `bot.models.entries` finds what it stands for.
"""

from __future__ import annotations

import os
import re
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

from backends.errors import InvalidSource
from backends.files.catalog import CATALOG, CatalogModel
from backends.files.catalog_lookup import find_model
from backends.files.sources import FileSource, HubSource, UrlSource, parse_source
from backends.remote import Address
from bot.catalogue.sentence import say
from bot.errors import NotFound, UsageError, nearest

MAX_REFERENCE_CHARACTERS = 300

_REPOSITORY = re.compile(
    r"(?P<repository>[\w-][\w.-]{0,95}/[\w-][\w.-]{0,95})(?:@(?P<revision>[\w][\w.-]{0,95}))?"
    r"(?::(?P<quantisation>[A-Za-z0-9_-]{1,20}))?",
    re.ASCII,
)
_OLLAMA = re.compile(
    r"(?:[\w.-]{1,80}(?::\d{1,5})?/)?(?:[\w-][\w.-]{0,79}/){0,3}[\w-][\w.-]{0,79}"
    r"(?::[\w][\w.-]{0,79})?",
    re.ASCII,
)
_HOST = re.compile(r"[^/.:]*[.:][^/]*/")
_PLAIN_REPOSITORY = re.compile(r"[\w-][\w.-]*/[\w-][\w.-]*", re.ASCII)


@dataclass(frozen=True, slots=True)
class KnownModel:
    """A model that has an entry already."""

    name: str


@dataclass(frozen=True, slots=True)
class CatalogReference:
    """A model of the catalogue."""

    model: CatalogModel


@dataclass(frozen=True, slots=True)
class OllamaReference:
    """A model of an Ollama server, by its name there."""

    tag: str


@dataclass(frozen=True, slots=True)
class RepositoryReference:
    """A model of a Hugging Face repository, of which the file is still to be chosen."""

    repository: str
    revision: str = "main"
    quantisation: str = ""


@dataclass(frozen=True, slots=True)
class SourceReference:
    """One file, as `source:` in config.yaml names it."""

    source: str


@dataclass(frozen=True, slots=True)
class ServerReference:
    """A model of a server that speaks OpenAI's protocol; `model` is "" for its only one."""

    url: str
    model: str = ""


Reference: TypeAlias = (
    KnownModel
    | CatalogReference
    | OllamaReference
    | RepositoryReference
    | SourceReference
    | ServerReference
)


def read_reference(text: str, known: Collection[str] = (), *, in_chat: bool = False) -> Reference:
    """Return what a model is meant by a text; `known` are the models that have an entry.

    In chat neither paths nor addresses of anybody's choosing are taken. Raises `NotFound`, with the
    nearest name, and `UsageError`, with how it is written.
    """
    text = text.strip()
    if len(text) > MAX_REFERENCE_CHARACTERS or any(ord(character) < 32 for character in text):
        raise UsageError(say("That is no name of a model."))
    if text in known:
        return KnownModel(text)
    if (model := find_model(text)) is not None:
        return CatalogReference(model)
    kind, colon, rest = text.partition(":")
    if colon and kind.lower() == "ollama":
        return _ollama(rest.strip(), in_chat=in_chat)
    if colon and kind.lower() == "hf":
        return _hub(rest.strip())
    if in_chat:
        raise _unknown(text, known, in_chat=True)
    if colon and kind.lower() in ("http", "https"):
        return _server(text)
    if colon and kind.lower() in ("pypi", "url", "file"):
        return _source(text)
    if "/" in text or "\\" in text or text.lower().endswith(".gguf"):
        return _path(text, known)
    raise _unknown(text, known)


def known_name(reference: Reference) -> str:
    """Return what people call the model: a short name from which config.yaml's is made."""
    match reference:
        case KnownModel(name):
            return name
        case CatalogReference(model):
            return model.name
        case OllamaReference(tag):
            return _short(tag.rpartition("/")[2].removesuffix(":latest"))
        case RepositoryReference(repository=repository):
            return _short(repository.rpartition("/")[2])
        case SourceReference(source):
            return _short(parse_source(source).filename)
        case ServerReference(_, model):
            return _short(model.rpartition("/")[2]) if model else "server"


def display(reference: Reference) -> str:
    """Return a reference as it is written, without what may be secret in an address."""
    match reference:
        case KnownModel(name):
            return name
        case CatalogReference(model):
            return model.name
        case OllamaReference(tag):
            return f"ollama:{tag}"
        case RepositoryReference(repository, revision, quantisation):
            at = "" if revision == "main" else f"@{revision}"
            return f"hf:{repository}{at}{f':{quantisation}' if quantisation else ''}"
        case SourceReference(source):
            return str(parse_source(source))
        case ServerReference(url, model):
            return f"{Address.parse(url).display_name} {model}".strip()


def _short(name: str) -> str:
    """A file's or a repository's name without what only says that it is a GGUF."""
    stem = re.sub(r"(-\d{5}-of-\d{5})?\.gguf$", "", name, flags=re.IGNORECASE)
    stem = re.sub(r"[-_.]gguf$", "", stem, flags=re.IGNORECASE).lower()
    return re.sub(r"[^a-z0-9._-]+", "-", stem).strip("-._") or "model"


def _ollama(tag: str, *, in_chat: bool) -> OllamaReference:
    if _OLLAMA.fullmatch(tag) is None:
        raise UsageError(say("Write ollama: and the model's name there, as in ollama:llama3.1:8b."))
    if in_chat and _HOST.match(tag):
        raise UsageError(
            say(
                "In chat only models of Ollama's own library are fetched, as in ollama:llama3.1:8b."
            )
        )
    return OllamaReference(tag)


def _hub(rest: str) -> Reference:
    found = _REPOSITORY.fullmatch(rest)
    if found is not None:
        return RepositoryReference(
            found["repository"], found["revision"] or "main", found["quantisation"] or ""
        )
    try:
        source = parse_source(f"hf:{rest}")
    except InvalidSource:
        raise UsageError(
            say("Write hf: and the repository, as in hf:Qwen/Qwen3-4B-GGUF.")
        ) from None
    assert isinstance(source, HubSource)
    return SourceReference(str(source))


def _server(text: str) -> Reference:
    url, _, model = text.partition("#")
    if url.partition("?")[0].lower().endswith(".gguf"):
        return _source(f"url:{text}")
    try:
        Address.parse(url)
    except ValueError:
        raise UsageError(
            say("Write the server's address and the model, as http://127.0.0.1:8080/v1#name.")
        ) from None
    return ServerReference(url, model)


def _source(text: str) -> SourceReference:
    try:
        source = parse_source(text)
    except InvalidSource as error:
        raise UsageError(str(error)) from None
    if isinstance(source, FileSource):
        return SourceReference(str(FileSource(_absolute(str(source.path)))))
    return SourceReference(text if isinstance(source, UrlSource) else str(source))


def _path(text: str, known: Collection[str]) -> SourceReference:
    path = _absolute(text)
    try:
        there = path.is_file()
    except (OSError, ValueError):
        there = False
    if there:
        return SourceReference(f"file:{path}")
    if _PLAIN_REPOSITORY.fullmatch(text) and not text.lower().endswith(".gguf"):
        raise NotFound(
            say(
                "There is no file {name}. If it is a repository of Hugging Face, write hf:{name}.",
                name=text,
            )
        )
    raise NotFound(say("There is no file {name}.", name=text))


def _absolute(text: str) -> Path:
    return Path(os.path.abspath(os.path.expanduser(text)))


def _unknown(text: str, known: Collection[str], *, in_chat: bool = False) -> NotFound:
    names = [*known, *(model.name for model in CATALOG if model.purpose == "chat")]
    near = nearest(text, names)
    hint = say(" Did you mean {near}?", near=near) if near else ""
    return NotFound(
        say(
            "There is no model named {name!r}.{hint} Name one of the catalogue, as qwen3-4b, or "
            "write hf:owner/repo or ollama:NAME.",
            name=text[:60],
            hint=hint,
        )
    )
