"""Reads pages by URL, local files and uploads as Markdown, for skills."""

from __future__ import annotations

import asyncio
import stat
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Protocol
from urllib.parse import unquote, urlsplit

from bot.catalogue.sentence import say
from bot.errors import NotFound, Refused
from bot.knowledge.loading.document import RawDocument
from bot.knowledge.loading.document_reader import DocumentReader
from bot.skills.document_loader import Loaded
from bot.skills.document_tree import to_markdown
from bot.values import Page, PicturesRead
from bot.web.validators import NOTHING_KNOWN, Validators

if TYPE_CHECKING:
    from bot.web.fetch import Fetched


class BytesFetcher(Protocol):
    """Fetches the bytes of a page, as `bot.web.fetch.Fetcher` does."""

    async def fetch_bytes(
        self, url: str, *, max_bytes: int | None = None, known: Validators = ...
    ) -> Fetched:
        """One page or file. Raises `Refused` or `Failed`."""
        ...

    async def addresses(self, url: str) -> Sequence[str]:
        """The checked addresses of a URL's host. Raises `Refused` or `Failed`."""
        ...


class PageReader:
    """Reads with the loader of the format if there is one, else as HTML or plain text.

    `max_bytes` limits files and uploads; the fetcher has its own limit for pages.
    """

    def __init__(
        self,
        fetcher: BytesFetcher,
        document_reader: DocumentReader,
        *,
        max_bytes: int = 20 * 1024 * 1024,
    ) -> None:
        self._fetcher = fetcher
        self._document_reader = document_reader
        self._max_bytes = max_bytes

    async def fetch_bytes(
        self, url: str, *, max_bytes: int | None = None, known: Validators = NOTHING_KNOWN
    ) -> Fetched:
        """The bytes of a page or file, safely. Raises `Refused` or `Failed`."""
        return await self._fetcher.fetch_bytes(url, max_bytes=max_bytes, known=known)

    async def addresses(self, url: str) -> Sequence[str]:
        """The checked addresses of a URL's host. Raises `Refused` or `Failed`."""
        return await self._fetcher.addresses(url)

    async def read(self, url: str) -> Page:
        """Fetch and extract. Raises `Refused` (not allowed, too large, no text) or `Failed`."""
        got = await self._fetcher.fetch_bytes(url)
        parts = urlsplit(got.url)
        name = unquote(PurePosixPath(parts.path).name)
        called = say("The page at {hostname}", hostname=parts.hostname)
        page = await self._markdown(
            RawDocument(name or "page", got.data, got.content_type, got.charset, called=called)
        )
        return Page(got.url, page.title or name or parts.hostname or got.url, page.text)

    async def read_file(self, path: str) -> Page:
        """A file of the machine that Parlance runs on; for the terminal only.

        Raises `NotFound` or `Refused`.
        """
        file, data = await asyncio.to_thread(_read_file, path, self._max_bytes)
        page = await self._markdown(RawDocument(file.name, data))
        return Page(str(file), page.title or file.name, page.text)

    async def read_bytes(self, name: str, data: bytes) -> Page:
        """An uploaded file. Raises `Refused`."""
        if len(data) > self._max_bytes:
            raise _too_large(name, self._max_bytes)
        page = await self._markdown(RawDocument(name, data))
        return Page(name, page.title or name, page.text)

    async def pictures(self, name: str, data: bytes, most: int) -> PicturesRead:
        """The pictures of an uploaded file, for a model that sees. Raises `Refused`."""
        if len(data) > self._max_bytes:
            raise _too_large(name, self._max_bytes)
        return await self._document_reader.pictures(name, data, most)

    async def _markdown(self, raw: RawDocument) -> Loaded:
        found = await self._document_reader.load(raw, for_search=False)
        text = await asyncio.to_thread(to_markdown, found.blocks)
        return replace(found, text=text)


def _read_file(path: str, limit: int) -> tuple[Path, bytes]:
    file = Path(path)
    try:
        file = file.expanduser()
        found = file.stat()
        if not stat.S_ISREG(found.st_mode):
            raise Refused(say("{name} is not a file.", name=file.name or str(file)[:100]))
        if found.st_size > limit:
            raise _too_large(file.name, limit)
        with file.open("rb") as stream:
            data = stream.read(limit + 1)
    except FileNotFoundError:
        raise NotFound(say("There is no file {file!r}.", file=str(file)[:200])) from None
    except (OSError, ValueError, RuntimeError) as exc:
        reason = getattr(exc, "strerror", None) or say("bad path")
        raise Refused(
            say("{file!r} cannot be read: {reason}.", file=str(file)[:200], reason=reason)
        ) from exc
    if len(data) > limit:
        raise _too_large(file.name, limit)
    return file, data


def _too_large(name: str, limit: int) -> Refused:
    return Refused(
        say(
            "{name} is larger than {limit:.0f} MB, which is the limit.",
            name=name[:100],
            limit=limit / 1024**2,
        )
    )
