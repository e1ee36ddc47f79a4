"""The command `parlance models use`: from a name to a model that answers here, in one step."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

from backends.base import EngineContext
from backends.files.store import ModelStore
from backends.pool.spec import ModelSpec
from bot.cli.console import console, download_bar, errors, redact
from bot.cli.loop import run_async
from bot.cli.model_preparation import prepare_models
from bot.cli.running_bot import ask_async
from bot.config.yaml_document import YamlDocument
from bot.control.protocol import ControlError
from bot.installation import Installation
from bot.models.entries import ModelEntry, find_entry, find_served
from bot.models.local_machine import look_at_machine
from bot.models.local_servers import ollama_url
from bot.models.preparation import add_to_config, fetch_entry, settle_entry
from bot.models.references import Reference, read_reference
from bot.models.selection import EVERYWHERE, MODEL_CHOICE
from bot.models.trial import Trial, try_model
from bot.settings.choices_store import clear_choice

if TYPE_CHECKING:
    from rich.progress import TaskID

READ_TOKENS, WRITTEN_TOKENS = 1_000, 150
"""A typical answer from documents."""


@dataclass(frozen=True, slots=True)
class Chosen:
    """A model that was fetched and tried: `entry` is what is to be written down, None if it stands
    in config.yaml already."""

    name: str
    trial: Trial | None
    entry: ModelEntry | None = None


def use_model(here: Installation, model: str, *, anyway: bool, trial: bool) -> None:
    """Fetch a model, try it out, write it into config.yaml, and tell a bot that runs."""
    reference = read_reference(model, here.specs)
    chosen = run_async(choose_model(here, reference, anyway=anyway, trial=trial))
    if chosen.trial is not None:
        console.print(describe_trial(chosen.name, chosen.trial), soft_wrap=True)
    document = YamlDocument.read(here.path)
    copy = write_choice(document, chosen, date.today())
    clear_choice(here.database, MODEL_CHOICE, EVERYWHERE)  # as a bot that runs does
    kept = f"; the file as it was is {copy.name}" if copy is not None else ""
    console.print(f"{chosen.name} is the default model in {document.path}{kept}.", soft_wrap=True)
    console.print(run_async(tell_running_bot(here)), soft_wrap=True)


async def choose_model(
    here: Installation, reference: Reference, *, anyway: bool = False, trial: bool = True
) -> Chosen:
    """Fetch a model with a progress bar, and try it out. Nothing is written down.

    Raises `Refused`, `ConfigError` and `BackendError`, each with sentences for the operator.
    """
    served = find_served(reference, here.specs)
    context = EngineContext(here.store, here.secrets.get)
    if served is not None:
        await _fetch_files(here, served)
        await prepare_models(here, [served])
        tried = await _try(here, served, here.specs[served], context) if trial else None
        return Chosen(served, tried)
    machine = await asyncio.to_thread(look_at_machine, here.store.root)
    entry = await find_entry(
        reference, here.specs, machine, ollama_url=configured_ollama_url(here), strict=not anyway
    )
    await fetch_with_bar(here.store, entry)
    entry = await asyncio.to_thread(settle_entry, entry, here.store, machine, strict=not anyway)
    tried = await _try(here, entry.name, entry.spec, context) if trial else None
    return Chosen(entry.name, tried, entry)


def write_choice(document: YamlDocument, chosen: Chosen, on: date) -> Path | None:
    """Write a chosen model and `default_model`; return the copy of the file as it was.

    Raises `ConfigError`.
    """
    if chosen.entry is not None:
        add_to_config(document, chosen.entry, on)
    document.set("default_model", chosen.name)
    return document.save()


def describe_trial(name: str, trial: Trial) -> str:
    """Say how fast a model is here."""
    told = [f"{name} answers here: loaded in {trial.load_s:.1f} s"]
    if trial.speed.read_per_s:
        told.append(f"reads {trial.speed.read_per_s:,.0f} tokens a second")
    if trial.speed.written_per_s:
        told.append(f"writes {trial.speed.written_per_s:,.0f}")
    answer_s = trial.speed.seconds(READ_TOKENS, WRITTEN_TOKENS)
    typical = f" A typical answer takes about {answer_s:.0f} s." if answer_s else ""
    return f"{', '.join(told)}.{typical}"


async def tell_running_bot(here: Installation) -> str:
    """Have the bot that runs here take the models of config.yaml; return what becomes of it."""
    try:
        told = await ask_async(here, "models")
    except ControlError as error:
        return redact(f"The running bot did not take it: {error} Restart it to apply this.")
    if told is None:
        return "`parlance run` starts with it."
    if told["changed"]:
        return "The running bot has another entry of that name; restart it to apply this."
    return "The running bot uses it from now on."


def configured_ollama_url(here: Installation) -> str:
    """Where config.yaml says that Ollama is, else where it usually is."""
    urls = (
        str(replica.options["url"])
        for spec in here.specs.values()
        for replica in spec.replicas
        if replica.backend == "ollama" and "url" in replica.options
    )
    return next(urls, ollama_url())


async def fetch_with_bar(store: ModelStore, entry: ModelEntry) -> None:
    """Fetch what a model needs, with a bar. Raises `BackendError`."""
    with download_bar() as bar:
        task = bar.add_task(entry.name, total=entry.bytes or None)

        def on_progress(done: int, total: int | None, task: TaskID = task) -> None:
            bar.update(task, completed=done, total=total)

        await fetch_entry(entry, store, on_progress)


async def _fetch_files(here: Installation, name: str) -> None:
    """Fetch the files of a model of config.yaml that are not there yet."""
    for file in await asyncio.to_thread(here.find_missing_files):
        if file.model == name:
            entry = ModelEntry(name, name, {}, file.source, file.sha256)
            await fetch_with_bar(here.store, entry)


async def _try(here: Installation, name: str, spec: ModelSpec, context: EngineContext) -> Trial:
    errors.print(f"Trying {name} out …")
    engines: Mapping[str, Any] = here.engines
    return await try_model(name, spec, context, engines)
