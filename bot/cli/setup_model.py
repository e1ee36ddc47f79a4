"""The step of `parlance setup` that looks at the machine and proposes a better model."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import date
from pathlib import Path

from backends.errors import BackendError
from backends.files.catalog import DEFAULT_MODELS
from bot.catalogue.sentence import join_sentences, say, say_number
from bot.cli.console import download_bar, errors, format_size
from bot.cli.options import read_installation
from bot.cli.setup_dialogue import Dialogue
from bot.config.yaml_document import YamlDocument
from bot.errors import UserFacingError
from bot.installation import Installation
from bot.models.entries import ModelEntry, find_entry, find_served
from bot.models.local_machine import LocalMachine, look_at_machine
from bot.models.local_servers import ollama_url
from bot.models.preparation import add_to_config, fetch_entry, settle_entry
from bot.models.proposals import MEASURED, Proposal, Survey, propose, survey
from bot.models.references import read_reference
from bot.models.selection import EVERYWHERE, MODEL_CHOICE
from bot.settings.choices_store import clear_choice
from bot.setup.settings_file import change

MOST_SHOWN = 5
"""Models that are proposed at once."""
_SHORT_S = 90.0
"""A time that is told in seconds, not in minutes."""


async def set_up_model(path: Path | None, dialogue: Dialogue, wanted: str | None) -> bool:
    """Choose a model, fetch it and make it the default; returns whether one was chosen.

    `wanted` names one. Else somebody is asked; where nobody can be, all stays as it is. Raises
    `ParlanceError` and `BackendError`, each with what to do.
    """
    here = read_installation(path)
    if wanted is not None:
        await use(here, wanted, dialogue)
        return True
    if not dialogue.asks:
        dialogue.tell(say("--model names none, so the model stays as it is."))
        return False
    with errors.status(say("Looking at this machine …")):
        found = await survey(here.store)
    dialogue.tell(describe_machine(found))
    small = {model.name for model in DEFAULT_MODELS}
    proposals = [
        one
        for one in propose(found)
        if one.fits and one.name not in small and not _answers_already(here, one)
    ]
    shown = _order(proposals)
    if not shown:
        dialogue.tell(
            say("No better model can be had here just now; `parlance setup model` looks again.")
        )
        return False
    for number, proposal in enumerate(shown, 1):
        mark = say(" (proposed)") if proposal.recommended else ""
        dialogue.tell(f"  {number}  {proposal.name}{mark}: {proposal.about}")
        dialogue.tell(f"     {describe(proposal)}")
    if any(one.speed is not None for one in shown):
        dialogue.tell(MEASURED)
        if not shown[0].recommended:
            dialogue.tell(
                say(
                    "None of them has an answer ready within a minute here, so none is proposed. "
                    "A machine that has other work just now is faster later."
                )
            )
    while True:
        chosen = await _choose(shown, dialogue)
        if chosen is None:
            return False
        try:
            await use(here, chosen, dialogue)
        except (UserFacingError, BackendError) as error:
            dialogue.tell(str(error))
            continue
        return True


async def use(here: Installation, reference: str, dialogue: Dialogue) -> None:
    """Fetch a model and make it the default one of config.yaml."""
    read = read_reference(reference, here.config.models)
    name = find_served(read, here.config.models)
    entry: ModelEntry | None = None
    if name is None:
        machine = await asyncio.to_thread(look_at_machine, here.store.root)
        url = ollama_url()
        entry = await find_entry(read, here.config.models, machine, ollama_url=url)
        await _fetch(here, entry)
        entry = await asyncio.to_thread(settle_entry, entry, here.store, machine)
        name = entry.name

    def write(document: YamlDocument) -> None:
        if entry is not None:
            add_to_config(document, entry, date.today())
        document.set("default_model", name)

    await asyncio.to_thread(change, here.path, write)
    await asyncio.to_thread(clear_choice, here.database, MODEL_CHOICE, EVERYWHERE)
    dialogue.tell(say("{name} answers from now on.", name=name))


def _answers_already(here: Installation, proposal: Proposal) -> bool:
    specs = here.config.models
    reference = read_reference(proposal.reference, specs)
    return find_served(reference, specs) == here.config.default_model


def describe_machine(found: Survey) -> str:
    """What the machine has, in a few short sentences."""
    machine: LocalMachine = found.machine
    parts = [say_number("This machine has {n} core", "This machine has {n} cores", machine.cores)]
    if machine.memory_bytes is not None:
        size = format_size(machine.memory_bytes)
        parts.append(say("{size} of memory that is free", size=size))
    parts += [say("the graphics card {name}", name=card.name) for card in machine.cards]
    parts.append(say("{size} of free disk", size=format_size(machine.disk_bytes)))
    text = ", ".join(parts) + "."
    told = [text]
    for server in found.servers:
        names = ", ".join(model.name for model in server.models[:3]) or say("no model")
        told.append(say("{server} runs here, with {names}.", server=server.name, names=names))
    if not found.hub:
        told.append(say("The hub of models cannot be reached just now."))
    return join_sentences(told)


def describe(proposal: Proposal) -> str:
    """What a model needs and may be used for, and how long it takes, on one line."""
    parts: list[str] = []
    if proposal.download_bytes:
        parts.append(say("{size} to fetch", size=format_size(proposal.download_bytes)))
    elif proposal.place == "here":
        parts.append(say("is here already"))
    if proposal.memory_bytes:
        parts.append(say("{size} of memory", size=format_size(proposal.memory_bytes)))
    if proposal.languages:
        parts.append(say("languages: {languages}", languages=proposal.languages))
    parts += [proposal.licence] if proposal.licence else []
    if proposal.answer_s is not None:
        parts.append(_describe_time(proposal.answer_s))
    return "; ".join(parts) or say("served by a program that runs here")


def _describe_time(seconds: float) -> str:
    if seconds < _SHORT_S:
        return say("an answer in about {s:.0f} s", s=max(seconds, 1.0))
    return say("an answer in about {minutes:.0f} min", minutes=seconds / 60)


def _order(proposals: Sequence[Proposal]) -> list[Proposal]:
    """The ones to show: what is recommended first; where nothing is, the quickest first."""
    if any(one.recommended for one in proposals):
        return sorted(proposals, key=lambda one: not one.recommended)[:MOST_SHOWN]
    return sorted(proposals, key=lambda one: one.answer_s or 0.0)[:MOST_SHOWN]


async def _choose(shown: Sequence[Proposal], dialogue: Dialogue) -> str | None:
    """The reference that somebody chooses; None to stay with the small model."""
    best = shown[0] if shown[0].recommended else None
    at_enter = best.name if best is not None else say("none of them")
    said = await dialogue.ask(
        say("Which one? Its number or any name, 0 for none (Enter: {name})", name=at_enter)
    )
    if not said:
        return best.reference if best is not None else None
    if said.isdecimal() and int(said) <= len(shown):
        return shown[int(said) - 1].reference if int(said) else None
    return said


async def _fetch(here: Installation, entry: ModelEntry) -> None:
    with download_bar() as bar:
        task = bar.add_task(entry.name, total=entry.bytes or None)

        def on_progress(done: int, total: int | None) -> None:
            bar.update(task, completed=done, total=total)

        await fetch_entry(entry, here.store, on_progress)
