"""What the protocol servers of models share: a deterministic model of words, and ways to fail."""

from __future__ import annotations

import asyncio
import itertools
import json
import re
from collections import deque
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

STORY = " ".join(
    f"On night {n} the keeper of the light counted {n * 3} ships and slept." for n in range(1, 60)
)


BODY: web.RequestKey[Any] = web.RequestKey("body", object)


@dataclass(frozen=True)
class Fault:
    """How one request is spoiled.

    With `status` it is answered with that and `body`; else its stream ends after `after` pieces:
    by silence (`stall`), by a cut connection (`drop`), by an orderly end (`end`) or in `garbage`.
    `pieces`, where given, are sent in place of the stream, as they are.
    """

    status: int = 0
    body: Any = None
    headers: Mapping[str, str] = field(default_factory=dict)
    how: str = ""
    after: int = 0
    pieces: Sequence[bytes] | Callable[[], AsyncIterator[bytes]] = ()
    content_type: str = ""


@dataclass
class Seen:
    """A request that came in; `closed` is set when its answer is over, however it ended."""

    method: str
    path: str
    body: Any
    headers: Mapping[str, str]
    closed: asyncio.Event = field(default_factory=asyncio.Event)


def pieces_of(text: str) -> list[str]:
    """The tokens of a text: words with the space before them."""
    return re.findall(r"\s*\S+|\s+$", text)


def prompt_tokens(messages: Sequence[Mapping[str, Any]]) -> int:
    """Tokens of a prompt: its words, and one for each message."""
    return sum(1 + len(_text_of(message.get("content")).split()) for message in messages)


def _text_of(content: Any) -> str:
    """A message's text; one with pictures is a list of parts."""
    if isinstance(content, list):
        return " ".join(part.get("text", "") for part in content)
    return content or ""


def answer(
    max_tokens: int, stop: Sequence[str] = (), schema: Mapping[str, Any] | None = None
) -> tuple[list[str], str]:
    """The pieces that a model of words says, and why it stopped."""
    text = STORY
    if schema is not None:
        text = json.dumps(schema.get("const", {}), ensure_ascii=False)
    cuts = [text.index(each) for each in stop if each in text]
    said = pieces_of(text[: min(cuts)] if cuts else text)
    return (said[:max_tokens], "length") if len(said) > max_tokens else (said, "stop")


FAULT: web.RequestKey[Fault | None] = web.RequestKey("fault", Fault)


class SpeechServer:
    """A server on loopback; subclasses add their routes to `app`.

    `seen` holds the requests; each of `faults` spoils one POST, in order. `pause_s` is the time
    between two pieces, `embedding_s` that of one request for embeddings.
    """

    def __init__(self) -> None:
        self.app = web.Application(middlewares=[self._note])
        self.seen: list[Seen] = []
        self.faults: deque[Fault] = deque()
        self.pause_s = self.embedding_s = 0.0
        self.answering = 0
        self.port = 0
        """A free one is taken where it is not set; another server can follow on it."""
        self.sent_bytes = 0
        """Of what `Fault.pieces` replaced a stream with."""

    async def __aenter__(self) -> Any:
        self._runner = web.AppRunner(
            self.app, access_log=None, handler_cancellation=True, shutdown_timeout=0.1
        )
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", self.port)
        await site.start()
        self.port = self._runner.addresses[0][1]
        self.url = f"http://127.0.0.1:{self.port}"
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._runner.cleanup()

    def bodies(self, path: str) -> list[Any]:
        """What was posted to a path, in order."""
        return [seen.body for seen in self.seen if seen.path == path and seen.method == "POST"]

    @web.middleware
    async def _note(self, request: web.Request, handler: Any) -> web.StreamResponse:
        body = await request.json() if request.method == "POST" else None
        seen = Seen(request.method, request.path, body, dict(request.headers))
        self.seen.append(seen)
        request[BODY], request[FAULT] = body, None
        if request.method == "POST" and self.faults:
            fault = self.faults.popleft()
            if fault.status:
                if isinstance(fault.body, str):
                    return web.Response(text=fault.body, status=fault.status, headers=fault.headers)
                return web.json_response(fault.body, status=fault.status, headers=fault.headers)
            request[FAULT] = fault
        self.answering += 1
        try:
            response: web.StreamResponse = await handler(request)
            return response
        finally:
            self.answering -= 1
            seen.closed.set()

    async def stream(
        self, request: web.Request, lines: Sequence[bytes], content_type: str, garbage: bytes
    ) -> web.StreamResponse:
        """Send lines, torn in the middle of whatever stands there, and spoiled as told."""
        fault = request[FAULT]
        if fault is not None and fault.pieces:
            return await self._send_pieces(request, fault, content_type)
        response = web.StreamResponse(headers={"Content-Type": content_type})
        await response.prepare(request)
        sent = itertools.count()
        async for line in self._paced(lines):
            if fault is not None and next(sent) >= fault.after:
                if fault.how == "garbage":
                    await response.write(garbage)
                elif fault.how == "stall":
                    await asyncio.Event().wait()
                elif fault.how == "drop" and request.transport is not None:
                    request.transport.abort()
                return response
            middle = len(line) // 2
            await response.write(line[:middle])
            await response.write(line[middle:])
        await response.write_eof()
        return response

    async def _send_pieces(
        self, request: web.Request, fault: Fault, content_type: str
    ) -> web.StreamResponse:
        headers = {"Content-Type": fault.content_type or content_type, **fault.headers}
        response = web.StreamResponse(headers=headers)
        await response.prepare(request)
        source = fault.pieces() if callable(fault.pieces) else self._paced(fault.pieces)
        async for piece in source:
            await response.write(piece)
            self.sent_bytes += len(piece)
        await response.write_eof()
        return response

    async def _paced(self, lines: Sequence[bytes]) -> AsyncIterator[bytes]:
        for line in lines:
            await asyncio.sleep(self.pause_s)
            yield line
