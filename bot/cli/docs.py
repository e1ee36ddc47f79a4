"""The command `parlance docs`: add, search, sync and verify documents."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncGenerator, Callable
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.text import Text

from bot.adapters.terminal.screen import markdown
from bot.cli import evaluation
from bot.cli.console import AsJson, console, say, show, show_json, to_json_value
from bot.cli.ingestion_view import (
    SCAN_HINT,
    describe_failure,
    describe_recognition,
    show_ingestion,
)
from bot.cli.loop import run_with_app
from bot.cli.options import Base, ConfigPath
from bot.commands.time_words import parse_since
from bot.config import TerminalSettings
from bot.control_characters import escape_controls
from bot.errors import UsageError, UserFacingError
from bot.knowledge.access import is_private
from bot.replies.links import sanitize_text
from bot.replies.wording import place_words
from bot.skills.document_loader import NoText
from bot.values import Ingested

commands = typer.Typer(no_args_is_help=True, help="Documents: add, search, keep in order.")
commands.add_typer(evaluation.commands, name="eval")


def _summary(states: Counter[str]) -> str:
    return ", ".join(f"{count} {state}" for state, count in sorted(states.items())) or "nothing"


@commands.command()
def add(
    locations: Annotated[list[str], typer.Argument(help="Files, folders, pages, sitemaps.")],
    base: Base = None,
    config: ConfigPath = None,
) -> None:
    """Read documents in; what is there already and has not changed costs nothing."""

    async def work(app: Any) -> int:
        refused = 0
        by = f"terminal:{app.installation.config.section(TerminalSettings).user}"
        for location in locations:
            try:
                events = app.knowledge.add(location, base=base, by=by)
                states = await show_ingestion(events)
            except UserFacingError as exc:  # the others are read all the same
                say(str(exc))
                if isinstance(exc, NoText):
                    say(SCAN_HINT)
                refused += 1
                continue
            console.print(f"{escape_controls(location)}: {_summary(states)}.", soft_wrap=True)
            refused += states["refused"]
        return refused

    if run_with_app(config, work):
        raise typer.Exit(1)


@commands.command("list")
def list_(base: Base = None, config: ConfigPath = None, as_json: AsJson = False) -> None:
    """Every document, with its passages."""

    async def work(app: Any) -> tuple[list[Any], list[Any]]:
        failures = await app.knowledge.source_sync.failures()
        return list(await app.knowledge.list(base)), list(failures)

    documents, failures = run_with_app(config, work)
    rows = [
        {
            "id": document.id,
            "base": document.base,
            "title": document.title,
            "passages": document.passages,
            "characters": document.characters,
            "added": document.at,
            "text recognition": describe_recognition(
                document.recognized_pages, document.recognition_confidence
            ),
            "not read": document.left_out,
            "location": document.location,
        }
        for document in documents
    ]
    show(rows, as_json=as_json, empty="There are no documents; `parlance docs add` adds some.")
    for failure in failures:
        if base in (None, failure.base):
            say(describe_failure(failure))


@commands.command()
def remove(
    documents: Annotated[list[str], typer.Argument(help="Ids, locations or titles.")],
    base: Base = None,
    config: ConfigPath = None,
) -> None:
    """Remove documents."""

    async def work(app: Any) -> int:
        missing = 0
        for name in documents:
            try:
                gone = await app.knowledge.remove(name, base=base)
            except UserFacingError as exc:  # the others are removed all the same
                say(str(exc))
                missing += 1
                continue
            line = escape_controls(f"Removed {gone.title} ({gone.location}).")
            console.print(line, soft_wrap=True)
        return missing

    if run_with_app(config, work):
        raise typer.Exit(1)


@commands.command()
def search(
    query: Annotated[str, typer.Argument(help="What is looked for.")],
    base: Base = None,
    limit: Annotated[int, typer.Option(min=1, max=50, help="Passages to show.")] = 5,
    config: ConfigPath = None,
    as_json: AsJson = False,
) -> None:
    """The passages that a question finds, with their scores; no model is asked."""

    async def work(app: Any) -> Any:
        every = {one.base for one in await app.knowledge.list() if not is_private(one.base)}
        bases = [base] if base else sorted(every)
        return await app.knowledge.search(query, bases=bases, limit=limit)

    found = run_with_app(config, work)
    if as_json:
        show_json(replace(found, further=()))
        return
    verdict = "enough" if found.evidence else "not enough"
    console.print(f"Evidence: {verdict} ({found.confidence:.2f}).")
    console.print("" if found.passages else "Nothing in the documents comes near.")
    for passage in found.passages:
        heading = f" › {passage.heading}" if passage.heading else ""
        place = place_words([passage.place])
        where = escape_controls(passage.location + heading + (f", {place}" if place else ""))
        scores = f"{passage.score:.2f} (meaning {passage.dense:.2f}, words {passage.lexical:.2f})"
        console.print(Text.assemble((scores, "bold"), f"  {where}"), soft_wrap=True)
        console.print(markdown(sanitize_text(passage.text)))
        console.print()


@commands.command()
def sync(base: Base = None, config: ConfigPath = None) -> None:
    """Bring every source, and what knowledge.sync names, up to date."""
    _run_ingestion(config, lambda knowledge: knowledge.sync(base))


@commands.command()
def changes(
    document: Annotated[str, typer.Argument(help="What changed in this one: id or title.")] = "",
    since: Annotated[str, typer.Option(help="Since when: 7d, 12h or 2026-11-01.")] = "",
    base: Base = None,
    config: ConfigPath = None,
    as_json: AsJson = False,
) -> None:
    """What was added, changed and removed (in 7 days), or what changed in one document."""
    after = parse_since(since or "7d", datetime.now().astimezone())
    if after is None:
        raise UsageError(f"{since!r} is no time; write 7d, 12h or 2026-11-01.")

    async def work(app: Any) -> Any:
        if document:
            when = after if since else None
            return await app.knowledge.difference(document, base=base, since=when)
        return await app.knowledge.changes(after, base)

    found = run_with_app(config, work)
    if as_json:
        show_json(found)
    elif document:
        for line in found.lines:
            mark = "+" if line.state == "added" else "-"
            console.print(Text(f"{mark} {escape_controls(line.text)}"), soft_wrap=True)
        if found.more:
            say(f"And {found.more:,} more lines.")
    else:
        names = ("at", "state", "base", "title", "location")
        rows = [{name: getattr(change, name) for name in names} for change in found]
        show(rows, as_json=False, empty="No document has changed since then.")


@commands.command()
def rebuild(base: Base = None, config: ConfigPath = None) -> None:
    """Make the index anew beside the old one, and swap; needed after a change of the embedder."""
    _run_ingestion(config, lambda knowledge: knowledge.rebuild(base))


@commands.command()
def verify(config: ConfigPath = None, as_json: AsJson = False) -> None:
    """Prove that documents, full text and vectors agree, repair what does not, and read again what
    an older release read."""

    async def work(app: Any) -> Any:
        states = await show_ingestion(app.knowledge.read_outdated())
        found = await app.knowledge.verify()
        again = sum(count for state, count in states.items() if state != "refused")
        return replace(found, read_again=again, outdated=tuple(await app.knowledge.outdated()))

    found = run_with_app(config, work)
    if as_json:
        show_json(found)
        return
    rows = [
        {"what": name.replace("_", " "), "found": ", ".join(n) if isinstance(n, list) else n}
        for name, n in to_json_value(found).items()
    ]
    show(rows, as_json=False)


def _run_ingestion(
    config: Path | None, begin: Callable[[Any], AsyncGenerator[Ingested, None]]
) -> None:
    async def work(app: Any) -> Counter[str]:
        return await show_ingestion(begin(app.knowledge))

    states = run_with_app(config, work)
    console.print(f"{_summary(states)}.")
    if states["refused"]:
        raise typer.Exit(1)
