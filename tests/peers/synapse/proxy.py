"""A proxy before a homeserver that fails on demand, and counts what passes."""

from __future__ import annotations

import asyncio
import json
from typing import Any, Literal

import aiohttp
from aiohttp import web
from yarl import URL

What = Literal["send", "edit", "join", "any"]
_HOP_BY_HOP = frozenset({"connection", "transfer-encoding", "content-encoding", "content-length"})


class FaultyProxy:
    """Passes requests on to `url`; `own_url` is where it is itself."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._runner: web.AppRunner | None = None
        self._session: aiohttp.ClientSession | None = None
        self._faults: dict[What, tuple[int, int]] = {}
        self.lose_answers = 0
        """So many messages are passed on, and their answers are lost."""
        self.sent: list[tuple[str, int]] = []
        """The messages and edits that were passed on, each with the status of its answer."""
        self.own_url = ""
        self._held_texts: dict[str, bool] = {}
        self.held = asyncio.Event()
        """A message that `hold_text` holds is there."""
        self._released = asyncio.Event()

    async def open(self) -> FaultyProxy:
        self._session = aiohttp.ClientSession(auto_decompress=False)
        app = web.Application(client_max_size=64 << 20)
        app.router.add_route("*", "/{path:.*}", self._pass)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        self.own_url = f"http://127.0.0.1:{self._runner.addresses[0][1]}"
        return self

    async def close(self) -> None:
        assert self._session is not None
        assert self._runner is not None
        await self._runner.cleanup()
        await self._session.close()

    def fail_next(self, what: What, status: int, times: int = 1) -> None:
        """Answer the next requests of a kind with a status; 0 closes the connection."""
        self._faults[what] = status, times

    def heal(self) -> None:
        """Pass everything on again."""
        self._faults.clear()
        self._held_texts.clear()
        self._released.set()

    def hold_text(self, text: str, *, done: bool) -> None:
        """Leave the next message or edit that shows a text without an answer until `heal` is
        called; it is passed on if it is to be `done`, else lost. What is encrypted shows none."""
        self.held.clear()
        self._released.clear()
        self._held_texts[text] = done

    async def _hold(self) -> None:
        self.held.set()
        await self._released.wait()

    async def _pass(self, request: web.Request) -> web.StreamResponse:
        assert self._session is not None
        body = await request.read()
        kind = _kind(request, body)
        for what in ("any", kind):
            status, left = self._faults.get(what, (0, 0))  # type: ignore[call-overload]
            if left:
                self._faults[what] = status, left - 1  # type: ignore[index]
                if status:
                    said = {"errcode": "M_UNKNOWN", "error": "no", "retry_after_ms": 20}
                    return web.json_response(said, status=status)
                raise ConnectionResetError
        held = self._take_held(kind, body)
        if held is False:
            await self._hold()
            raise ConnectionResetError
        headers = {k: v for k, v in request.headers.items() if k.lower() != "host"}
        url = URL(self._url + request.raw_path, encoded=True)
        try:
            answer = await self._session.request(request.method, url, data=body, headers=headers)
        except aiohttp.ClientError:
            return web.json_response({}, status=502)
        async with answer:
            data = await answer.read()
            if kind in {"send", "edit"}:
                self.sent.append((kind, answer.status))
            if held:
                await self._hold()
            if kind == "send" and self.lose_answers:
                self.lose_answers -= 1
                assert request.transport is not None
                request.transport.abort()
                await asyncio.sleep(0)
            kept = {k: v for k, v in answer.headers.items() if k.lower() not in _HOP_BY_HOP}
            if "content-encoding" in answer.headers:
                kept["Content-Encoding"] = answer.headers["content-encoding"]
            return web.Response(body=data, status=answer.status, headers=kept)

    def _take_held(self, kind: str, body: bytes) -> bool | None:
        """Whether what is to be held is to be passed on before; None for what is not held."""
        if kind not in {"send", "edit"} or not self._held_texts:
            return None
        said = json.dumps(json.loads(body), ensure_ascii=False)
        found = next((text for text in self._held_texts if text in said), None)
        return None if found is None else self._held_texts.pop(found)


def _kind(request: web.Request, body: bytes) -> str:
    if request.path.endswith("/join"):
        return "join"
    if request.method != "PUT" or not {"m.room.message", "m.room.encrypted"} & set(
        request.path.split("/")
    ):
        return "other"
    content: Any = json.loads(body or b"{}")
    replaces = (content.get("m.relates_to") or {}).get("rel_type") == "m.replace"
    return "edit" if replaces else "send"
