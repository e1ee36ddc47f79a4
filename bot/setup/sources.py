"""Tells what a person means by where their documents are: a folder, a page or a Git repository."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from bot.catalogue.sentence import say
from bot.config.knowledge import SyncSource
from bot.config.secrets import find_secret_parameter
from bot.errors import UsageError

EVERY = {"path": "10m", "git": "30m", "url": "6h"}
"""How often each kind is read again where nothing else is wanted."""
_GIT = re.compile(
    r"ssh://.+|[\w.-]+@[\w.-]+:.+|https://.+\.git/?"
    r"|https://(?:github\.com|gitlab\.com|codeberg\.org)/[\w.-]+/[\w.-]+/?"
)
_SHORT_SSH = re.compile(r"([\w.-]+@[\w.-]+):(?!//)(.+)")


def read_source(said: str, folder: Path, every: str | None = None) -> dict[str, Any]:
    """The entry of `knowledge.sync` for what was said; a path starts at `folder`, that of
    config.yaml. Raises `UsageError` with what is wrong."""
    said = said.strip().strip("\"'")
    if short := _SHORT_SSH.fullmatch(said):
        said = f"ssh://{short[1]}/{short[2]}"
    if _GIT.fullmatch(said):
        kind = "git"
    elif re.match(r"https?://", said):
        kind = "url"
    elif "://" in said:
        raise UsageError(say("A folder, or an address with https:// or ssh://, is needed."))
    else:
        kind, said = "path", _folder(said, folder)
    if kind == "url" and (name := find_secret_parameter(said)):
        raise UsageError(
            say("Whoever asks would see {name} of that address; name one without it.", name=name)
        )
    entry = {kind: said, "every": every or EVERY[kind]}
    try:
        SyncSource.model_validate(entry, context={"root": folder.resolve()})
    except ValidationError as error:
        why = str(error.errors()[0]["msg"]).removeprefix("Value error, ").removeprefix("url ")
        raise UsageError(say("That cannot be kept in sync: it {why}.", why=why)) from None
    return entry


def _folder(said: str, folder: Path) -> str:
    path = Path(said).expanduser()
    place = path if path.is_absolute() else folder / path
    if not said or not place.exists():
        raise UsageError(say("There is no folder {folder}.", folder=said or place))
    if not place.is_dir():
        raise UsageError(
            say("{file} is a file; name its folder, which is then kept in sync.", file=said)
        )
    return str(path)
