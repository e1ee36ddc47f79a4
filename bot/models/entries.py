"""Makes an entry of config.yaml out of a reference to a model: its name, its engine, its file."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from backends.files.catalog import CatalogModel
from backends.files.catalog_lookup import find_files
from backends.files.gguf_choice import (
    GgufOption,
    choose_option,
    estimate_memory,
    find_options,
    quantisation_of,
)
from backends.files.sources import HubSource, parse_source
from backends.pool.spec import ModelSpec
from bot.catalogue.sentence import say
from bot.errors import Refused
from bot.models.local_machine import LocalMachine
from bot.models.local_servers import OLLAMA_URL
from bot.models.references import (
    CatalogReference,
    KnownModel,
    OllamaReference,
    Reference,
    RepositoryReference,
    ServerReference,
    SourceReference,
    display,
    known_name,
)

CONTEXT_TOKENS = 8192
"""Context of a model that has an entry made here, where its file was made for so many."""
SMALL_CONTEXT_TOKENS = 4096
"""Context where memory is short."""

_MAX_LISTED = 8


@dataclass(frozen=True, slots=True)
class ModelEntry:
    """A model that can be added: `values` is what stands under `models.NAME` of config.yaml.

    `source` is the file to fetch ("" for a model of a server), `bytes` its size and `memory_bytes`
    what it takes, 0 where they are unknown. `ollama_tag` is what an Ollama server fetches.
    """

    name: str
    reference: str
    values: Mapping[str, Any] = field(repr=False)
    source: str = ""
    sha256: str | None = None
    bytes: int = 0
    memory_bytes: int = 0
    ollama_tag: str = ""
    url: str = field(default="", repr=False)
    licence: str = ""
    about: str = ""

    @property
    def spec(self) -> ModelSpec:
        return ModelSpec.model_validate(dict(self.values))


async def find_entry(
    reference: Reference,
    specs: Mapping[str, ModelSpec],
    machine: LocalMachine,
    *,
    ollama_url: str = OLLAMA_URL,
    strict: bool = True,
) -> ModelEntry:
    """Return the entry for a reference that has none among `specs`; asks the hub where it must.

    With `strict` a model that is too large for the machine's memory or disk is refused. Raises
    `Refused` and `ModelFetchError`, each with one sentence.
    """
    match reference:
        case CatalogReference(model):
            entry = _of_catalog(model)
        case OllamaReference(tag):
            values = {"backend": "ollama", "url": ollama_url, "model": tag}
            entry = ModelEntry("", display(reference), values, ollama_tag=tag, url=ollama_url)
        case ServerReference(url, model):
            values = {"backend": "openai_compatible", "url": url}
            values |= {"model": model} if model else {}
            entry = ModelEntry("", display(reference), values, url=url)
        case RepositoryReference():
            entry = await _of_repository(reference, machine)
        case SourceReference(source):
            entry = _of_source(reference, source)
        case KnownModel(name):
            raise ValueError(name)
    if strict:
        refuse_too_large(entry, machine)
    return _named(entry, known_name(reference), specs)


def find_served(reference: Reference, specs: Mapping[str, ModelSpec]) -> str | None:
    """Return the name of the model among `specs` that a reference means, None if there is none."""
    match reference:
        case KnownModel(name):
            return name
        case CatalogReference(model):
            wanted = {model.files[0].source}
        case OllamaReference(tag):
            wanted = {tag, f"{tag}:latest", tag.removesuffix(":latest")}
        case SourceReference(source):
            wanted = {source, str(parse_source(source))}
        case _:
            wanted = set()
    for name, spec in specs.items():
        if wanted.intersection(spec.engine_model_names):
            return name
    if isinstance(reference, RepositoryReference):
        return _of_same_repository(reference, specs)
    return None


def refuse_too_large(entry: ModelEntry, machine: LocalMachine) -> None:
    """Raise `Refused` if the memory is too small for a model, or the disk for its file."""
    if entry.memory_bytes and not machine.has_memory(entry.memory_bytes):
        raise Refused(
            say(
                "{name} needs about {needed:.1f} GB of memory, and {free:.1f} GB are free here.",
                name=entry.reference,
                needed=entry.memory_bytes / 1e9,
                free=(machine.model_bytes or 0) / 1e9,
            )
        )
    if entry.source and not machine.has_disk(entry.bytes):
        raise Refused(
            say(
                "{name} needs {needed:.1f} GB on the disk, and {free:.1f} GB are free.",
                name=entry.reference,
                needed=entry.bytes / 1e9,
                free=machine.disk_bytes / 1e9,
            )
        )


def _of_catalog(model: CatalogModel) -> ModelEntry:
    if model.purpose != "chat":
        raise Refused(
            say("{name} searches documents and cannot answer; choose another.", name=model.name)
        )
    file = model.files[0]
    values: dict[str, Any] = {"backend": "llama_cpp", "source": file.source}
    values |= {"sha256": file.sha256} if file.sha256 else {}
    return ModelEntry(
        model.name,
        model.name,
        {**values, "description": model.summary},
        file.source,
        file.sha256,
        file.bytes or 0,
        model.memory_mb * 1_000_000,
        licence=model.licence,
        about=model.summary,
    )


def _of_source(reference: Reference, source: str) -> ModelEntry:
    parsed = parse_source(source)
    if not parsed.filename.lower().endswith(".gguf"):
        raise Refused(say("{name} is no GGUF file.", name=str(parsed)))
    known = find_files(source)[0]
    return ModelEntry(
        "",
        display(reference),
        {"backend": "llama_cpp", "source": source},
        source,
        known.sha256,
        known.bytes or 0,
        estimate_memory(known.bytes) if known.bytes else 0,
    )


async def _of_repository(reference: RepositoryReference, machine: LocalMachine) -> ModelEntry:
    from backends.files.hub_listing import list_repository  # slow to import

    files = await list_repository(reference.repository, reference.revision)
    options = await asyncio.to_thread(find_options, files)
    if not options:
        raise Refused(
            say(
                "{repository} has no GGUF file; look for a repository whose name ends with -GGUF.",
                repository=reference.repository,
            )
        )
    chosen = choose_option(options, machine.model_bytes, reference.quantisation)
    if chosen is None and reference.quantisation:
        raise Refused(
            say(
                "{repository} has no {quantisation}; it has: {names}.",
                repository=reference.repository,
                quantisation=reference.quantisation,
                names=_names(options),
            )
        )
    if chosen is None:
        least = min(options, key=lambda one: one.bytes)
        raise Refused(
            say(
                "No file of {repository} fits: the smallest needs about {needed:.1f} GB of memory, "
                "and {free:.1f} GB are free here.",
                repository=reference.repository,
                needed=least.memory_bytes / 1e9,
                free=(machine.model_bytes or 0) / 1e9,
            )
        )
    source = str(HubSource(reference.repository, chosen.file, reference.revision))
    return ModelEntry(
        "",
        display(reference),
        {"backend": "llama_cpp", "source": source},
        source,
        bytes=chosen.bytes,
        memory_bytes=chosen.memory_bytes,
        about=chosen.quantisation,
    )


def _names(options: Collection[GgufOption]) -> str:
    names = list(dict.fromkeys(one.quantisation or one.file for one in options))
    more = " …" if len(names) > _MAX_LISTED else ""
    return ", ".join(names[:_MAX_LISTED]) + more


def _of_same_repository(
    reference: RepositoryReference, specs: Mapping[str, ModelSpec]
) -> str | None:
    beginning = f"hf:{reference.repository}/"
    for name, spec in specs.items():
        for source in spec.engine_model_names:
            if not source.startswith(beginning):
                continue
            parsed = parse_source(source)
            assert isinstance(parsed, HubSource)
            wanted = reference.quantisation.upper()
            same = not wanted or quantisation_of(parsed.file) == wanted
            if same and parsed.revision == reference.revision:
                return name
    return None


def _named(entry: ModelEntry, wanted: str, specs: Mapping[str, ModelSpec]) -> ModelEntry:
    """The entry with a name that no other model has."""
    name, number = wanted, 1
    while name in specs:
        number += 1
        name = f"{wanted}-{number}"
    return replace(entry, name=name)
