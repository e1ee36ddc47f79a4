"""The bot's end of the control socket."""

from __future__ import annotations

import asyncio
import os
import socket
import stat
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager, closing, suppress
from pathlib import Path
from typing import Any

import structlog

from bot.control.address import SOCKET_NAME, socket_address
from bot.control.protocol import (
    COMMAND_TIMEOUT_S,
    LOOKS,
    MAX_REQUEST_BYTES,
    REQUEST_TIMEOUT_S,
    STOP,
    ControlError,
    decode,
    encode,
)
from bot.errors import ParlanceError
from bot.private_files import FILE_MODE, create_privately

log = structlog.get_logger(__name__)

MAX_COMMANDS = 16
"""Commands that are carried out at once; a further one is told to come back."""
MAX_CONNECTIONS = 64
"""Connections that are open at once; a further one is closed."""
_MAX_LOGGED_CHARACTERS = 40

Command = Callable[[], Awaitable[Any]]
"""Does what is asked and returns what JSON can hold."""


@asynccontextmanager
async def serve_control(
    data_dir: Path, commands: Mapping[str, Command], stop: Callable[[], None]
) -> AsyncIterator[None]:
    """Answer `commands` and `stop` on the socket in the data folder until the block ends.

    The data folder must be locked by this process: a socket that is there is a dead process's. If
    there can be no socket, a warning is logged and the block runs without.
    """
    opening = asyncio.create_task(asyncio.to_thread(_listen, data_dir))
    try:
        listening = await asyncio.shield(opening)
    except asyncio.CancelledError:  # the thread goes on, and opens it all the same
        with suppress(OSError):
            (await opening).close()
        raise
    except OSError as exc:
        log.warning("control.unavailable", reason=exc.strerror or str(exc))
        yield
        return
    connections = _Connections(commands, stop)
    with closing(listening):
        server = await asyncio.start_unix_server(
            connections.accept, sock=listening, limit=MAX_REQUEST_BYTES
        )
        try:
            yield
        finally:
            server.close()
            await connections.close()
            await asyncio.to_thread(_remove, data_dir)


def _listen(data_dir: Path) -> socket.socket:
    _remove(data_dir)
    listening = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        with socket_address(data_dir) as address, create_privately():
            listening.bind(address)
        (data_dir / SOCKET_NAME).chmod(FILE_MODE)
        listening.listen(MAX_CONNECTIONS)
        listening.setblocking(False)
    except OSError:
        listening.close()
        raise
    return listening


def _remove(data_dir: Path) -> None:
    path = data_dir / SOCKET_NAME
    with suppress(OSError):
        if stat.S_ISSOCK(path.lstat().st_mode):
            path.unlink()


class _Connections:
    """The connections of one server; each carries one request and its answer."""

    def __init__(self, commands: Mapping[str, Command], stop: Callable[[], None]) -> None:
        self._commands = commands
        self._stop = stop
        self._tasks: set[asyncio.Task[None]] = set()
        self._commands_running = 0
        self._open_until_exit: list[int] = []

    def accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve a new connection in a task."""
        if len(self._tasks) >= MAX_CONNECTIONS:
            writer.close()
            return
        task = asyncio.create_task(self._serve(reader, writer), name="control connection")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def close(self) -> None:
        """End all connections, and the commands that they wait for."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            command, answer = await self._answer(reader, writer)
            if answer is None:
                return
            async with asyncio.timeout(REQUEST_TIMEOUT_S):
                writer.write(encode(answer))
                await writer.drain()
            if command == STOP:
                self._stop()
        except (OSError, TimeoutError):
            log.debug("control.connection_lost")
        except Exception:  # a task's top: one connection must not end the others
            log.exception("control.request_failed")
        finally:
            writer.close()

    async def _answer(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> tuple[str, Mapping[str, Any] | None]:
        """Read a command and carry it out; returns it, and no answer if the other end has left."""
        try:
            async with asyncio.timeout(REQUEST_TIMEOUT_S):
                command = str(decode(await reader.readline()).get("command"))
        except ControlError as exc:
            return "", {"error": str(exc)}
        except ValueError:
            return "", {"error": "The request is too long."}
        tell = log.debug if command in LOOKS else log.info
        tell("control.command_received", command=command[:_MAX_LOGGED_CHARACTERS])
        if command == STOP:
            self._keep_open(writer)
            return command, {"result": {"pid": os.getpid()}}
        work = self._commands.get(command)
        if work is None:
            return "", {"error": "The running bot does not know this command."}
        if self._commands_running >= MAX_COMMANDS:
            return "", {"error": "Too many commands ask the running bot; try again."}
        self._commands_running += 1
        try:
            return command, await _unless_left(reader, _run(work))
        finally:
            self._commands_running -= 1

    def _keep_open(self, writer: asyncio.StreamWriter) -> None:
        """Leave a copy of the connection open. The system closes it when the process is gone, by
        which the other end knows."""
        if len(self._open_until_exit) < MAX_COMMANDS:
            connection: socket.socket = writer.get_extra_info("socket")
            self._open_until_exit.append(os.dup(connection.fileno()))


async def _run(work: Command) -> Mapping[str, Any]:
    try:
        async with asyncio.timeout(COMMAND_TIMEOUT_S):
            return {"result": await work()}
    except TimeoutError:
        return {"error": "The running bot took too long."}
    except ParlanceError as exc:
        return {"error": str(exc)}
    except Exception:  # whatever it was, the one who asked is told
        log.exception("control.command_failed")
        return {"error": "The running bot failed to do this; its log says why."}


async def _unless_left(
    reader: asyncio.StreamReader, work: Awaitable[Mapping[str, Any]]
) -> Mapping[str, Any] | None:
    """Wait for the work, and cancel it if the other end leaves."""
    doing, leaving = asyncio.ensure_future(work), asyncio.ensure_future(reader.read(1))
    try:
        await asyncio.wait({doing, leaving}, return_when=asyncio.FIRST_COMPLETED)
        return doing.result() if doing.done() else None
    finally:
        doing.cancel()
        leaving.cancel()
        await asyncio.gather(doing, leaving, return_exceptions=True)
