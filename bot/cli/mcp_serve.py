"""The command `parlance mcp serve`: the documents and skills for MCP clients, without platforms."""

from __future__ import annotations

import asyncio
import importlib
import os
import signal
import sys
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any, TextIO

from bot.adapters.terminal.adapter import TerminalAdapter
from bot.adapters.terminal.lines import read_lines
from bot.app import App, open_app
from bot.background import background
from bot.cli.console import errors
from bot.cli.loop import run_async
from bot.cli.stop_signals import StopSignals
from bot.config import TerminalSettings
from bot.installation import Installation
from bot.observability.logs import configure
from bot.ports import open_ports
from bot.shipped_platforms import TERMINAL_HISTORY_FILE
from bot.types import ConversationKey

_CONVERSATION = "mcp"
_Serve = Callable[[App, "_OperatorHere", Callable[[], None]], Awaitable[None]]


class _OperatorHere(TerminalAdapter):
    """The terminal as a platform that knows who the operator is, and is not chatted with."""

    async def run(self, core: Any) -> None:
        """Be there until cancelled."""
        with core.connect(self):
            await asyncio.Event().wait()

    @property
    def place(self) -> ConversationKey:
        """Where the operator asks."""
        return self._key(_CONVERSATION)

    @property
    def person(self) -> str:
        """The operator's `Author.key`."""
        return self._author.key


def serve(here: Installation, *, stdio: bool) -> int:
    """Serve until it is stopped, or with `stdio` until the client ends; returns the exit status."""
    logging = here.config.logging
    if stdio and logging.level == "info":
        logging = logging.model_copy(update={"level": "warning"})
    configure(logging, here.secrets.known())
    if stdio:
        incoming, outgoing = _take_standard_streams()
        work = _run(here, partial(_serve_lines, incoming, outgoing))
    else:
        work = _run(here, _serve_http)
    return run_async(work)


async def _run(here: Installation, work: _Serve) -> int:
    signals = StopSignals(interactive=False)
    settings = here.config.section(TerminalSettings)
    operator = _OperatorHere(here.config.data_dir / TERMINAL_HISTORY_FILE, user=settings.user)
    try:
        async with (
            open_app(here) as app,
            background(app.serve([operator]), "platform of the operator"),
            background(app.warm_up(), "warm up"),
        ):
            await work(app, operator, signals.stop)
    except asyncio.CancelledError:
        if not signals.came:
            raise
    came = signals.came
    return 0 if not came or came[0] == signal.SIGTERM else 128 + came[0]


async def _serve_http(app: App, operator: _OperatorHere, stop: Callable[[], None]) -> None:
    async with open_ports(app, [operator], stop, serve_mcp=True) as ports:
        errors.print(f"MCP is served at {ports.http}/mcp. Ctrl-C ends it.", soft_wrap=True)
        await asyncio.Event().wait()


async def _serve_lines(
    incoming: TextIO,
    outgoing: TextIO,
    app: App,
    operator: _OperatorHere,
    stop: Callable[[], None],
) -> None:
    module = await asyncio.to_thread(importlib.import_module, "bot.mcp.server")
    server = module.McpServer(app.core, lambda _: (operator.person, operator.place))
    await server.serve_lines(read_lines(incoming), outgoing)


def _take_standard_streams() -> tuple[TextIO, TextIO]:
    """Standard input and output for the client alone: what else is printed goes to standard error,
    and nothing else reads."""
    incoming = os.fdopen(os.dup(0), encoding="utf-8", errors="replace")
    outgoing = os.fdopen(os.dup(1), "w", encoding="utf-8")
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    sys.stdout.flush()
    os.dup2(2, 1)
    return incoming, outgoing
