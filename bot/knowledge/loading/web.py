"""Lists the pages at a URL: one page, or all pages of a sitemap."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import urlsplit

from bot.catalogue.sentence import say
from bot.errors import Refused, UserFacingError
from bot.knowledge.loading.document import RawDocument
from bot.knowledge.loading.document_reader import DocumentReader
from bot.knowledge.loading.sitemap import MAX_SITEMAP_BYTES, Sitemap, settled_date
from bot.knowledge.loading.sources import (
    Fetcher,
    Kind,
    Response,
    SourceItem,
    page_item,
    to_raw_document,
)
from bot.web.validators import Validators

MAX_PAGES = 500
"""Pages that one sitemap may bring."""
MAX_SITEMAPS = 50
"""Sitemaps that are followed from one to the next."""


@dataclass(frozen=True, slots=True)
class WebPages:
    """The pages at a URL. `complete`: nothing else is there, so what was there before is gone."""

    kind: Kind
    items: list[SourceItem]
    complete: bool = True


async def page_items(
    url: str,
    fetcher: Fetcher,
    document_reader: DocumentReader,
    now: datetime,
) -> WebPages:
    """Returns the page at a URL, or the pages of the sitemap there.

    Raises `Refused` or `Failed`: what may not be fetched, a sitemap without pages.
    """
    if not _looks_like_sitemap(url):
        return WebPages("page", [page_item(url, fetcher)])
    got = await fetcher.fetch_bytes(url, max_bytes=MAX_SITEMAP_BYTES)
    sitemap = await document_reader.sitemap(got.data, url)
    if sitemap is None:
        return WebPages("page", [_fetched_item(url, got)])
    pages, complete = await _collect_pages(url, sitemap, fetcher, document_reader)
    if not pages:
        raise Refused(say("The sitemap names no page of its own site."))
    items = [
        page_item(page, fetcher, revision=settled_date(date, now)) for page, date in pages.items()
    ]
    return WebPages("sitemap", items, complete)


def _looks_like_sitemap(url: str) -> bool:
    path = urlsplit(url).path.lower()
    return path.endswith((".xml", ".xml.gz")) or "sitemap" in path


def _fetched_item(url: str, got: Response) -> SourceItem:
    async def read(_: Validators) -> RawDocument:
        return to_raw_document(got)

    return SourceItem(url, read)


async def _collect_pages(
    url: str, sitemap: Sitemap, fetcher: Fetcher, document_reader: DocumentReader
) -> tuple[dict[str, str], bool]:
    """Every page with the date of its last change, also through sitemaps of sitemaps; a loop ends
    where it closes. Returns also whether all parts could be had."""
    pages: dict[str, str] = {}
    seen = {url}
    waiting = deque([sitemap])
    following: deque[str] = deque()
    complete = True
    while waiting or following:
        if waiting:
            found = waiting.popleft()
            for place, date in zip(found.locations, found.dates, strict=True):
                if found.index and place not in seen and len(seen) < MAX_SITEMAPS:
                    seen.add(place)
                    following.append(place)
                elif not found.index and len(pages) < MAX_PAGES:
                    pages.setdefault(place, date)
        else:
            place = following.popleft()
            try:
                got = await fetcher.fetch_bytes(place, max_bytes=MAX_SITEMAP_BYTES)
                more = await document_reader.sitemap(got.data, url)
            except UserFacingError:
                more = None  # one part that cannot be had does not lose the others
            if more is not None:
                waiting.append(more)
            else:
                complete = False
    return pages, complete
