"""Keeps the gateway connections up: resumes with backoff after every kind of failure."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import aiohttp
import discord
import structlog
import yarl
from discord.gateway import DiscordWebSocket, ReconnectWebSocket

from bot.adapters.backoff import Backoff
from bot.adapters.discord.transport.errors import FAILURES
from bot.errors import AdapterError

_log = structlog.get_logger(__name__)

_MIN_CONNECTION_S = 1.0
_HANDSHAKE_S = 60.0
_MAX_UNANSWERED_RESUMES = 5
"""Connections in a row on which Discord greets and says nothing to RESUME, before a new session."""
_SESSION_END_CODES = frozenset({4007, 4009})
"""Close codes after which Discord does not resume the session."""

TOKEN_REFUSED = (
    "Discord refuses the token: set DISCORD_TOKEN to the one that the Developer Portal shows under "
    "Bot, Reset Token."
)
CONTENT_REFUSED = (
    "Discord does not grant the Message Content intent: switch it on in the Developer Portal under "
    "Bot, Privileged Gateway Intents, or set discord.message_content to false in config.yaml."
)
_FINAL_CLOSE_CODES = {
    4004: TOKEN_REFUSED,
    4010: "Discord refuses the shard number: set discord.shards to auto in config.yaml.",
    4011: "Discord wants several connections for so many servers: set discord.shards to auto in "
    "config.yaml.",
    4012: "Discord no longer speaks this version of its gateway: update discord.py.",
    4013: "Discord does not know the intents that were asked for: update discord.py.",
    4014: CONTENT_REFUSED,
}


def final_error(exc: BaseException) -> AdapterError | None:
    """The error for the operator if retrying cannot help; None if it may."""
    if isinstance(exc, discord.LoginFailure):
        return AdapterError(TOKEN_REFUSED)
    if isinstance(exc, discord.PrivilegedIntentsRequired):
        return AdapterError(CONTENT_REFUSED)
    if isinstance(exc, discord.ConnectionClosed) and exc.code in _FINAL_CLOSE_CODES:
        return AdapterError(_FINAL_CLOSE_CODES[exc.code])
    return None


@dataclass(frozen=True, slots=True)
class Session:
    """What a later connection needs to resume a session, so that Discord sends what was missed."""

    id: str
    sequence: int | None
    gateway: yarl.URL


class Starts:
    """Opens one session at a time, since Discord allows one IDENTIFY in five seconds."""

    def __init__(self) -> None:
        self.lock = asyncio.Lock()
        self.initial = True
        """Whether no session was opened yet: the first one needs no pause."""


class Connection:
    """One connection to the gateway, for all servers or for one shard.

    It stands in for `Client.connect`, which gives up on a refused first handshake and on a frame
    that it cannot read, waits up to a quarter of an hour between tries, and then is closed; and for
    the shards of `AutoShardedClient`, which drop their session with the first try that fails.
    """

    def __init__(
        self,
        client: discord.Client,
        backoff: Backoff,
        starts: Starts | None = None,
        shard_id: int | None = None,
    ) -> None:
        self._client = client
        self._backoff = backoff
        self._starts = starts or Starts()
        self._shard_id = shard_id
        self._ws: DiscordWebSocket | None = None
        self._session: Session | None = None
        self._tries = 0
        """Connections in a row on which Discord has told nothing."""
        self._unanswered = 0
        """Those of them that Discord has greeted, and on which it has not answered RESUME."""

    async def hold(self) -> None:
        """Stay connected for ever, and resume the session until Discord refuses it.

        Returns when the client is closed. Raises `AdapterError`.
        """
        try:
            while not self._client.is_closed():
                began = time.monotonic()
                try:
                    await self._serve()
                except ReconnectWebSocket as exc:
                    self._tell_disconnected()
                    if not exc.resume:
                        self._session = None
                    _log.info("discord.reconnecting", resume=self._session is not None)
                    if time.monotonic() - began < _MIN_CONNECTION_S:
                        await asyncio.sleep(self._backoff.delay())
                except Exception as exc:  # a frame can be malformed in any way
                    if (error := final_error(exc)) is not None:
                        raise error from exc
                    await self._recover(exc)
        finally:
            if self._ws is not None:
                await self._ws.close(code=1000)

    async def _serve(self) -> None:
        """Open a connection and read it until it ends, which always raises."""
        resumed = self._session
        ws = await self._open()
        begins_at = ws.sequence
        answered = False
        try:
            while True:
                await ws.poll_event()
                if not answered and ws.sequence != begins_at:  # READY, RESUMED, or what was missed
                    answered = True
                    self._record_answered(resumed=resumed is not None)
        finally:
            self._session = _session_of(ws)
            if resumed is not None and not answered:
                self._unanswered += 1
                if self._unanswered >= _MAX_UNANSWERED_RESUMES:
                    self._session = None

    async def _open(self) -> DiscordWebSocket:
        self._tries += 1
        if (session := self._session) is not None:
            # Where the session's own address stays silent, every second try goes to the usual one.
            own = session.gateway if self._tries % 2 else None
            self._ws = await self._handshake(
                resume=True, session=session.id, sequence=session.sequence, gateway=own
            )
        else:
            self._unanswered = 0
            async with self._starts.lock:
                self._ws = await self._handshake(initial=self._starts.initial)
                self._starts.initial = False
        if self._shard_id is None:
            self._client.ws = self._ws
        return self._ws

    async def _handshake(self, **options: Any) -> DiscordWebSocket:
        opening = DiscordWebSocket.from_client(self._client, shard_id=self._shard_id, **options)
        return await asyncio.wait_for(opening, timeout=_HANDSHAKE_S)

    def _record_answered(self, *, resumed: bool) -> None:
        self._tries = self._unanswered = 0
        if resumed:
            self._backoff.record_resumed()
        else:
            self._backoff.record_opened()

    async def _recover(self, exc: Exception) -> None:
        """Close what is left of a connection, and wait for the next try."""
        expected = isinstance(exc, (discord.DiscordException, aiohttp.ClientError, OSError))
        self._tell_disconnected()
        if self._ws is not None:
            await self._ws.close(code=4000)  # with this code the session can be resumed
        wait = self._backoff.delay()
        _log.warning(
            "discord.connection_lost",
            error=f"{type(exc).__name__}: {exc}"[:200],
            retry_s=round(wait, 1),
            resume=self._session is not None,
            exc_info=None if expected else exc,
        )
        await asyncio.sleep(wait)

    def _tell_disconnected(self) -> None:
        self._client.dispatch("disconnect")
        if self._shard_id is not None:
            self._client.dispatch("shard_disconnect", self._shard_id)


def _session_of(ws: DiscordWebSocket) -> Session | None:
    """The session of a connection that has ended; None if it has none, or none any more."""
    if ws.session_id is None or ws.socket.close_code in _SESSION_END_CODES:
        return None
    return Session(ws.session_id, ws.sequence, ws.gateway)


async def stay_connected(client: discord.Client, backoff: Backoff) -> None:
    """Hold one connection for ever. Raises `AdapterError`."""
    await Connection(client, backoff).hold()


async def stay_connected_sharded(
    client: discord.AutoShardedClient, make_backoff: Callable[[], Backoff]
) -> None:
    """Hold one connection for each shard for ever; each has its own backoff.

    Raises `AdapterError`, and what the request for the number of shards raises.
    """
    if not client.shard_count:  # Discord says how many there should be
        client.shard_count, _, _ = await client.http.get_bot_gateway()
    state = client._connection
    state.shard_count, state.shard_ids = client.shard_count, range(client.shard_count)
    starts = Starts()
    shards = [
        asyncio.ensure_future(Connection(client, make_backoff(), starts, number).hold())
        for number in state.shard_ids
    ]
    try:
        await asyncio.gather(*shards)
    finally:
        for shard in shards:
            shard.cancel()
        await asyncio.gather(*shards, return_exceptions=True)


async def log_in(client: discord.Client, token: str) -> None:
    """Log in over REST. Raises `AdapterError`, or what a later try may not end with."""
    try:
        await client.login(token)
    except FAILURES as exc:
        if (error := final_error(exc)) is not None:
            raise error from exc
        raise
