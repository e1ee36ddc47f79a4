"""Finds out what a location is (a page, a sitemap, a file, a folder) and which documents it has."""

from __future__ import annotations

import asyncio
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from bot.catalogue.sentence import say
from bot.errors import Refused
from bot.knowledge.loading.document_reader import DocumentReader
from bot.knowledge.loading.skipped_files import format_kind_counts
from bot.knowledge.loading.sources import (
    Fetcher,
    FolderItems,
    Kind,
    SourceItem,
    file_item,
    full_path,
    is_url,
)
from bot.knowledge.loading.web import page_items

SourceItems = list[SourceItem] | FolderItems
"""The items of a source; iterating over those of a folder blocks."""


@dataclass(frozen=True, slots=True)
class Resolved:
    """What a location is: its items, and what cannot be read of it, each with the reason."""

    kind: Kind
    location: str
    items: SourceItems
    refused: list[tuple[str, str]]


async def resolve(
    location: str, fetcher: Fetcher, document_reader: DocumentReader, skipped: Counter[str]
) -> Resolved:
    """Looks a location up, and counts skipped files by kind in `skipped`.

    Raises `Refused` and `NotFound`.
    """
    if is_url(location):
        kind, items = await page_items(location, fetcher, document_reader)
        return Resolved(kind, location, items, [])
    location = await asyncio.to_thread(full_path, location)
    path = Path(location)
    if not await asyncio.to_thread(path.is_dir):
        return Resolved("file", location, [await asyncio.to_thread(file_item, path)], [])
    found = await asyncio.to_thread(FolderItems, path, document_reader.loaders)
    if not found and not found.refused:
        only = f", only {format_kind_counts(found.skipped)}" if found.skipped else ""
        raise Refused(
            say("The folder {path} has no document that can be read{only}.", path=path, only=only)
        )
    skipped.update(found.skipped)
    return Resolved("folder", location, found, found.refused)
