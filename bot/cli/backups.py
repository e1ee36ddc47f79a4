"""The commands `parlance backup` and `parlance restore`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bot.cli.console import console, errors
from bot.cli.loop import run_async
from bot.cli.options import ConfigPath, read_installation
from bot.errors import NotFound, StorageError

if TYPE_CHECKING:
    from bot.installation import Installation


def backup(
    to: Annotated[
        Path | None,
        typer.Argument(help="A file that is not there yet, or a folder (default: backup.folder)."),
    ] = None,
    config: ConfigPath = None,
    every: Annotated[
        str | None,
        typer.Option(help="Have the running bot make one so often, such as 12h or 1d; or never."),
    ] = None,
) -> None:
    """Copy conversations and documents to one file, also while the bot runs.

    With --every nothing is copied now: it is written into config.yaml, and the bot does it.
    """
    from bot.private_files import make_folder
    from bot.storage.backups import back_up, remove_old

    here = read_installation(config)
    file = _database_file(here)
    if every is not None:
        _set_schedule(here, None if every == "never" else every, to)
        return
    if to is None:
        to = _folder(here)
        make_folder(to)
    copy = back_up(file, to)
    _say(f"Copied {file} to {copy} ({copy.stat().st_size / 1e6:,.1f} MB).")
    for folder in {_folder(here), here.config.data_dir / "backups"}:
        remove_old(file, here.config.backup.keep_days, folder)


def _set_schedule(here: Installation, every: str | None, folder: Path | None) -> None:
    """Write into config.yaml how often the bot makes a backup, and where to."""
    from bot.config.yaml_document import YamlDocument

    document = YamlDocument.read(here.path)
    document.set("backup.every", every)
    if folder is not None:
        document.set("backup.folder", str(folder.absolute()))
    copy = document.save({one.name: one.settings for one in here.plugins.platforms})
    kept = f" The old file is kept as {copy}." if copy is not None else ""
    what = f"The bot makes a backup every {every}" if every else "The bot makes no more backups"
    _say(f"{what} once it is started again.{kept}")


def restore(
    file: Annotated[
        Path | None,
        typer.Argument(help="What `parlance backup` wrote (default: the newest there is)."),
    ] = None,
    config: ConfigPath = None,
) -> None:
    """Put a backup back in place of conversations and documents; the bot must be stopped.

    What is replaced is kept as a copy beside the others, in data/backups.
    """
    from bot.app import open_app
    from bot.knowledge.index.chroma_store import VectorsUnavailable
    from bot.knowledge.ingestion.consistency import VerificationReport
    from bot.storage.backups import newest_copy
    from bot.storage.restore import restore as restore_database

    here = read_installation(config)
    database = _database_file(here)
    if file is None:
        newest = newest_copy(database, _folder(here))
        if newest is None:
            raise NotFound(f"There is no backup in {_folder(here)}; name a file.")
        file, made_at = newest
        _say(f"The newest backup is of {made_at.astimezone():%Y-%m-%d %H:%M}.")
    kept = restore_database(file, database, here.config.index)

    async def make_vectors() -> VerificationReport:
        async with open_app(here) as app:
            return await app.knowledge.verify()

    _say(f"{database} is now what {file} holds.")
    if kept is not None:
        _say(f"What was there before is kept as {kept}.")
    with errors.status("Making the vectors of the documents again …"):
        try:
            made = run_async(make_vectors())
        except VectorsUnavailable as exc:
            _say(f"{exc} The bot makes the vectors again once it can be used.")
            return
    _say(f"{made.documents:,} documents; {made.vectors_added:,} vectors were made again.")


def _database_file(here: Installation) -> Path:
    """The file of the database. Raises `StorageError` where a server keeps it."""
    if isinstance(here.database, Path):
        return here.database
    raise StorageError(
        f"The database is {here.database}, a PostgreSQL server; it is copied and put back there, "
        "with pg_dump and pg_restore."
    )


def _folder(here: Installation) -> Path:
    """The folder of the copies that the bot makes by itself."""
    return here.config.backup.folder or here.config.data_dir / "backups"


def _say(text: str) -> None:
    console.print(text, soft_wrap=True)
