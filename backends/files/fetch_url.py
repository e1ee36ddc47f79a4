"""Fetch a file over HTTP, and go on where the last try broke off."""

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
from backends.files.fetch import MAX_BYTES, Fetch

_BLOCK = 2**20
_IDLE_TRIES = 4
"""Tries in a row that bring nothing new."""
_MOST_TRIES = 100
_TIMEOUT = httpx.Timeout(30.0, read=60.0)
_MAY_PASS = {408, 425, 429, 500, 502, 503, 504}


class _BrokenOff(Exception):
    """The connection or the server failed in a way that may pass."""


@asynccontextmanager
async def http_client(
    headers: Mapping[str, str] | None = None,
) -> AsyncGenerator[httpx.AsyncClient, None]:
    """An HTTP client as downloads want it: patient, and given the bytes as they are stored."""
    own = {"Accept-Encoding": "identity", "User-Agent": "parlance"}
    async with httpx.AsyncClient(
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
    """Download `url` into the fetch's folder; returns the complete file.

    `identity` names the version of the file where the caller knows it; else the server's ETag or
    date does. Without either, a broken download goes on only if `verified`: the caller then checks
    the whole by its digest. Raises `ModelFetchError`; what has come stays for the next call.
    """
    download = _Download(fetch, http, url, identity, verified)
    idle = 0
    for _ in range(_MOST_TRIES):
        before = await asyncio.to_thread(download.size)
        try:
            return await download.run()
        except (httpx.TooManyRedirects, httpx.UnsupportedProtocol, httpx.InvalidURL):
            raise ModelFetchError(f"{fetch.shown} is redirected to nowhere.") from None
        except (_BrokenOff, httpx.TransportError) as error:
            idle = 0 if await asyncio.to_thread(download.size) > before else idle + 1
            why = str(error) if isinstance(error, _BrokenOff) else _why(error)
            if idle == _IDLE_TRIES:
                raise ModelFetchError(
                    f"{fetch.shown} could not be fetched: {why}; "
                    "what has come is kept, and the next pull goes on from there."
                ) from None
            await asyncio.sleep(fetch.retry_pause_s * 2**idle)
    raise ModelFetchError(f"{fetch.shown} broke off {_MOST_TRIES} times; try again later.")


@dataclass(slots=True)
class _Download:
    """`part` is the beginning that is already here, `note` says of which version it is."""

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
        """One try. Raises `_BrokenOff` or httpx's errors where another may help."""
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
                raise _BrokenOff(f"{self.host} has another version now")
            length = response.headers.get("Content-Length", "")
            total = start + int(length) if length.isdigit() else None
            if total is not None:
                await asyncio.to_thread(self.fetch.need_room, total - start)
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
        """Whether a refused range means that everything is here already."""
        if response.headers.get("Content-Range", "").rpartition("/")[2] == str(have):
            return True
        await asyncio.to_thread(self.part.unlink)
        raise _BrokenOff(f"{self.host} has another version now")

    def _judge(self, response: httpx.Response) -> None:
        status = response.status_code
        if self.url.startswith("https:") and response.url.scheme != "https":
            raise ModelFetchError(
                f"{self.host} redirects {self.fetch.shown} to an unencrypted address."
            )
        if status in _MAY_PASS:
            raise _BrokenOff(f"{self.host} answered {status}")
        if status in {401, 403}:
            raise ModelFetchError(
                f"{self.host} refuses {self.fetch.shown} ({status}): access must be granted first."
            )
        if status not in {200, 206}:
            raise ModelFetchError(
                f"{self.host} answered {status} for {self.fetch.shown}: check the source."
            )
        if response.headers.get("Content-Encoding", "identity") != "identity":
            raise ModelFetchError(f"{self.host} sends {self.fetch.shown} compressed only.")

    def _start(self, response: httpx.Response, have: int) -> int:
        """Where in the file the body begins."""
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
                if done > MAX_BYTES:
                    raise ModelFetchError(f"{self.fetch.shown} has no end.")
                block += piece
                if len(block) >= _BLOCK:
                    await asyncio.to_thread(self._write, file, block)
                self.fetch.report(done, total)
        finally:
            await asyncio.to_thread(self._write, file, block, last=True)
        if total is not None and done < total:
            raise _BrokenOff(f"{self.host} broke off")

    def _write(self, file: BinaryIO, block: bytearray, *, last: bool = False) -> None:
        with self.fetch.disk_errors():
            try:
                file.write(block)
                block.clear()
            finally:
                if last:
                    file.close()


def _why(error: httpx.TransportError) -> str:
    match error:
        case httpx.TimeoutException():
            return "the server kept silent"
        case httpx.ConnectError():
            return "the server cannot be reached"
        case _:
            return "the connection broke off"
