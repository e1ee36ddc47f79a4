"""Keeps the gateway connection up: reconnects with backoff after every kind of failure."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import aiohttp
import discord
import structlog
from discord.gateway import DiscordWebSocket, ReconnectWebSocket

from bot.adapters.backoff import Backoff
from bot.adapters.discord.transport.errors import FAILURES
from bot.adapters.protocol import AdapterError

_log = structlog.get_logger(__name__)

_MIN_CONNECTION_S = 1.0
_MAX_RESUMES = 3
"""Tries to take a session up again, before a new one is opened."""

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


async def stay_connected(client: discord.Client, backoff: Backoff) -> None:
    """Hold one connection for ever, resuming the session wherever Discord allows it.

    It stands in for `Client.connect`, which gives up on a refused first handshake and on a frame
    that it cannot read, waits up to a quarter of an hour between tries, and then is closed.
    Raises `AdapterError`.
    """
    session: dict[str, Any] = {}
    initial = True
    failures = 0
    while not client.is_closed():
        connected = time.monotonic()
        try:
            opening = DiscordWebSocket.from_client(
                client, initial=initial, shard_id=client.shard_id, **session
            )
            client.ws = await asyncio.wait_for(opening, timeout=60.0)
            initial = False
            failures = 0
            while True:
                await client.ws.poll_event()
        except ReconnectWebSocket as exc:
            client.dispatch("disconnect")
            session = _session(client.ws) if exc.resume else {}
            _log.info("discord.reconnecting", resume=exc.resume)
            if time.monotonic() - connected < _MIN_CONNECTION_S:
                await asyncio.sleep(backoff.delay())
        except Exception as exc:  # a frame can be malformed in any way
            if (error := final_error(exc)) is not None:
                raise error from exc
            expected = isinstance(exc, (discord.DiscordException, aiohttp.ClientError, OSError))
            client.dispatch("disconnect")
            if client.ws is not None:
                await client.ws.close(code=4000)
            failures += 1
            session = _session(client.ws) if failures <= _MAX_RESUMES else {}
            wait = backoff.delay()
            _log.warning(
                "discord.connection_lost",
                error=f"{type(exc).__name__}: {exc}"[:200],
                retry_s=round(wait, 1),
                exc_info=None if expected else exc,
            )
            await asyncio.sleep(wait)


def _session(ws: DiscordWebSocket | None) -> dict[str, Any]:
    """What a later connection needs to resume this session; empty if it cannot be resumed."""
    if ws is None or ws.session_id is None:
        return {}
    return {
        "resume": True,
        "session": ws.session_id,
        "sequence": ws.sequence,
        "gateway": ws.gateway,
    }


async def stay_connected_sharded(
    client: discord.AutoShardedClient, patience_s: float, disconnected: asyncio.Event
) -> None:
    """Hold discord.py's own sharded connection until it fails, or has been away for too long.

    `disconnected` is set while any shard is away. Raises `AdapterError`, or whatever ended it.
    """
    connection = asyncio.ensure_future(client.connect())
    try:
        while not connection.done():
            any_missing = asyncio.ensure_future(disconnected.wait())
            await asyncio.wait({connection, any_missing}, return_when=asyncio.FIRST_COMPLETED)
            any_missing.cancel()
            if connection.done():
                break
            await asyncio.wait({connection}, timeout=patience_s)
            if disconnected.is_set() and not connection.done():
                raise TimeoutError("a shard was away for too long")
        await connection
    except (discord.DiscordException, aiohttp.ClientError, OSError) as exc:
        if (error := final_error(exc)) is not None:
            raise error from exc
        raise
    finally:
        connection.cancel()
        await asyncio.gather(connection, return_exceptions=True)


async def log_in(client: discord.Client, token: str) -> None:
    """Log in over REST. Raises `AdapterError`, or what a later try may not end with."""
    try:
        await client.login(token)
    except FAILURES as exc:
        if (error := final_error(exc)) is not None:
            raise error from exc
        raise
