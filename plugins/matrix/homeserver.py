"""Requests to a homeserver's client-server API; errors are `MatrixError`s."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import quote

import aiohttp
from yarl import URL

from plugins.matrix.errors import MatrixError

Json = Mapping[str, Any]
_CLIENT = "/_matrix/client/v3"
_CLIENT_ROOMS = "/_matrix/client/v1/rooms"
_CLIENT_MEDIA = "/_matrix/client/v1/media"
_MEDIA = "/_matrix/media/v3"
_MAX_CONNECTIONS = 50
_BLOCK_BYTES = 65536


def path_of(*parts: str) -> str:
    """A path of the client-server API, each part quoted: `/rooms/{id}/state`."""
    return _CLIENT + "".join("/" + quote(part, safe="") for part in parts)


def relations_path(room: str, event: str, kind: str) -> str:
    """The path of the events of a room that relate to an event: `m.thread`, `m.annotation`."""
    parts = (room, "relations", event, kind)
    return _CLIENT_ROOMS + "".join("/" + quote(part, safe="") for part in parts)


class Homeserver:
    """One account's requests, made within `connect`. `url` has no slash at its end."""

    def __init__(self, url: str, token: str, timeout_s: float) -> None:
        self.url = url
        self._token = token
        self._timeout_s = timeout_s
        self._session: aiohttp.ClientSession | None = None

    @asynccontextmanager
    async def connect(self) -> AsyncIterator[None]:
        """Keep connections open for the duration of a block."""
        connector = aiohttp.TCPConnector(limit=_MAX_CONNECTIONS)
        async with aiohttp.ClientSession(connector=connector, trust_env=True) as session:
            self._session = session
            try:
                yield
            finally:
                self._session = None

    async def call(
        self, method: str, path: str, body: Json | None = None, query: Json | None = None
    ) -> dict[str, Any]:
        """Make a request. Raises `MatrixError`, or an `OSError` where there was no answer."""
        async with self._request(method, path, json=body, params=query or {}) as answer:
            return await _read_json(answer)

    # --- rooms ----------------------------------------------------------------------------------

    async def react(self, room: str, target: str, emoji: str) -> str:
        """Put a reaction to an event; returns its id."""
        relation = {"rel_type": "m.annotation", "event_id": target, "key": emoji}
        return await self._put_event(room, "send/m.reaction", {"m.relates_to": relation})

    async def redact(self, room: str, event: str) -> None:
        """Take the content of an event away."""
        path = path_of("rooms", room, "redact", event, uuid.uuid4().hex)
        await self.call("PUT", path, {})

    async def _put_event(self, room: str, how: str, content: Json) -> str:
        path = f"{path_of('rooms', room)}/{how}/{uuid.uuid4().hex}"
        return str((await self.call("PUT", path, content))["event_id"])

    async def event(self, room: str, event: str) -> dict[str, Any]:
        """An event as it was sent; its newest edit is bundled with it."""
        return await self.call("GET", path_of("rooms", room, "event", event))

    async def state_event(self, room: str, kind: str, key: str = "") -> dict[str, Any]:
        """A state event with its sender; empty where there is none."""
        path = path_of("rooms", room, "state", kind, key)
        try:
            found = await self.call("GET", path, query={"format": "event"})
        except MatrixError as exc:
            if exc.code == "M_NOT_FOUND":
                return {}
            raise
        if "sender" in found:
            return found
        # An older homeserver, which knows no format, gives whole events only all together.
        async with self._request("GET", path_of("rooms", room, "state")) as answer:
            every = await answer.json(content_type=None)
        same = (e for e in every if e.get("type") == kind and e.get("state_key") == key)
        return next(same, {"content": found})

    async def members(self, room: str) -> Mapping[str, str]:
        """The display names of the people who have joined a room, by their ids."""
        answer = await self.call("GET", path_of("rooms", room, "joined_members"))
        found: Json = answer.get("joined") or {}
        return {user: str(one.get("display_name") or user) for user, one in found.items()}

    async def count_people(self, room: str) -> int:
        """How many people have joined a room or are invited to it."""
        path = path_of("rooms", room, "members")
        answer = await self.call("GET", path, query={"not_membership": "leave"})
        states = ((e.get("content") or {}).get("membership") for e in answer.get("chunk") or ())
        return sum(state in {"join", "invite"} for state in states)

    # --- the account's own data -----------------------------------------------------------------

    async def account_data(self, user: str, kind: str) -> dict[str, Any]:
        """What the account keeps under a name; empty where it keeps nothing."""
        try:
            return await self.call("GET", path_of("user", user, "account_data", kind))
        except MatrixError as exc:
            if exc.code == "M_NOT_FOUND":
                return {}
            raise

    # --- media ----------------------------------------------------------------------------------

    async def max_upload_bytes(self) -> int | None:
        """How large a file may be; None where the homeserver does not say."""
        answer = await self.call("GET", f"{_CLIENT_MEDIA}/config")
        size = answer.get("m.upload.size")
        return size if isinstance(size, int) else None

    async def upload(self, data: bytes, content_type: str, name: str) -> str:
        """Store a file; returns its address (`mxc://…`)."""
        more = {"filename": name} if name else {}
        headers = {"Content-Type": content_type}
        async with self._request(
            "POST", f"{_MEDIA}/upload", data=data, params=more, headers=headers
        ) as answer:
            return str((await _read_json(answer))["content_uri"])

    async def download(self, mxc: str, limit: int) -> bytes | None:
        """A stored file; None if it is longer than `limit` bytes."""
        server, _, media = mxc.removeprefix("mxc://").partition("/")
        path = f"{_CLIENT_MEDIA}/download/{quote(server, safe='')}/{quote(media, safe='')}"
        async with self._request("GET", path) as answer:
            if answer.status != 200:
                await _read_json(answer)
            data = bytearray()
            async for block in answer.content.iter_chunked(_BLOCK_BYTES):
                data += block
                if len(data) > limit:
                    return None
            return bytes(data)

    @asynccontextmanager
    async def _request(
        self, method: str, path: str, headers: Mapping[str, str] | None = None, **more: Any
    ) -> AsyncIterator[aiohttp.ClientResponse]:
        if self._session is None:
            raise MatrixError("not connected")
        headers = {"Authorization": f"Bearer {self._token}", **(headers or {})}
        url = URL(self.url + path, encoded=True)
        try:
            async with (
                asyncio.timeout(self._timeout_s),
                self._session.request(method, url, headers=headers, **more) as answer,
            ):
                yield answer
        except aiohttp.ClientError as exc:
            raise ConnectionError(str(exc) or type(exc).__name__) from exc


async def _read_json(answer: aiohttp.ClientResponse) -> dict[str, Any]:
    """The object that was answered. Raises `MatrixError` for an error."""
    try:
        said = await answer.json(content_type=None)
    except ValueError:
        said = None
    if answer.status == 200 and isinstance(said, dict):
        return said
    found = said if isinstance(said, dict) else {}
    raise _error_from(found, answer.status)


def _error_from(found: Json, status: int) -> MatrixError:
    """The error that a homeserver's answer stands for."""
    wait_ms = found.get("retry_after_ms")
    return MatrixError(
        str(found.get("error") or f"HTTP {status}")[:300],
        str(found.get("errcode") or ""),
        status,
        wait_ms / 1000 if isinstance(wait_ms, int | float) else None,
    )
