"""Downloads a file over HTTP and resumes interrupted downloads."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import httpx

from backends.errors import ModelFetchError
from backends.files.atomic import write_atomically
from backends.files.fetch import MAX_FILE_BYTES, Fetch

_BLOCK_BYTES = 2**20
_MAX_IDLE_TRIES = 4
"""Tries in a row that bring nothing new."""
_MAX_TRIES = 100
_TIMEOUT = httpx.Timeout(30.0, read=60.0)
_TRANSIENT_STATUSES = {408, 425, 429, 500, 502, 503, 504}


class _DownloadInterrupted(Exception):
    """The connection or the server failed in a way that may be temporary."""


@asynccontextmanager
async def create_http_client(
    headers: Mapping[str, str] | None = None,
) -> AsyncGenerator[httpx.AsyncClient, None]:
    """Return an HTTP client for downloads: long timeouts, and no compression."""
    own = {"Accept-Encoding": "identity", "User-Agent": "parlance"}
    certificates = await asyncio.to_thread(httpx.create_ssl_context)  # reading them takes a while
    async with httpx.AsyncClient(
        verify=certificates,
        headers={**own, **(headers or {})},
        follow_redirects=True,
        max_redirects=5,
        timeout=_TIMEOUT,
    ) as http:
        yield http


async def fetch_url(
    fetch: Fetch,
    http: httpx.AsyncClient,
    url: str,
    *,
    identity: str | None = None,
    verified: bool = False,
) -> Path:
    """Download `url` into the fetch's folder; return the path of the complete file.

    `identity` names the version of the file if the caller knows it; otherwise the server's ETag or
    date does. Without either, an interrupted download is resumed only if `verified`, which means
    that the caller checks the file's digest. Raises `ModelFetchError`; what has arrived is kept for
    the next call.
    """
    download = _Download(fetch, http, url, identity, verified)
    idle = 0
    for _ in range(_MAX_TRIES):
        before = await asyncio.to_thread(download.size)
        try:
            return await download.run()
        except (httpx.TooManyRedirects, httpx.UnsupportedProtocol, httpx.InvalidURL):
            raise ModelFetchError(f"{fetch.display_name} is redirected to nowhere.") from None
        except (_DownloadInterrupted, httpx.TransportError) as error:
            idle = 0 if await asyncio.to_thread(download.size) > before else idle + 1
            why = str(error) if isinstance(error, _DownloadInterrupted) else _describe_error(error)
            if idle == _MAX_IDLE_TRIES:
                raise ModelFetchError(
                    f"{fetch.display_name} could not be fetched: {why}; "
                    "what has come is kept, and the next pull goes on from there."
                ) from None
            await asyncio.sleep(fetch.retry_pause_s * 2**idle)
    raise ModelFetchError(f"{fetch.display_name} broke off {_MAX_TRIES} times; try again later.")


@dataclass(slots=True)
class _Download:
    """A download that may be resumed: `part` is what has arrived, `note` says of which version."""

    fetch: Fetch
    http: httpx.AsyncClient
    url: str
    identity: str | None
    verified: bool

    @property
    def part(self) -> Path:
        return self.fetch.work / "part"

    @property
    def note(self) -> Path:
        return self.fetch.work / "part.json"

    @property
    def host(self) -> str:
        return httpx.URL(self.url).host

    def size(self) -> int:
        return self.part.stat().st_size if self.part.is_file() else 0

    async def run(self) -> Path:
        """Try once. Raises `_DownloadInterrupted` or an httpx error if another try may succeed."""
        noted = await asyncio.to_thread(self._noted)
        have = await asyncio.to_thread(self._resumable, noted)
        headers = {"Range": f"bytes={have}-"} if have else {}
        if have and not self.identity and noted and noted.startswith('"'):
            headers["If-Range"] = noted  # the standard allows strong tags alone
        async with self.http.stream("GET", self.url, headers=headers) as response:
            if response.status_code == 416 and have and await self._is_whole(response, have):
                return self.part
            self._judge(response)
            came = response.headers.get("ETag") or response.headers.get("Last-Modified")
            start = self._start(response, have)
            if start and not self.identity and came != noted:
                await asyncio.to_thread(self.part.unlink)
                raise _DownloadInterrupted(f"{self.host} has another version now")
            length = response.headers.get("Content-Length", "")
            total = start + int(length) if length.isdigit() else None
            if total is not None:
                await asyncio.to_thread(self.fetch.require_disk_space, total - start)
            await asyncio.to_thread(self._write_note, self.identity or came)
            await self._receive(response, start, total)
        return self.part

    def _noted(self) -> str | None:
        try:
            noted = json.loads(self.note.read_bytes())["identity"]
        except (OSError, ValueError, KeyError, TypeError):
            return None
        return noted if isinstance(noted, str) else None

    def _resumable(self, noted: str | None) -> int:
        if self.identity is not None:
            return self.size() if noted == self.identity else 0
        return self.size() if noted is not None or self.verified else 0

    def _write_note(self, identity: str | None) -> None:
        with self.fetch.disk_errors():
            write_atomically(self.note, json.dumps({"identity": identity}).encode())

    async def _is_whole(self, response: httpx.Response, have: int) -> bool:
        """Return whether the server refused the range because the file is complete already."""
        if response.headers.get("Content-Range", "").rpartition("/")[2] == str(have):
            return True
        await asyncio.to_thread(self.part.unlink)
        raise _DownloadInterrupted(f"{self.host} has another version now")

    def _judge(self, response: httpx.Response) -> None:
        status = response.status_code
        if self.url.startswith("https:") and response.url.scheme != "https":
            raise ModelFetchError(
                f"{self.host} redirects {self.fetch.display_name} to an unencrypted address."
            )
        if status in _TRANSIENT_STATUSES:
            raise _DownloadInterrupted(f"{self.host} answered {status}")
        if status in {401, 403}:
            raise ModelFetchError(
                f"{self.host} refuses {self.fetch.display_name} ({status}): "
                "access must be granted first."
            )
        if status not in {200, 206}:
            raise ModelFetchError(
                f"{self.host} answered {status} for {self.fetch.display_name}: check the source."
            )
        if response.headers.get("Content-Encoding", "identity") != "identity":
            raise ModelFetchError(f"{self.host} sends {self.fetch.display_name} compressed only.")

    def _start(self, response: httpx.Response, have: int) -> int:
        """Return the position in the file at which the response's body begins."""
        if response.status_code == 200:
            return 0
        sent = response.headers.get("Content-Range", "")
        if not sent.startswith(f"bytes {have}-"):
            raise ModelFetchError(f"{self.host} sent another part of the file than was asked for.")
        return have

    async def _receive(self, response: httpx.Response, start: int, total: int | None) -> None:
        done = start
        block = bytearray()  # httpx's own blocks are lost where the connection breaks off
        with self.fetch.disk_errors():
            file = await asyncio.to_thread(self.part.open, "r+b" if start else "wb")
        try:
            await asyncio.to_thread(file.seek, start)
            async for piece in response.aiter_raw():
                done += len(piece)
                if done > MAX_FILE_BYTES:
                    raise ModelFetchError(f"{self.fetch.display_name} has no end.")
                block += piece
                if len(block) >= _BLOCK_BYTES:
                    await asyncio.to_thread(self._write, file, block)
                self.fetch.report(done, total)
        finally:
            await asyncio.to_thread(self._write, file, block, last=True)
        if total is not None and done < total:
            raise _DownloadInterrupted(f"{self.host} broke off")

    def _write(self, file: BinaryIO, block: bytearray, *, last: bool = False) -> None:
        with self.fetch.disk_errors():
            try:
                file.write(block)
                block.clear()
            finally:
                if last:
                    file.close()


def _describe_error(error: httpx.TransportError) -> str:
    match error:
        case httpx.TimeoutException():
            return "the server kept silent"
        case httpx.ConnectError():
            return "the server cannot be reached"
        case _:
            return "the connection broke off"
