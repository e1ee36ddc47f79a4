"""A SearXNG on loopback: its `/search?format=json`, and the ways in which it fails."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping, Sequence
from contextlib import suppress
from types import TracebackType
from typing import Any
from urllib.parse import parse_qs, urlsplit


class SearxngServer:
    """`async with SearxngServer() as server: server.results = [{"url": …, "title": …}]`.

    `status` and `body` replace the answer, `headers` are added to it, and with `stalls` none comes.
    `queries` are those that came in. Like the real one it answers 403 where JSON is not allowed.
    """

    def __init__(self) -> None:
        self.results: Sequence[Any] = ()
        self.queries: list[str] = []
        self.paths: list[str] = []
        self.status = 200
        self.body: bytes | None = None
        self.content_type = "application/json"
        self.headers: Mapping[str, str] = {}
        self.stalls = False
        self.formats = {"html", "json"}
        self._closing = asyncio.Event()
        self._open: set[asyncio.StreamWriter] = set()

    async def __aenter__(self) -> SearxngServer:
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
        self._closing.set()
        self._server.close()
        for writer in list(self._open):
            writer.close()
        await self._server.wait_closed()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._open.add(writer)
        with suppress(ConnectionError, asyncio.IncompleteReadError):
            head = (await reader.readuntil(b"\r\n\r\n")).decode()
            target = urlsplit(head.split(" ", 2)[1])
            asked = parse_qs(target.query)
            self.paths.append(target.path)
            self.queries += asked.get("q", [])
            if self.stalls:
                await self._closing.wait()
            status, body = self._answer(asked.get("format", ["html"])[0])
            lines = [f"HTTP/1.1 {status} X", f"Content-Type: {self.content_type}"]
            lines += [f"{name}: {value}" for name, value in self.headers.items()]
            lines += [f"Content-Length: {len(body)}", "Connection: close"]
            writer.write("\r\n".join([*lines, "", ""]).encode() + body)
            await writer.drain()
        writer.close()
        self._open.discard(writer)

    def _answer(self, wanted: str) -> tuple[int, bytes]:
        if wanted not in self.formats:
            return 403, b"<!doctype html><title>403 Forbidden</title>"
        if self.body is not None or self.status != 200:
            return self.status, self.body or b""
        said = {
            "query": self.queries[-1],
            "number_of_results": len(self.results),
            "results": list(self.results),
            "answers": [],
            "corrections": [],
            "infoboxes": [],
            "suggestions": [],
            "unresponsive_engines": [],
        }
        return 200, json.dumps(said).encode()
