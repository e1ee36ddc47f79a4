"""Parses sitemaps. May block, and uses as much memory as the XML asks for."""

from __future__ import annotations

import gzip
import io
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import islice
from urllib.parse import urljoin, urlsplit
from xml.etree.ElementTree import Element, ParseError, fromstring

from bot.catalogue.sentence import say
from bot.errors import Refused

MAX_SITEMAP_BYTES = 50 * 1024 * 1024
_MAX_LOCATIONS = 2_000
_MAX_DATE_CHARACTERS = 40
_DAY_WAIT = timedelta(days=2)
_MOMENT_WAIT = timedelta(hours=1)
_ROOT_TAGS = ("urlset", "sitemapindex")


@dataclass(frozen=True, slots=True)
class Sitemap:
    """The locations in a sitemap, on its own host, and when each is said to have changed last, ""
    where that is not said; those of an `index` are sitemaps."""

    index: bool
    locations: tuple[str, ...]
    dates: tuple[str, ...]


def read_sitemap(data: bytes, url: str) -> Sitemap | None:
    """Parses the sitemap that was fetched from a URL; None if it is not one. Raises `Refused`."""
    root = _parse_root(data)
    if root is None or _local_name(root) not in _ROOT_TAGS:
        return None
    found = list(islice(_locations(root, url), _MAX_LOCATIONS))
    places, dates = (place for place, _ in found), (date for _, date in found)
    return Sitemap(_local_name(root) == "sitemapindex", tuple(places), tuple(dates))


def settled_date(date: str, now: datetime) -> str:
    """Returns the date of a page's last change, or "" if the page may change again on that date.

    A day is over everywhere after two days. Of a moment an hour must have passed, in which caches
    may still send the page as it was.
    """
    try:
        at = datetime.fromisoformat(date)
    except ValueError:
        return ""
    wait = _DAY_WAIT if len(date) <= len("2026-01-31") else _MOMENT_WAIT
    return date if at.replace(tzinfo=at.tzinfo or UTC) <= now - wait else ""


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


def _locations(root: Element, base: str) -> Iterator[tuple[str, str]]:
    host = urlsplit(base).hostname
    for entry in root:
        said = {_local_name(child): (child.text or "").strip() for child in entry}
        place = urljoin(base, said["loc"]) if said.get("loc") else ""
        if place and urlsplit(place).hostname == host:
            yield place, said.get("lastmod", "")[:_MAX_DATE_CHARACTERS]


def _local_name(element: Element) -> str:
    return element.tag.rpartition("}")[2]
