"""The gateway: HELLO, IDENTIFY, RESUME, heartbeats, dispatches, and every way to break."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from aiohttp import WSMsgType, web

from tests.fakes.discord.state import APPLICATION, BOT, GUILD, TOKEN, Json, World

MESSAGE_CONTENT = 1 << 15
_SESSION_END_CODES = frozenset({4007, 4009})


@dataclass
class Session:
    """What a client can take up again: the events that it was sent, or has missed."""

    id: str
    intents: int
    shard: int = 0
    shards: int = 1
    seq: int = 0
    log: list[Json] = field(default_factory=list)
    socket: web.WebSocketResponse | None = None


class Gateway:
    """Serves WebSockets. `identifies` and `resumes` count; `refuse` turns handshakes away."""

    def __init__(self, world: World, address: Callable[[], str]) -> None:
        self.world = world
        self.refuse = 0
        self.refusals = 0
        self.identifies = 0
        self.resumes = 0
        self.heartbeats = 0
        self.granted = MESSAGE_CONTENT
        self.token = TOKEN
        self.sessions: dict[str, Session] = {}
        self.forget_sessions = False
        """Whether the next RESUME is refused."""
        self.refused_resumes = 0
        self.ignore_resumes = False
        """Whether a RESUME gets no answer, and the connection is cut."""
        self.resume_address = ""
        """Where sessions are to be resumed, if not here."""
        self.close_identify: int | None = None
        self.ready = asyncio.Event()
        self._address = address
        self._ended: set[str] = set()
        self._transports: dict[web.WebSocketResponse, Any] = {}

    @property
    def session(self) -> Session:
        """The latest session."""
        return list(self.sessions.values())[-1]

    async def serve(self, request: web.Request) -> web.StreamResponse:
        """One connection."""
        if self.refuse:
            self.refuse -= 1
            self.refusals += 1
            return web.Response(status=503)
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        self._transports[socket] = request.transport
        await self._send(socket, {"op": 10, "d": {"heartbeat_interval": 40_000}})
        async for frame in socket:
            if frame.type is not WSMsgType.TEXT:
                continue
            await self._answer(socket, json.loads(frame.data))
        for session in self.sessions.values():
            if session.socket is socket:
                session.socket = None
        self._transports.pop(socket, None)
        return socket

    async def _answer(self, socket: web.WebSocketResponse, frame: Json) -> None:
        match frame["op"]:
            case 1:
                self.heartbeats += 1
                await self._send(socket, {"op": 11, "d": None})
            case 2:
                await self._identify(socket, frame["d"])
            case 6:
                await self._resume(socket, frame["d"])

    async def _identify(self, socket: web.WebSocketResponse, data: Json) -> None:
        self.identifies += 1
        if self.close_identify is not None:
            await socket.close(code=self.close_identify)
            return
        if data["token"] != self.token:
            await socket.close(code=4004)
            return
        if data["intents"] & MESSAGE_CONTENT & ~self.granted:
            await socket.close(code=4014)
            return
        shard, shards = data.get("shard", (0, 1))
        session = Session(f"s{len(self.sessions) + 1}", data["intents"], shard, shards)
        session.socket = socket
        self.sessions[session.id] = session
        await self._dispatch(
            session,
            "READY",
            {
                "v": 10,
                "user": self.world.users[BOT],
                "guilds": [{"id": str(GUILD), "unavailable": True}],
                "session_id": session.id,
                "resume_gateway_url": self.resume_address or self._address(),
                "application": {"id": str(APPLICATION), "flags": 0},
                "shard": [shard, shards],
            },
        )
        if (GUILD >> 22) % shards == shard:
            await self._dispatch(session, "GUILD_CREATE", self.world.guild())
        self.ready.set()

    async def _resume(self, socket: web.WebSocketResponse, data: Json) -> None:
        known = data["session_id"] not in self._ended
        session = self.sessions.get(data["session_id"]) if known else None
        if self.ignore_resumes:
            await socket.close(code=4000)
            return
        if session is None or self.forget_sessions:
            self.forget_sessions = False
            self.refused_resumes += 1
            await self._send(socket, {"op": 9, "d": False})
            return
        self.resumes += 1
        session.socket = socket
        for event in session.log:
            if event["s"] > (data["seq"] or 0):
                await self._send(socket, event)
        await self._dispatch(session, "RESUMED", {"_trace": []})

    # --- what happens ---------------------------------------------------------------------------

    async def dispatch(self, name: str, data: Json, *, direct: bool = False) -> None:
        """Tell every session that is concerned; one that is away hears of it when it resumes."""
        number = 0 if direct else int(data.get("guild_id") or 0) >> 22
        for session in list(self.sessions.values()):
            if number % session.shards == session.shard and session is self._latest(session.shard):
                await self._dispatch(session, name, data)

    def _latest(self, shard: int) -> Session:
        return [s for s in self.sessions.values() if s.shard == shard][-1]

    async def _dispatch(self, session: Session, name: str, data: Json) -> None:
        session.seq += 1
        event = {"op": 0, "t": name, "s": session.seq, "d": data}
        session.log.append(event)
        if session.socket is not None:
            await self._send(session.socket, event)

    async def _send(self, socket: web.WebSocketResponse, frame: Json) -> None:
        if not socket.closed:
            with contextlib.suppress(ConnectionError):
                await socket.send_str(json.dumps({"t": None, "s": None, **frame}))

    # --- ways to break --------------------------------------------------------------------------

    @property
    def _sockets(self) -> list[web.WebSocketResponse]:
        return [s.socket for s in self.sessions.values() if s.socket is not None]

    async def send(self, frame: Json) -> None:
        """Send a frame as it is to everybody who is connected: op 7, op 9, a dispatch …"""
        for socket in self._sockets:
            await self._send(socket, frame)

    async def garbage(self, text: str = "<html>not json") -> None:
        """Send something that is no frame."""
        for socket in self._sockets:
            await socket.send_str(text)

    async def close(self, code: int) -> None:
        """Close every connection with a code; some end the session, too."""
        if code in _SESSION_END_CODES:
            self._ended |= set(self.sessions)
        for socket in self._sockets:
            await socket.close(code=code)

    def drop(self) -> None:
        """Cut every connection without a word."""
        for socket in self._sockets:
            if (transport := self._transports.get(socket)) is not None:
                transport.abort()
