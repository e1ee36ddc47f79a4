"""The command `parlance models`: list, fetch, remove models, and show their status."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from backends.errors import BackendError
from backends.files.catalog import CATALOG, CatalogModel
from backends.files.catalog_lookup import find_files
from backends.files.gguf_choice import quantisation_of
from backends.files.sources import HubSource, parse_source
from backends.files.split_names import bytes_of_parts
from backends.files.store import ModelStore
from bot.cli.console import AsJson, console, download_bar, errors, format_size, show
from bot.cli.loop import run_async
from bot.cli.model_preparation import prepare_models
from bot.cli.model_status import read_statuses
from bot.cli.options import ConfigPath, read_installation
from bot.errors import NotFound
from bot.installation import Installation, ModelFile
from bot.models.entries import ModelEntry, find_entry
from bot.models.local_machine import look_at_machine
from bot.models.references import (
    KnownModel,
    OllamaReference,
    Reference,
    RepositoryReference,
    ServerReference,
    SourceReference,
    display,
    read_reference,
)

if TYPE_CHECKING:
    from rich.progress import TaskID

commands = typer.Typer(no_args_is_help=True, help="Which models there are; fetch or remove them.")
MODEL_HELP = (
    "A name of config.yaml or the catalogue, ollama:NAME, hf:owner/repo (also :Q4_K_M, or a file), "
    "or the path of a GGUF file."
)


@commands.command()
def use(
    model: Annotated[str, typer.Argument(help=MODEL_HELP)],
    config: ConfigPath = None,
    anyway: Annotated[
        bool, typer.Option("--anyway", help="Also where memory or disk seem too small.")
    ] = False,
    no_trial: Annotated[
        bool, typer.Option("--no-trial", help="Do not load it and have it answer first.")
    ] = False,
) -> None:
    """Fetch a model, try it out, write it into config.yaml and make it the default."""
    from bot.cli.models_use import use_model

    use_model(read_installation(config), model, anyway=anyway, trial=not no_trial)


@commands.command("list")
def list_(config: ConfigPath = None, as_json: AsJson = False) -> None:
    """The models that config.yaml names, and those of the catalogue."""
    here = read_installation(config)
    machine = look_at_machine(here.store.root)
    configured = [_describe_configured(here, name) for name in here.config.models]
    known = [
        {
            "name": model.name,
            "from": "catalogue",
            "for": model.purpose,
            "memory": f"{model.memory_mb / 1000:.1f} GB",
            "fits": machine.has_memory(model.memory_mb * 1_000_000),
            "here": all(_is_present(here.store, f.source, f.sha256) for f in model.files),
            "licence": model.licence,
            "languages": model.languages,
            "can": ", ".join(_abilities(model)),
            "source": model.files[0].source,
            "about": model.summary,
        }
        for model in CATALOG
    ]
    show([*configured, *known], as_json=as_json)
    if not as_json:
        sources = {
            f.source for f in here.list_model_files() if f.model == here.config.default_model
        }
        if any(m.default and m.files[0].source in sources for m in CATALOG):
            console.print(
                "\nThe default model is very small: fluent, fast, and often wrong. "
                "For real use take a larger one that fits: parlance models use NAME."
            )


def _abilities(model: CatalogModel) -> list[str]:
    able = {"tools": model.tools, "pictures": model.vision}
    return [word for word, does in able.items() if does]


@commands.command()
def pull(
    names: Annotated[
        list[str] | None,
        typer.Argument(help=f"What to fetch; default: all of config.yaml. {MODEL_HELP}"),
    ] = None,
    config: ConfigPath = None,
) -> None:
    """Fetch model files, with progress; what is here already is verified and kept."""
    here = read_installation(config)
    files: list[ModelFile] = []
    for reference in [read_reference(name, here.specs) for name in names or here.specs]:
        if isinstance(reference, OllamaReference):
            run_async(_pull_from_ollama(here, reference.tag))
        elif not names and not _files_of(here, display(reference)):
            continue  # its server keeps it
        else:
            files += _find_files(here, reference)
    fetch_all(here.store, files)
    run_async(prepare_models(here, [file.model for file in files if file.model in here.specs]))
    for file in files:
        path = here.store.path(file.source, file.sha256)
        console.print(f"{file.model}: {path} ({format_size(bytes_of_parts(path))})")


@commands.command()
def remove(
    names: Annotated[list[str], typer.Argument(help="Names or sources, as for pull.")],
    config: ConfigPath = None,
) -> None:
    """Remove fetched model files from the cache folder."""
    here = read_installation(config)
    for reference in [read_reference(name, here.specs) for name in names]:
        if isinstance(reference, OllamaReference):
            raise NotFound(f"ollama:{reference.tag} is kept by its server: `ollama rm` removes it.")
        if isinstance(reference, RepositoryReference):
            files = _stored_files(here.store, reference)
        else:
            files = _find_files(here, reference)
        for file in files:
            gone = here.store.remove(file.source)
            console.print(f"{file.display_source}: {'removed' if gone else 'was not there'}.")


@commands.command()
def status(config: ConfigPath = None, as_json: AsJson = False) -> None:
    """Each model and replica: its state, slots, queue, speed, cache hits and last error.

    A bot that runs is asked; else each engine is, which knows less.
    """
    here = read_installation(config)
    rows, running = run_async(read_statuses(here))
    show(rows, as_json=as_json)
    if not running and not as_json:
        console.print(
            "\nThis is what the engines say now. Queue, speed and cache are known to a running bot."
        )


def fetch_all(store: ModelStore, files: Sequence[ModelFile]) -> None:
    """Fetch what is not there yet, one after another, with a bar for each."""

    async def run() -> None:
        with download_bar() as bar:
            for file in files:
                task = bar.add_task(
                    f"{file.model}: {file.display_source.split('#')[0]}", total=None
                )

                def on_progress(done: int, total: int | None, task: TaskID = task) -> None:
                    bar.update(task, completed=done, total=total)

                await store.fetch_async(file.source, file.sha256, on_progress)

    run_async(run())


def _find_files(here: Installation, reference: Reference) -> list[ModelFile]:
    """The files that a reference means. Raises `NotFound` for a model that has none."""
    name = display(reference)
    if isinstance(reference, KnownModel):
        if own := _files_of(here, name):
            return own
        raise NotFound(f"{name} has no file to fetch; its server keeps it.")
    if isinstance(reference, RepositoryReference):
        machine = look_at_machine(here.store.root)
        entry = run_async(find_entry(reference, {}, machine, strict=False))
        return [ModelFile(name, entry.source)]
    if isinstance(reference, ServerReference):
        raise NotFound(f"{name} has no file to fetch; its server keeps it.")
    source = reference.source if isinstance(reference, SourceReference) else name
    return [ModelFile(name, file.source, file.sha256) for file in find_files(source)]


def _files_of(here: Installation, name: str) -> list[ModelFile]:
    return [file for file in here.list_model_files() if file.model == name]


def _stored_files(store: ModelStore, reference: RepositoryReference) -> list[ModelFile]:
    """The files of a repository that are here, of the quantisation that is named if one is."""
    found = []
    for one in store.list():
        source = parse_source(one.source)
        if not isinstance(source, HubSource) or source.repository != reference.repository:
            continue
        wanted = reference.quantisation.upper()
        if source.revision == reference.revision and wanted in ("", quantisation_of(source.file)):
            found.append(ModelFile(display(reference), one.source))
    if not found:
        raise NotFound(f"Nothing of {display(reference)} is here.")
    return found


def _is_present(store: ModelStore, source: str, sha256: str | None) -> bool:
    try:
        store.path(source, sha256)
    except BackendError:
        return False
    return True


def _describe_configured(here: Installation, name: str) -> dict[str, object]:
    spec = here.specs[name]
    files = [file for file in here.list_model_files() if file.model == name]
    return {
        "name": name,
        "from": "config.yaml",
        "for": "embed" if name == here.config.embedder else "chat",
        "memory": "",
        "fits": None,
        "here": all(_is_present(here.store, f.source, f.sha256) for f in files) if files else None,
        "licence": "",
        "languages": "",
        "can": "",
        "source": ", ".join(file.display_source for file in files)
        or ", ".join(replica.backend for replica in spec.replicas),
        "about": spec.description,
    }


async def _pull_from_ollama(here: Installation, tag: str) -> None:
    from bot.cli.models_use import configured_ollama_url, fetch_with_bar

    url = configured_ollama_url(here)
    errors.print(f"Fetching {tag} through the Ollama server.")
    await fetch_with_bar(here.store, ModelEntry(tag, tag, {}, ollama_tag=tag, url=url))
