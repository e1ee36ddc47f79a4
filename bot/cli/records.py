"""The commands `parlance export` and `parlance import`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from bot.cli.console import console, redact, say, show
from bot.cli.ingestion_view import show_ingestion
from bot.cli.loop import run_with_app
from bot.cli.options import ConfigPath, read_installation
from bot.errors import StorageError, UsageError


def export(
    to: Annotated[Path, typer.Option("--to", help="A file that is not there yet.")],
    person: Annotated[
        str | None, typer.Option(help="What is kept of one person alone, such as discord:123.")
    ] = None,
    conversations: Annotated[
        bool, typer.Option("--conversations", help="Messages and answers.")
    ] = False,
    settings: Annotated[
        bool, typer.Option("--settings", help="Settings, memories and reminders.")
    ] = False,
    documents: Annotated[
        bool, typer.Option("--documents", help="Documents and where they come from.")
    ] = False,
    config: ConfigPath = None,
) -> None:
    """Write what is kept as JSON lines, also while the bot runs; all of it, or what is named."""
    from bot.portability.export import PARTS
    from bot.portability.export import export as export_records
    from bot.portability.record_file import is_person
    from bot.storage.backups import write_whole

    if person is not None and not is_person(person):
        raise UsageError(f"{person[:80]!r} is nobody; write PLATFORM:ID, such as discord:123.")
    here = read_installation(config)
    wanted = {"conversations": conversations, "settings": settings, "documents": documents}
    if to.exists():
        raise StorageError(f"{to} is there already; name another file.")
    try:
        with write_whole(to) as part, part.open("w", encoding="utf-8", newline="") as out:
            counts = export_records(
                here.database,
                lambda piece: out.write(redact(piece)),
                person=person,
                parts=[part for part in PARTS if wanted[part]],
            )
            if person is not None and not counts:
                raise StorageError(f"Nothing of the kind is kept of {person}.")
            out.flush()
    except OSError as exc:
        raise StorageError(f"{to} cannot be written: {exc.strerror}.") from exc
    show([{"kind": kind, "records": n} for kind, n in counts.items()], as_json=False)


def import_(
    file: Annotated[Path, typer.Argument(help="What `parlance export` or /mydata wrote.")],
    config: ConfigPath = None,
) -> None:
    """Take in what was exported, all of it or nothing; what is here already stays as it is.

    The bot must be stopped. The documents' vectors are made again.
    """
    from bot.portability.insertion import Imported, import_file

    async def work(app: Any) -> Imported:
        bases = app.installation.config.knowledge.bases
        done = await import_file(app.database, file, {*bases, app.knowledge.default_base})
        for base in sorted(done.unread):
            await show_ingestion(app.knowledge.rebuild(base))
        return done

    done = run_with_app(config, work)
    kinds = sorted({*done.added, *done.present, *done.left_out})
    show(
        [
            {
                "kind": kind,
                "imported": done.added[kind],
                "here already": done.present[kind],
                "left out": done.left_out[kind],
            }
            for kind in kinds
        ],
        as_json=False,
        empty="The file is empty; nothing was imported.",
    )
    if done.left_out.total():
        say("What was left out belongs to something that is not here, or is only to be read.")
    console.print(f"{done.added.total():,} records were imported.")
