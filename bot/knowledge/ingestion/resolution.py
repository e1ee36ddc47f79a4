"""Finds out what a location is (a page, a sitemap, a file, a folder) and which documents it has."""

from __future__ import annotations

import asyncio
from collections import Counter
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from bot.catalogue.sentence import say
from bot.errors import Refused
from bot.knowledge.loading.document_reader import DocumentReader
from bot.knowledge.loading.sources import (
    Fetcher,
    Kind,
    SourceItem,
    file_item,
    folder_items,
    format_kind_counts,
    full_path,
    is_url,
)
from bot.knowledge.loading.web import page_items


@dataclass(frozen=True, slots=True)
class Resolved:
    """What a location is: its items, and what cannot be read of it, each with the reason."""

    kind: Kind
    location: str
    items: list[SourceItem]
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
    other: Counter[str] = Counter()
    search = partial(folder_items, path, document_reader.loaders, skipped=other)
    items, refused = await asyncio.to_thread(search)
    if not items and not refused:
        only = f", only {format_kind_counts(other)}" if other else ""
        raise Refused(
            say("The folder {path} has no document that can be read{only}.", path=path, only=only)
        )
    skipped.update(other)
    return Resolved("folder", location, items, refused)
