"""Parses sitemaps. May block, and uses as much memory as the XML asks for."""

from __future__ import annotations

import gzip
import io
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from urllib.parse import urljoin, urlsplit
from xml.etree.ElementTree import Element, ParseError, fromstring

from bot.catalogue.sentence import say
from bot.errors import Refused

MAX_SITEMAP_BYTES = 50 * 1024 * 1024
_MAX_LOCATIONS = 2_000
_ROOT_TAGS = ("urlset", "sitemapindex")


@dataclass(frozen=True, slots=True)
class Sitemap:
    """The locations in a sitemap, on its own host; those of an `index` are sitemaps."""

    index: bool
    locations: tuple[str, ...]


def read_sitemap(data: bytes, url: str) -> Sitemap | None:
    """Parses the sitemap that was fetched from a URL; None if it is not one. Raises `Refused`."""
    root = _parse_root(data)
    if root is None or _local_name(root) not in _ROOT_TAGS:
        return None
    return Sitemap(
        _local_name(root) == "sitemapindex", tuple(islice(_locations(root, url), _MAX_LOCATIONS))
    )


def _parse_root(data: bytes) -> Element | None:
    if data[:2] == b"\x1f\x8b":
        try:
            with gzip.GzipFile(fileobj=io.BytesIO(data)) as stream:
                data = stream.read(MAX_SITEMAP_BYTES + 1)
        except (OSError, EOFError, zlib.error) as exc:
            raise Refused(say("The sitemap is damaged and cannot be read.")) from exc
        if len(data) > MAX_SITEMAP_BYTES:
            raise Refused(say("The sitemap is larger than a sitemap may be."))
    if b"<!ENTITY" in data:
        raise Refused(
            say("The sitemap declares entities, which no sitemap needs, so it is not read.")
        )
    try:
        return fromstring(data)
    except ParseError:
        return None


def _locations(root: Element, base: str) -> Iterator[str]:
    host = urlsplit(base).hostname
    for entry in root:
        for child in entry:
            if _local_name(child) == "loc" and child.text:
                place = urljoin(base, child.text.strip())
                if urlsplit(place).hostname == host:
                    yield place


def _local_name(element: Element) -> str:
    return element.tag.rpartition("}")[2]
