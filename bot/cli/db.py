"""The command `parlance db`: where the database is, and carrying it over to another one."""

from __future__ import annotations

import os
import re
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from bot.cli.console import AsJson, console, errors, format_size, redact, show
from bot.cli.options import ConfigPath, read_installation
from bot.errors import UsageError
from bot.storage.address import DATABASE_URL_VARIABLE, DatabaseAddress, ServerAddress

if TYPE_CHECKING:
    from bot.installation import Installation

commands = typer.Typer(no_args_is_help=True, help="The database: where it is; move it.")

_SCHEME: Final = re.compile(r"[a-z+]{1,30}://")
_VARIABLE: Final = re.compile(r"[A-Z][A-Z0-9_]{0,99}")


@commands.command("show")
def show_database(config: ConfigPath = None, as_json: AsJson = False) -> None:
    """Where the database is, the version of its tables and its size."""
    from bot.storage.blocking import revision_at, size_at
    from bot.storage.schema_version import newest_revision

    address = read_installation(config).database
    found = revision_at(address)
    size = 0 if found is None else size_at(address)
    row = {
        "database": str(address),
        "schema": found or "none yet",
        "newest_schema": newest_revision(),
        "size": size if as_json else format_size(size),
    }
    show([row], as_json=as_json)


@commands.command("processes")
def show_processes(config: ConfigPath = None, as_json: AsJson = False) -> None:
    """Which processes use the database, when each was last heard of, and what it alone does."""
    from bot.processes.overview import list_processes

    here = read_installation(config)
    if isinstance(here.database, Path):
        raise UsageError(
            "The database is a file, which one process alone uses; `parlance status` tells of it."
        )
    show(list_processes(here.database), as_json=as_json)


@commands.command("move")
def move_database(
    to: Annotated[
        str | None,
        typer.Option(
            "--to",
            help="postgresql://user@host/name, an environment variable that holds such an address "
            f"(default: {DATABASE_URL_VARIABLE}), or a file.",
        ),
    ] = None,
    config: ConfigPath = None,
) -> None:
    """Carry all that is kept over to a PostgreSQL database, or back to a file.

    The bot must be stopped, and the new database empty. A run that was ended goes on where it was.
    At the end every table is compared; the old database stays as it is.
    """
    from rich.progress import BarColumn, MofNCompleteColumn

    from bot.adapters.terminal.screen import make_progress
    from bot.storage.data_dir_lock import lock_data_dir
    from bot.storage.move import move

    here = read_installation(config)
    target = _target(here, to)
    source: DatabaseAddress
    source = here.database if isinstance(target, Path) else here.config.database_file
    if source == target or isinstance(source, ServerAddress) == isinstance(target, ServerAddress):
        raise UsageError(
            "The database is there already; name a PostgreSQL database to move a file to, or a "
            "file to move a PostgreSQL database to."
        )
    began = time.monotonic()
    bar = make_progress(errors, BarColumn(), MofNCompleteColumn(), transient=True)
    with lock_data_dir(here.config.data_dir), bar:
        task = bar.add_task("")

        def on_step(what: str, done: int, total: int) -> None:
            bar.update(task, description=what, completed=done, total=total)

        moved = move(source, target, on_step)
    took_s = time.monotonic() - began
    if moved.went_on:
        _tell("An earlier run had been ended; this one went on where it was.")
    console.print(
        f"{moved.rows:,} rows of {len(moved.tables)} tables are now in {target}, and each table is "
        f"the same there ({took_s:,.0f} s).",
        soft_wrap=True,
    )
    _say_what_is_next(here, source, target)


def _target(here: Installation, to: str | None) -> DatabaseAddress:
    """Where to, as it was named. Raises `UsageError`, `ConfigError`."""
    if to is None:
        if isinstance(here.database, ServerAddress):
            return here.database
        raise UsageError(f"Say where to: set {DATABASE_URL_VARIABLE} in .env, or give --to.")
    if _SCHEME.match(to):
        return ServerAddress.parse(to)
    if _VARIABLE.fullmatch(to):
        named = here.secrets.get(to) or os.environ.get(to)
        if not named:
            raise UsageError(f"{to} is not set; set it in .env or in the environment.")
        return ServerAddress.parse(named)
    return Path(to).absolute()


def _say_what_is_next(here: Installation, source: DatabaseAddress, target: DatabaseAddress) -> None:
    if isinstance(target, Path):
        _tell(
            f"To use it, remove {DATABASE_URL_VARIABLE} and database.url, put the file at "
            f"{here.config.database_file}, and start the bot."
        )
    elif here.database != target:
        _tell(
            f"To use it, write its address into .env as {DATABASE_URL_VARIABLE} (or, without a "
            "password, into config.yaml as database.url), and start the bot."
        )
    else:
        _tell("It is used from the next start of the bot.")
    _tell(
        f"{source} stays as it was. Delete it once all is well: who asks to be forgotten is "
        "forgotten in the new database alone."
    )
    _tell(
        "The documents' vectors stay in the data folder; what searches them by words is made anew."
    )


def _tell(text: str) -> None:
    """Say something on standard error, in English as all commands."""
    errors.print(redact(text), soft_wrap=True)
