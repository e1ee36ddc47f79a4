"""A web server of files on loopback that can be told to misbehave."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import TracebackType


@dataclass
class ServedFile:
    """A file, and how it is served. `status` other than 200 sends no body but its `headers`."""

    content: bytes = b""
    etag: str | None = '"v1"'
    ranges: bool = True
    length: int | None = None
    """What Content-Length claims, where that is a lie."""
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Seen:
    """A request that came in; header names in lower case."""

    method: str
    path: str
    headers: Mapping[str, str]


class FileServer:
    """`async with FileServer() as server: server.files["/a"] = ServedFile(b"…")`.

    Each entry of `fail` spoils one GET: a number closes the connection after so many bytes of the
    body, `"500"` and the like answers with that status, `"stall"` falls silent after half.
    """

    def __init__(self) -> None:
        self.files: dict[str, ServedFile] = {}
        self.fail: deque[int | str] = deque()
        self.seen: list[Seen] = []
        self.stalled = asyncio.Event()
        self._closing = asyncio.Event()
        self._open: set[asyncio.StreamWriter] = set()

    async def __aenter__(self) -> FileServer:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._server.close()
        self._closing.set()
        for writer in list(self._open):
            writer.close()
        await self._server.wait_closed()

    @property
    def gets(self) -> list[Seen]:
        return [seen for seen in self.seen if seen.method == "GET"]

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._open.add(writer)
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
            method, path, _ = head[0].split(" ")
            headers = dict(line.lower().split(": ", 1) for line in head[1:] if line)
            seen = Seen(method, path, headers)
            self.seen.append(seen)
            await self._answer(seen, writer)
            await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            self._open.discard(writer)
            writer.close()

    async def _answer(self, seen: Seen, writer: asyncio.StreamWriter) -> None:
        file = self.files.get(seen.path, ServedFile(status=404))
        spoil = self.fail.popleft() if self.fail and seen.method == "GET" else None
        if isinstance(spoil, str) and spoil.isdigit():
            file = ServedFile(status=int(spoil))
        status, start = file.status, 0
        wanted = seen.headers.get("range", "")
        still = seen.headers.get("if-range", file.etag or "") == (file.etag or "")
        extra = dict(file.headers)
        if status == 200 and wanted and file.ranges and still:
            start = int(wanted.removeprefix("bytes=").removesuffix("-"))
            status = 206 if start < len(file.content) else 416
            span = f"{start}-{len(file.content) - 1}" if status == 206 else "*"
            extra["Content-Range"] = f"bytes {span}/{len(file.content)}"
        body = file.content[start:] if status in {200, 206} else b""
        length = len(body) if file.length is None else file.length
        if file.etag and status in {200, 206}:
            extra.setdefault("ETag", file.etag)
        lines = [f"HTTP/1.1 {status} Word", f"Content-Length: {length}", "Connection: close"]
        lines += [f"{name}: {value}" for name, value in extra.items()]
        writer.write(("\r\n".join(lines) + "\r\n\r\n").encode())
        if seen.method == "HEAD":
            return
        if spoil == "stall":
            writer.write(body[: len(body) // 2])
            await writer.drain()
            self.stalled.set()
            await self._closing.wait()
        writer.write(body[:spoil] if isinstance(spoil, int) else body)
