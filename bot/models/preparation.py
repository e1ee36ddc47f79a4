"""Prepares a model for use: fetches its file, sets its context, tries it out, writes it down."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from contextlib import aclosing
from dataclasses import replace
from datetime import date
from importlib import import_module
from typing import Any, TypeAlias

from backends.files.gguf import check_gguf
from backends.files.split_names import bytes_of_parts
from backends.files.store import ModelStore
from backends.llama_cpp.memory_estimate import find_demand
from backends.llama_cpp.options import LlamaCppOptions
from bot.config.resources import resource
from bot.config.yaml_document import YamlDocument
from bot.config.yaml_file import read_file
from bot.models.entries import CONTEXT_TOKENS, SMALL_CONTEXT_TOKENS, ModelEntry, refuse_too_large
from bot.models.local_machine import LocalMachine

Progress: TypeAlias = Callable[[int, int | None], None]
"""Called with the bytes that are here, and those expected in all, None where nobody says."""


async def fetch_entry(entry: ModelEntry, store: ModelStore, progress: Progress) -> None:
    """Fetch what a model needs: its file, resumed and verified, or through its Ollama server.

    Raises `BackendError`. Cancelled, it keeps what has come.
    """
    if entry.source:
        await store.fetch_async(entry.source, entry.sha256, progress)
    elif entry.ollama_tag:
        pull_model = (await asyncio.to_thread(import_module, "backends.ollama.client")).pull_model
        async with aclosing(pull_model(entry.ollama_tag, entry.url)) as steps:
            async for step in steps:
                if step.total:
                    progress(step.completed, step.total)


def settle_entry(
    entry: ModelEntry, store: ModelStore, machine: LocalMachine, *, strict: bool = True
) -> ModelEntry:
    """Return the entry with a context that its model was made for and that the memory has room
    for, and with what it takes; reads the file's head, so call it in a thread.

    With `strict` a model that is too large is refused. Raises `Refused` and `ModelNotFound`.
    """
    if not entry.source:
        return entry
    path = store.path(entry.source, entry.sha256)
    head, size = check_gguf(path), bytes_of_parts(path)
    made_for = head.context or CONTEXT_TOKENS
    for tokens in (CONTEXT_TOKENS, SMALL_CONTEXT_TOKENS):
        context = min(tokens, made_for)
        options = LlamaCppOptions(source=entry.source, context=context)
        demand = find_demand(head, options, size, has_video=False)
        settled = replace(
            entry,
            values=_with_context(entry.values, context),
            bytes=size,
            memory_bytes=demand.host,
        )
        if machine.has_memory(demand.host):
            break
    if strict:
        refuse_too_large(replace(settled, source=""), machine)
    return settled


def _with_context(values: Mapping[str, Any], context: int) -> dict[str, Any]:
    """The entry with its context, before what only describes it."""
    described = {key: values[key] for key in ("description",) if key in values}
    rest = {key: value for key, value in values.items() if key not in described}
    return {**rest, "context": context, **described}


def add_to_config(document: YamlDocument, entry: ModelEntry, on: date) -> None:
    """Write a model's entry, with a comment that says where it is from. Nothing is saved."""
    keep_default_models(document)
    about = [f"Added by `parlance models use {entry.reference}` on {on.isoformat()}"]
    about += [f"{entry.bytes / 1e9:.1f} GB"] if entry.bytes else []
    about += [f"licence: {entry.licence}"] if entry.licence else []
    document.set(("models", entry.name), dict(entry.values), comment="; ".join(about) + ".")


def keep_default_models(document: YamlDocument) -> None:
    """Write down the models that are there by default where a file names none: with an entry of
    its own they would be gone."""
    if document.get("models") is None:
        for name, values in read_file(resource("config.yaml"))["models"].items():
            document.set(("models", name), values)
