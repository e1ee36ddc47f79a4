"""What skills read with: pages by URL, files of this machine, uploads; all become Markdown."""

from __future__ import annotations

import asyncio
import stat
from collections.abc import Sequence
from pathlib import Path, PurePosixPath
from typing import Protocol
from urllib.parse import unquote, urlsplit

from bot.errors import Failed, NotFound, Refused
from bot.knowledge.loader import Loader
from bot.skill import Page
from bot.web.extract import HTML, extract, is_html
from bot.web.fetch import Fetched

_TEXTUAL = frozenset(
    {
        "application/json",
        "application/ld+json",
        "application/xml",
        "application/rss+xml",
        "application/atom+xml",
        "application/javascript",
        "application/x-yaml",
        "application/yaml",
        "application/toml",
        "application/x-sh",
    }
)
_UNTYPED = frozenset({"", "application/octet-stream", "binary/octet-stream", "application/unknown"})


class FetchesBytes(Protocol):
    """What pages come through: `bot.web.fetch.Fetcher`, or a test's own pages."""

    async def fetch_bytes(self, url: str, *, max_bytes: int | None = None) -> Fetched:
        """One page or file. Raises `Refused` or `Failed`."""
        ...


class Reader:
    """Reads through the loader of the format, where one is registered, else as page or text.

    `max_bytes` is the largest file or upload; the fetcher has its own limit for pages.
    """

    def __init__(
        self,
        fetcher: FetchesBytes,
        loaders: Sequence[Loader] = (),
        *,
        max_bytes: int = 20 * 1024 * 1024,
    ) -> None:
        self._fetcher = fetcher
        self._loaders = tuple(loaders)
        self._max_bytes = max_bytes

    async def fetch_bytes(self, url: str, *, max_bytes: int | None = None) -> Fetched:
        """The bytes of a page or file, safely. Raises `Refused` or `Failed`."""
        return await self._fetcher.fetch_bytes(url, max_bytes=max_bytes)

    async def read(self, url: str) -> Page:
        """Fetch and extract. Raises `Refused` (not allowed, too large, no text) or `Failed`."""
        got = await self._fetcher.fetch_bytes(url)
        parts = urlsplit(got.url)
        name = unquote(PurePosixPath(parts.path).name)
        page = await self._extract(
            got.data, name or "page", f"The page at {parts.hostname}", got.content_type, got.charset
        )
        return Page(got.url, page.title or name or parts.hostname or got.url, page.text)

    async def read_file(self, path: str) -> Page:
        """A file of the machine that Parlance runs on; for the terminal only.

        Raises `NotFound` or `Refused`.
        """
        file, data = await asyncio.to_thread(_read, path, self._max_bytes)
        page = await self._extract(data, file.name, file.name)
        return Page(str(file), page.title or file.name, page.text)

    async def read_bytes(self, name: str, data: bytes) -> Page:
        """An uploaded file. Raises `Refused`."""
        if len(data) > self._max_bytes:
            raise _too_large(name, self._max_bytes)
        page = await self._extract(data, name, name)
        return Page(name, page.title or name, page.text)

    async def _extract(
        self,
        data: bytes,
        name: str,
        called: str,
        content_type: str = "",
        charset: str | None = None,
    ) -> Page:
        """`name` decides on the loader by its suffix; `called` is what a refusal names."""
        if not data.strip():
            raise Refused(f"{called:.100} is empty.")
        suffix = PurePosixPath(name).suffix.lower()
        loader = self._loader(data, suffix, content_type)
        try:
            if loader is not None:
                loaded = await asyncio.to_thread(loader.load, data, name)
                title, text = loaded.title, loaded.text
            else:
                self._check_type(called, content_type)
                found = await asyncio.to_thread(extract, data, called, content_type, charset)
                title, text = found.title, found.text
        except RecursionError:
            raise Failed(f"{called:.100} is nested too deeply to be read.") from None
        if not text.strip():
            raise Refused(f"{called:.100} has no readable text.")
        return Page("", title, text)

    def _loader(self, data: bytes, suffix: str, content_type: str) -> Loader | None:
        """The loader for this; none for pages and plain text, which are read here with their
        charset."""
        if content_type in HTML or content_type.startswith("text/") or is_html(data, content_type):
            return None
        by_type = (one for one in self._loaders if content_type in one.content_types)
        if content_type not in _UNTYPED:
            found = next(by_type, None)
            if found is not None:
                return found
        return next((one for one in self._loaders if suffix in one.suffixes), None)

    def _check_type(self, called: str, content_type: str) -> None:
        textual = (
            content_type in _UNTYPED
            or content_type in _TEXTUAL
            or content_type in HTML
            or content_type.startswith("text/")
            or content_type.endswith(("+json", "+xml"))
        )
        if not textual:
            raise Refused(f"{called:.100} is of the type {content_type:.60}, not a page or a text.")


def _read(path: str, limit: int) -> tuple[Path, bytes]:
    file = Path(path)
    try:
        file = file.expanduser()
        found = file.stat()
        if not stat.S_ISREG(found.st_mode):
            raise Refused(f"{file.name or str(file):.100} is not a file.")
        if found.st_size > limit:
            raise _too_large(file.name, limit)
        with file.open("rb") as stream:
            data = stream.read(limit + 1)
    except FileNotFoundError:
        raise NotFound(f"There is no file {str(file)!r:.200}.") from None
    except (OSError, ValueError, RuntimeError) as exc:
        reason = getattr(exc, "strerror", None) or "bad path"
        raise Refused(f"{str(file)!r:.200} cannot be read: {reason}.") from exc
    if len(data) > limit:
        raise _too_large(file.name, limit)
    return file, data


def _too_large(name: str, limit: int) -> Refused:
    return Refused(f"{name:.100} is larger than {limit / 1024**2:.0f} MB, which is the limit.")
