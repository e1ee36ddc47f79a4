"""The commands' end of the control socket."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from bot.control.address import socket_address
from bot.control.protocol import (
    COMMAND_TIMEOUT_S,
    MAX_ANSWER_BYTES,
    NO_MESSAGE,
    REQUEST_TIMEOUT_S,
    STOP,
    ControlError,
    NotRunning,
    decode,
    encode,
)


async def ask(data_dir: Path, command: str, timeout_s: float = COMMAND_TIMEOUT_S) -> Any:
    """Have the bot that runs on this data folder carry out a command; returns its result.

    Raises `NotRunning` if none answers there, and `ControlError` with what went wrong.
    """
    async with _connected(data_dir) as (reader, writer):
        return await _exchange(reader, writer, command, timeout_s)


async def stop(data_dir: Path, within_s: float) -> int:
    """Ask the running bot to end, and wait until its process is gone; returns its process id.

    Raises `NotRunning`, or `ControlError` if it is still there after `within_s` seconds.
    """
    async with _connected(data_dir) as (reader, writer):
        told = await _exchange(reader, writer, STOP, REQUEST_TIMEOUT_S)
        if not isinstance(told, dict) or not isinstance(pid := told.get("pid"), int):
            raise ControlError(NO_MESSAGE)
        try:
            async with asyncio.timeout(within_s):
                await reader.read()  # the connection ends with the process
        except TimeoutError:
            raise ControlError(
                f"Parlance (process {pid}) was asked to stop and has not ended after "
                f"{within_s:.0f} s."
            ) from None
        except ConnectionError:
            pass  # it ended without reading all
        return pid


@asynccontextmanager
async def _connected(
    data_dir: Path,
) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    try:
        connection = await asyncio.to_thread(_connect, data_dir)
    except (FileNotFoundError, ConnectionRefusedError, NotADirectoryError):
        raise NotRunning("Parlance is not running here.") from None
    except OSError as exc:
        why = exc.strerror or "it does not answer"
        raise ControlError(f"The running bot cannot be asked: {why}.") from None
    reader, writer = await asyncio.open_unix_connection(sock=connection, limit=MAX_ANSWER_BYTES)
    try:
        yield reader, writer
    finally:
        writer.close()


def _connect(data_dir: Path) -> socket.socket:
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        connection.settimeout(REQUEST_TIMEOUT_S)
        with socket_address(data_dir) as address:
            connection.connect(address)
        connection.setblocking(False)
    except OSError:
        connection.close()
        raise
    return connection


async def _exchange(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, command: str, timeout_s: float
) -> Any:
    try:
        async with asyncio.timeout(timeout_s):
            writer.write(encode({"command": command}))
            await writer.drain()
            line = await reader.readline()
    except TimeoutError:
        raise ControlError(f"The running bot has not answered within {timeout_s:.0f} s.") from None
    except (ConnectionError, ValueError):
        line = b""
    if not line:
        raise ControlError("The running bot ended before it answered.")
    answer = decode(line)
    if "error" in answer:
        raise ControlError(str(answer["error"]))
    if "result" not in answer:
        raise ControlError(NO_MESSAGE)
    return answer["result"]
