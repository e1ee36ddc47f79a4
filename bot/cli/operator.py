"""The commands `parlance check`, `doctor`, `plugins` and `manifest`, and `docs-tables`."""

from __future__ import annotations

import asyncio
import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bot.cli.console import AsJson, console, show, write
from bot.cli.loop import run_async
from bot.cli.options import ConfigPath, read_installation
from bot.installation import Installation
from bot.private_files import find_exposed, find_exposed_data

if TYPE_CHECKING:
    from backends.base import Backend
    from bot.knowledge.retrieval.embedder import Embedder

plugins = typer.Typer(no_args_is_help=True, help="The plugins that were found.")
manifest = typer.Typer(no_args_is_help=True, help="What a platform has to be told about the bot.")


def check(config: ConfigPath = None, as_json: AsJson = False) -> None:
    """Validate configuration, plugins, models and migrations; starts and loads nothing."""
    from bot.storage.migrations import pending

    here = read_installation(config)
    rows = [{"what": "configuration", "ok": True, "detail": str(here.path)}]
    for problem in here.plugins.problems:
        rows.append({"what": f"plugin {problem.plugin}", "ok": False, "detail": problem.text})
    if not here.plugins.problems:
        names = ", ".join(d.name for d in here.plugins.describe())
        rows.append({"what": "plugins", "ok": True, "detail": names})
    missing = {file.source for file in here.find_missing_files()}
    for file in here.list_model_files():
        source, there = file.display_source, file.source not in missing
        detail = source if there else f"{source} is missing; run `parlance models pull`"
        rows.append({"what": f"model {file.model}", "ok": there, "detail": detail})
    ahead = run_async(pending(here.config.database))
    exists = here.config.database.exists()
    detail = f"{len(ahead)} to apply at the next start" if ahead and exists else "up to date"
    rows.append({"what": "migrations", "ok": True, "detail": detail if exists else "new database"})
    _show_checks(rows, as_json=as_json)


def doctor(config: ConfigPath = None, as_json: AsJson = False) -> None:
    """Try each thing: models, embedder, documents, platforms; says what to do."""
    here = read_installation(config)
    rows = run_async(run_checks(here))
    _show_checks(rows, as_json=as_json)


async def run_checks(here: Installation) -> list[dict[str, object]]:
    """Run all checks of `doctor`; returns one row each, with `what`, `ok` and `detail`."""
    from backends.errors import BackendError
    from bot.app import create_adapters, open_app
    from bot.knowledge.embedders import create_embedders, embedder_name

    bases = {embedder_name(here.config, base): base for base in ("", *here.config.knowledge.bases)}
    rows: list[dict[str, object]] = []
    async with open_app(here) as app:
        for problem in app.plugins.problems:
            rows.append({"what": f"plugin {problem.plugin}", "ok": False, "detail": problem.text})
        give = create_embedders(here.config, app.pool)
        for name in app.pool.names():
            try:
                able = await app.pool.probe(name)
                embedder = await give(bases[name]) if name in bases else None
            except BackendError as error:
                rows.append({"what": f"model {name}", "ok": False, "detail": str(error)})
                continue
            detail = f"embeds, {able.dimension} dimensions" if not able.chat else "answers"
            if able.context:
                detail += f", context {able.context:,} tokens"
            if embedder is not None:
                detail += _describe_embedder(embedder, app.pool.backend(name))
            rows.append({"what": f"model {name}", "ok": True, "detail": detail})
        documents = await app.knowledge.list()
        rows.append(
            {
                "what": "documents",
                "ok": True,  # to have none is a choice
                "detail": f"{len(documents)} documents"
                if documents
                else "none yet; `parlance docs add` adds some",
            }
        )
        if complaint := await app.knowledge.find_vector_problem():
            rows.append({"what": "vectors", "ok": False, "detail": complaint})
    rows += await asyncio.to_thread(_check_private_files, here)
    adapters = create_adapters(here)
    for adapter in adapters:
        problems = await adapter.check()
        rows += [{"what": adapter.name, "ok": False, "detail": text} for text in problems]
        if not problems:
            rows.append({"what": adapter.name, "ok": True, "detail": "token and permissions work"})
        # Only some adapters have more to say than what is to be changed.
        notes: Sequence[str] = getattr(adapter, "notes", ())
        rows += [{"what": adapter.name, "ok": True, "detail": text} for text in notes]
    if not adapters:
        detail = "no token is set, so `parlance run` chats in the terminal"
        rows.append({"what": "platforms", "ok": True, "detail": detail})
    return rows


def _check_private_files(here: Installation) -> list[dict[str, object]]:
    """Check for files that other users may read, and for keys too short to be redacted."""
    found = [*find_exposed_data(here.config.data_dir), *find_exposed(here.path.parent / ".env")]
    rows: list[dict[str, object]] = [
        {
            "what": "private files",
            "ok": False,
            "detail": f"others may read {path}; run `chmod {mode:o} {shlex.quote(str(path))}`",
        }
        for path, mode in found
    ]
    if not found:
        detail = "only their owner can read the data"
        rows.append({"what": "private files", "ok": True, "detail": detail})
    if short := here.secrets.find_short_secrets():
        detail = f"{', '.join(short)}: too short to be taken out of what is shown and logged"
        rows.append({"what": "keys", "ok": True, "detail": detail})
    return rows


def _describe_embedder(embedder: Embedder, backend: Backend) -> str:
    """How an embedder differs from the default one; a mistake there shows nowhere else."""
    told = []
    if embedder.query_prefix:
        told.append(f"{embedder.query_prefix!r} before questions")
    if embedder.passage_prefix:
        told.append(f"{embedder.passage_prefix!r} before passages")
    pooling = getattr(backend, "pooling", "mean")  # other engines than ONNX know by themselves
    if pooling != "mean":
        told.append(f"pooling {pooling}")
    return "".join(f", {one}" for one in told)


def _show_checks(rows: list[dict[str, object]], *, as_json: bool) -> None:
    show(rows, as_json=as_json)
    if not all(row["ok"] for row in rows):
        raise typer.Exit(1)


@plugins.command("list")
def plugins_list(config: ConfigPath = None, as_json: AsJson = False) -> None:
    """Each plugin, where it comes from, and what it declares."""
    here = read_installation(config)
    rows = [
        {
            "name": found.name,
            "ok": not found.problems,
            "commands": ", ".join(f"/{name}" for name in found.commands),
            "engines": ", ".join(found.engines),
            "loaders": ", ".join(found.loaders),
            "origin": found.origin,
            "problems": " ".join(found.problems),
        }
        for found in here.plugins.describe()
    ]
    show(rows, as_json=as_json)


def docs_tables(
    write: Annotated[bool, typer.Option(help="Write the pages again.")] = False,
    folder: Annotated[Path, typer.Option()] = Path("docs"),
) -> None:
    """Check the generated tables of the documentation, or write them again."""
    from bot.cli.doc_tables import find_stale_pages, rewrite_pages

    pages = rewrite_pages(folder) if write else find_stale_pages(folder)
    for page in pages:
        console.print(f"{page}: {'written' if write else 'is out of date; run `make docs`'}.")
    if pages and not write:
        raise typer.Exit(1)


@manifest.command("discord")
def manifest_discord(config: ConfigPath = None) -> None:
    """The invite link with the exact permissions, and what to switch on."""
    from bot.adapters.discord.setup.manifest import manifest as text_of

    here = read_installation(config)
    token = here.secrets.discord_token
    shown = token.get_secret_value() if token is not None else None
    write(text_of(here.offered_commands, here.config.discord, shown))


@manifest.command("slack")
def manifest_slack(
    config: ConfigPath = None,
    url: Annotated[
        str | None, typer.Option(help="HTTP mode: where Slack reaches this bot, https://….")
    ] = None,
) -> None:
    """The app manifest for the loaded plugins, as YAML."""
    from bot.adapters.slack.setup.manifest import manifest as text_of

    here = read_installation(config)
    settings = here.config.slack
    if url is not None:
        settings = settings.model_copy(update={"mode": "http", "public_url": url})
    write(text_of(here.offered_commands, settings), end=False)
