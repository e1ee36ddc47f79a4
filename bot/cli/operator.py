"""The commands `parlance check`, `doctor`, `plugins` and `manifest`, and `docs-tables`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bot.cli.console import AsJson, console, say, show, write
from bot.cli.loop import run_async
from bot.cli.options import ConfigPath, read_installation
from bot.cli.running_bot import ask_running_bot, check_running_bot, describe_running_bot
from bot.control.protocol import BUG_REPORT
from bot.errors import Failed

if TYPE_CHECKING:
    from contextlib import AbstractAsyncContextManager

    from bot.app import App
    from bot.installation import Installation

plugins = typer.Typer(no_args_is_help=True, help="The plugins that were found.")


def check(
    config: ConfigPath = None,
    as_json: AsJson = False,
    fix: Annotated[
        bool,
        typer.Option("--fix", help="Write what has moved in its new place; a copy is kept."),
    ] = False,
) -> None:
    """Validate configuration, plugins, models and migrations; starts and loads nothing."""
    from bot.cli.language_check import check_languages
    from bot.storage.blocking import revision_at
    from bot.storage.migrations import pending

    here = read_installation(config)
    if fix and _move_keys(here):
        here = read_installation(config)
    rows: list[dict[str, object]] = [
        {"what": "configuration", "ok": True, "detail": str(here.path)}
    ]
    for remark in here.config.remarks:
        rows.append({"what": "configuration", "ok": True, "detail": remark})
    for problem in here.plugins.problems:
        rows.append({"what": f"plugin {problem.plugin}", "ok": False, "detail": problem.text})
    if not here.plugins.problems:
        names = ", ".join(d.name for d in here.plugins.describe())
        rows.append({"what": "plugins", "ok": True, "detail": names})
    rows += check_languages(here)
    missing = {file.source for file in here.find_missing_files()}
    for file in here.list_model_files():
        source, there = file.display_source, file.source not in missing
        detail = source if there else f"{source} is missing; run `parlance models pull`"
        rows.append({"what": f"model {file.model}", "ok": there, "detail": detail})
    ahead = run_async(pending(here.database))
    exists = revision_at(here.database) is not None
    detail = f"{len(ahead)} to apply at the next start" if ahead and exists else "up to date"
    rows.append({"what": "migrations", "ok": True, "detail": detail if exists else "new database"})
    if not isinstance(here.database, Path) and not here.config.knowledge.chroma:
        detail = (
            "kept by each process for itself; where several use the database, name a Chroma server "
            "(knowledge.chroma)"
        )
        rows.append({"what": "vectors of documents", "ok": True, "detail": detail})
    rows += check_running_bot(here)
    _show_checks(rows, as_json=as_json)


def _move_keys(here: Installation) -> bool:
    """Bring config.yaml up to date; returns whether anything was written."""
    from bot.config.upgrade import move_keys
    from bot.config.yaml_document import YamlDocument

    document = YamlDocument.read(here.path)
    changed = move_keys(document)
    if not changed:
        return False
    copy = document.save({one.name: one.settings for one in here.plugins.platforms})
    say(f"Changed in {document.path}: {', '.join(changed)}. The old file is kept as {copy}.")
    return True


def doctor(
    config: ConfigPath = None,
    as_json: AsJson = False,
    bundle: Annotated[
        Path | None,
        typer.Option(help="Write a file for a bug report instead: no secret, name or text in it."),
    ] = None,
) -> None:
    """Try each thing: models, embedder, documents, platforms; says what to do.

    A bot that runs is asked to try them.
    """
    here = read_installation(config)
    if bundle is not None:
        _write_report(here, bundle)
        return
    told = ask_running_bot(here, "doctor")
    if told is None:
        rows = run_async(_run_checks_alone(here))
    else:
        rows = [describe_running_bot(here, told), *told["rows"]]
    _show_checks(rows, as_json=as_json)


def _write_report(here: Installation, path: Path) -> None:
    from bot.private_files import replace_file

    told = ask_running_bot(here, BUG_REPORT)
    text = run_async(_report_alone(here)) if told is None else told["text"]
    try:
        replace_file(path, text.encode())
    except OSError as error:
        raise Failed(f"{path} cannot be written: {error.strerror}.") from None
    say(f"Wrote {path}. Look through it before you hand it on.")


async def _run_checks_alone(here: Installation) -> list[dict[str, object]]:
    """Run the checks in this process, where no bot runs."""
    from bot.doctor import run_checks

    async with _open_quietly(here) as app:
        return await run_checks(app)


async def _report_alone(here: Installation) -> str:
    """Make a bug report in this process, where no bot runs."""
    from bot.bug_report.report import make_report
    from bot.status import now

    async with _open_quietly(here) as app:
        return await make_report(app, (), now())


def _open_quietly(here: Installation) -> AbstractAsyncContextManager[App]:
    from bot.app import open_app
    from bot.observability.logs import configure

    configure(here.config.logging.model_copy(update={"level": "error"}), here.secrets.known())
    return open_app(here)


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
            "platforms": ", ".join(found.platforms),
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
    """Check what is generated, or write it again: tables of the documentation, the template of a
    new language, and what is new in each of those that ship."""
    from bot.cli.catalogue_template import find_stale_languages
    from bot.cli.doc_tables import find_stale_pages, replace_text, rewrite_pages

    stale = find_stale_languages()
    for path, text in stale.items() if write else ():
        replace_text(path, text)
    pages = [*stale, *(rewrite_pages(folder) if write else find_stale_pages(folder))]
    for page in pages:
        console.print(f"{page}: {'written' if write else 'is out of date; run `make docs`'}.")
    if pages and not write:
        raise typer.Exit(1)


def manifest(
    platform: Annotated[str, typer.Argument(help="Name of the platform, such as slack.")],
    config: ConfigPath = None,
    url: Annotated[
        str | None, typer.Option(help="Where the platform reaches this bot, https://….")
    ] = None,
) -> None:
    """Print what a platform has to be told about the bot: a manifest, or an invite link."""
    from bot.platforms import print_manifest

    write(print_manifest(read_installation(config), platform, url).removesuffix("\n"))
