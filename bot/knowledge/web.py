"""Pages and sitemaps as documents."""

from __future__ import annotations

import gzip
import io
import zlib
from collections import deque
from urllib.parse import urljoin, urlsplit
from xml.etree.ElementTree import Element, ParseError, fromstring

from bot.errors import Failed, Refused, UserFacingError
from bot.knowledge.reading import Fetcher, Item, Kind, Raw, Response, page_item, raw_page

MAX_PAGES = 500
"""Pages that one sitemap may bring."""
MAX_SITEMAPS = 50
"""Sitemaps that are followed from one to the next."""
_MAX_SITEMAP_BYTES = 50 * 1024 * 1024
_ROOTS = ("urlset", "sitemapindex")


async def page_items(url: str, fetcher: Fetcher) -> tuple[Kind, list[Item]]:
    """The page at a URL, or the pages of a sitemap there.

    Raises `Refused` or `Failed`: what may not be fetched, a sitemap without pages.
    """
    if not _looks_like_sitemap(url):
        return "page", [page_item(url, fetcher)]
    got = await fetcher.fetch_bytes(url, max_bytes=_MAX_SITEMAP_BYTES)
    root = _sitemap(got)
    if root is None:
        return "page", [_fetched(url, got)]
    pages = await _pages(url, root, fetcher)
    if not pages:
        raise Refused("The sitemap names no page of its own site.")
    return "sitemap", [page_item(page, fetcher) for page in pages]


def _looks_like_sitemap(url: str) -> bool:
    path = urlsplit(url).path.lower()
    return path.endswith((".xml", ".xml.gz")) or "sitemap" in path


def _fetched(url: str, got: Response) -> Item:
    async def read() -> Raw:
        return raw_page(got)

    return Item(url, read)


async def _pages(url: str, root: Element, fetcher: Fetcher) -> list[str]:
    """Every page, each once, also through sitemaps of sitemaps; a loop ends where it closes."""
    pages: dict[str, None] = {}
    seen = {url}
    waiting: deque[Element] = deque([root])
    following: deque[str] = deque()
    while waiting or following:
        if waiting:
            found = waiting.popleft()
            index = _local(found) == "sitemapindex"
            for place in _locations(found, url):
                if index and place not in seen and len(seen) < MAX_SITEMAPS:
                    seen.add(place)
                    following.append(place)
                elif not index and len(pages) < MAX_PAGES:
                    pages.setdefault(place)
        else:
            place = following.popleft()
            try:
                got = await fetcher.fetch_bytes(place, max_bytes=_MAX_SITEMAP_BYTES)
            except UserFacingError:
                continue  # one part that cannot be had does not lose the others
            more = _sitemap(got)
            if more is not None:
                waiting.append(more)
    return list(pages)


def _locations(root: Element, base: str) -> list[str]:
    """What a sitemap names, on the sitemap's own host."""
    host = urlsplit(base).hostname
    found = []
    for entry in root:
        for child in entry:
            if _local(child) == "loc" and child.text:
                place = urljoin(base, child.text.strip())
                if urlsplit(place).hostname == host:
                    found.append(place)
    return found


def _sitemap(got: Response) -> Element | None:
    """The root of a sitemap, or None where this is something else."""
    data = got.data
    if data[:2] == b"\x1f\x8b":
        try:
            with gzip.GzipFile(fileobj=io.BytesIO(data)) as stream:
                data = stream.read(_MAX_SITEMAP_BYTES + 1)
        except (OSError, EOFError, zlib.error) as exc:
            raise Failed("The sitemap is damaged and cannot be read.") from exc
        if len(data) > _MAX_SITEMAP_BYTES:
            raise Refused("The sitemap is larger than a sitemap may be.")
    if b"<!ENTITY" in data:
        raise Refused("The sitemap declares entities, which no sitemap needs, so it is not read.")
    try:
        root = fromstring(data)
    except ParseError:
        return None
    return root if _local(root) in _ROOTS else None


def _local(element: Element) -> str:
    return element.tag.rpartition("}")[2]
