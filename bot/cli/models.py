"""The command `parlance models`: list, fetch, remove models, and show their status."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

import typer
from rich.progress import TaskID

from backends.errors import BackendError
from backends.files.catalog import CATALOG, CatalogModel
from backends.files.catalog_lookup import find_files
from backends.files.split_names import bytes_of_parts
from backends.files.store import ModelStore
from bot.cli.console import AsJson, console, download_bar, errors, format_size, show
from bot.cli.loop import run_async
from bot.cli.model_status import read_statuses
from bot.cli.options import ConfigPath, read_installation
from bot.errors import NotFound
from bot.installation import Installation, ModelFile

commands = typer.Typer(no_args_is_help=True, help="Which models there are; fetch or remove them.")


@commands.command("list")
def list_(config: ConfigPath = None, as_json: AsJson = False) -> None:
    """The models that config.yaml names, and those of the catalogue."""
    here = read_installation(config)
    configured = [_describe_configured(here, name) for name in here.config.models]
    known = [
        {
            "name": model.name,
            "from": "catalogue",
            "for": model.purpose,
            "memory": f"{model.memory_mb / 1000:.1f} GB",
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
                "For real use name a larger one in config.yaml; docs/models.md shows how."
            )


def _abilities(model: CatalogModel) -> list[str]:
    able = {"tools": model.tools, "pictures": model.vision}
    return [word for word, does in able.items() if does]


@commands.command()
def pull(
    names: Annotated[
        list[str] | None,
        typer.Argument(help="Names of config.yaml or the catalogue, or sources; default: all."),
    ] = None,
    config: ConfigPath = None,
) -> None:
    """Fetch model files, with progress; what is here already is verified and kept."""
    here = read_installation(config)
    if names and any(name.startswith("ollama:") for name in names):
        for name in names:
            run_async(_pull_from_ollama(here, name.removeprefix("ollama:")))
        return
    files = _find_files(here, names)
    fetch_all(here.store, files)
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
    for file in _find_files(here, names):
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


def _find_files(here: Installation, names: Sequence[str] | None) -> list[ModelFile]:
    needed = here.list_model_files()
    if not names:
        return needed
    files: list[ModelFile] = []
    for name in names:
        own = [file for file in needed if file.model == name]
        if not own and name in here.config.models:
            raise NotFound(f"{name} has no file to fetch; its server keeps it.")
        files += own or [ModelFile(name, f.source, f.sha256) for f in find_files(name)]
    return files


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
        "here": all(_is_present(here.store, f.source, f.sha256) for f in files) if files else None,
        "licence": "",
        "languages": "",
        "can": "",
        "source": ", ".join(file.display_source for file in files)
        or ", ".join(replica.backend for replica in spec.replicas),
        "about": spec.description,
    }


async def _pull_from_ollama(here: Installation, tag: str) -> None:
    from backends.ollama.client import pull_model as pull_through

    urls = [
        str(replica.options["url"])
        for spec in here.specs.values()
        for replica in spec.replicas
        if replica.backend == "ollama" and "url" in replica.options
    ]
    errors.print(f"Fetching {tag} through the Ollama server.")
    with download_bar() as bar:
        task = bar.add_task(tag, total=None)
        async for step in pull_through(tag, url=urls[0] if urls else "http://127.0.0.1:11434"):
            bar.update(task, description=step.status, completed=step.completed, total=step.total)
