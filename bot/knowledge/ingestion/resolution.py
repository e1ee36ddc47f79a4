"""Finds out what a location is (a page, a sitemap, a file, a folder) and which documents it has."""

from __future__ import annotations

import asyncio
import importlib
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from bot.catalogue.sentence import say
from bot.config.knowledge import SyncSource
from bot.errors import Refused
from bot.knowledge.loading.document_reader import DocumentReader
from bot.knowledge.loading.git_location import git_location, is_git
from bot.knowledge.loading.skipped_files import format_kind_counts
from bot.knowledge.loading.sources import (
    Fetcher,
    FileItems,
    FolderItems,
    Kind,
    SourceItems,
    file_item,
    full_path,
    is_url,
)
from bot.knowledge.loading.web import page_items

if TYPE_CHECKING:
    from bot.knowledge.loading.git import GitRepositories

_GIT_MODULE = "bot.knowledge.loading.git"


@dataclass(frozen=True, slots=True)
class Resolved:
    """What a location is: its items, and what cannot be read of it, each with the reason."""

    kind: Kind
    location: str
    items: SourceItems
    refused: list[tuple[str, str]]
    complete: bool = True
    """Whether all of its items are listed, so that others that were there before are gone."""


class Resolver:
    """Looks locations up. Copies of Git repositories are kept in `git_folder`; `tokens` finds the
    token of one by its location."""

    def __init__(
        self,
        fetcher: Fetcher,
        document_reader: DocumentReader,
        git_folder: Path,
        tokens: Callable[[str], str | None],
    ) -> None:
        self._fetcher = fetcher
        self._document_reader = document_reader
        self._git_folder = git_folder
        self._tokens = tokens
        self._repositories: GitRepositories | None = None

    async def resolve(self, location: str, skipped: Counter[str]) -> Resolved:
        """Looks a location up, and counts skipped files by kind in `skipped`.

        Raises `Refused` and `NotFound`.
        """
        found: FileItems
        if is_git(location):
            repositories = await self._load_git()
            found = await repositories.files(location, self._document_reader.loaders)
        elif is_url(location):
            now = datetime.now(UTC)
            pages = await page_items(location, self._fetcher, self._document_reader, now)
            return Resolved(pages.kind, location, pages.items, [], pages.complete)
        else:
            location = await asyncio.to_thread(full_path, location)
            path = Path(location)
            if not await asyncio.to_thread(path.is_dir):
                return Resolved("file", location, [await asyncio.to_thread(file_item, path)], [])
            found = await asyncio.to_thread(FolderItems, path, self._document_reader.loaders)
        if not len(found) and not found.refused:
            only = f", only {format_kind_counts(found.skipped)}" if found.skipped else ""
            raise Refused(
                say(
                    "The folder {path} has no document that can be read{only}.",
                    path=location,
                    only=only,
                )
            )
        skipped.update(found.skipped)
        kind: Kind = "git" if is_git(location) else "folder"
        return Resolved(kind, location, found, found.refused)

    async def _load_git(self) -> GitRepositories:
        """Imports what reads Git repositories when the first one is read."""
        if self._repositories is None:
            module = await asyncio.to_thread(importlib.import_module, _GIT_MODULE)
            self._repositories = module.GitRepositories(
                self._git_folder, self._fetcher, self._tokens
            )
        return self._repositories


def find_tokens(
    sources: Sequence[SyncSource], secret: Callable[[str], str | None]
) -> Callable[[str], str | None]:
    """Returns what finds the token of a Git repository by its location."""
    variables = {
        git_location(one.git, one.branch or "", one.folder or ""): one.token_env
        for one in sources
        if one.git is not None and one.token_env is not None
    }
    return lambda location: secret(variables[location]) if location in variables else None
