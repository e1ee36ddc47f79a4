"""A process that has imported what the commands import, and makes of itself one for each command.

A start of Parlance takes 1.3 s of imports, and the stories start hundreds. A process made here is
one like any other: it has its own standard streams, environment, folder, signals and exit status,
and executes `bot/__main__.py` from its first line; only the libraries are there already.
What is about the start itself is started by `exec`; see `process.py`.
"""

from __future__ import annotations

import atexit
import ctypes
import gc
import importlib
import io
import json
import os
import runpy
import selectors
import signal
import socket
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any

from bot.installation import SHIPPED_PLUGINS, SHIPPED_PROMPTS
from bot.knowledge.index.late_trace_exporter import late_trace_exporter
from bot.prompting.templates import JinjaPrompts
from bot.skills.plugin_loader import load_plugins

_PRELOADED = (
    "aiohttp",
    "aiosqlite",
    "alembic.command",
    "backends.llama_cpp.engine",
    "backends.onnx.embedder",
    "backends.scripted.backend",
    "bot.adapters.terminal.adapter",
    "bot.app",
    "bot.config.yaml_document",
    "bot.control.client",
    "bot.doctor",
    "bot.history.asked_questions",
    "bot.knowledge.index.chroma",
    "bot.knowledge.loading.markup.formats",
    "bot.knowledge.loading.text",
    "bot.knowledge.retrieval.evaluation",
    "bot.knowledge.service",
    "bot.mcp.connection",
    "bot.observability.log_reader",
    "bot.platforms",
    "bot.portability.insertion",
    "bot.ports",
    "bot.service.installed",
    "bot.setup.settings_file",
    "bot.setup.sources",
    "bot.storage.creation",
    "bot.storage.migrations",
    "bot.web.extract",
    "chromadb",
    "chromadb.api.rust",
    "discord",
    "httpx",
    "jsonschema",
    "prometheus_client",
    "py3langid.langid",
    "rich.markdown",
    "rich.progress",
    "slack_bolt.adapter.socket_mode.async_handler",
    "tokenizers",
    "typer",
)
"""And the plugins that ship. Not `bot.cli`, which looks at its environment and its standard streams
while it is imported."""

LONGEST_ORDER_BYTES = 200_000

_NEEDED_AT_THE_END = frozenset(sys.modules) & {
    "__main__", "_io", "abc", "atexit", "builtins", "codecs", "encodings", "io", "linecache", "os",
    "sys", "threading", "traceback", "warnings",
}  # fmt: skip
"""What the interpreter itself may look for while it ends."""


def main(orders: socket.socket) -> None:
    """Make processes until the other end closes; returns only in a process that was made."""
    with late_trace_exporter():
        for name in (*_PRELOADED, *SHIPPED_PLUGINS):
            importlib.import_module(name)
    _warm()
    assert "bot.cli" not in sys.modules
    atexit.register(_keep, frozenset(sys.modules) - _NEEDED_AT_THE_END)
    gc.collect()
    gc.freeze()  # else the first collection of every process copies all of it
    order = _serve(orders)
    _become(order)
    runpy.run_module(order["module"], run_name="__main__", alter_sys=True)


def _warm() -> None:
    """Have what a process keeps by the files that ship and the packages that are installed, as what
    it imports: the code of the prompts, and who has plugins."""
    load_plugins(SHIPPED_PLUGINS)
    JinjaPrompts([SHIPPED_PROMPTS])


def _keep(names: frozenset[str]) -> None:
    """Take modules out of what the interpreter frees at its end.

    To free what was there before the command takes longer than most commands do. What the command
    itself imported and made is freed as in any other process.
    """
    modules = [module for name in names if (module := sys.modules.pop(name, None))]
    kept = [*modules, *map(vars, modules)]
    ctypes.pythonapi.Py_IncRef(ctypes.py_object(kept))


def _serve(orders: socket.socket) -> Mapping[str, Any]:
    with selectors.DefaultSelector() as waiting:
        waiting.register(orders, selectors.EVENT_READ)
        while True:
            for key, _ in waiting.select():
                if key.fileobj is not orders:
                    waiting.unregister(key.fileobj)
                    _tell_end(key.fd, *key.data)
                    continue
                text, handles, *_ = socket.recv_fds(orders, LONGEST_ORDER_BYTES, 4)
                if not text:
                    sys.exit()
                *streams, answer = handles
                child = os.fork()
                if child == 0:
                    _take_streams(streams)
                    order: Mapping[str, Any] = json.loads(text)
                    return order
                for handle in streams:
                    os.close(handle)
                reply = socket.socket(fileno=answer)
                reply.send(str(child).encode())
                waiting.register(os.pidfd_open(child), selectors.EVENT_READ, (child, reply))


def _tell_end(handle: int, child: int, reply: socket.socket) -> None:
    os.close(handle)
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    with reply, suppress(OSError):  # whoever started it may be gone
        reply.send(str(status).encode())


def _take_streams(streams: Sequence[int]) -> None:
    for number, handle in enumerate(streams):
        os.dup2(handle, number)
    os.closerange(3, 1024)


def _become(order: Mapping[str, Any]) -> None:
    os.environ.clear()
    os.environ.update(order["env"])
    os.chdir(order["cwd"])
    sys.argv[1:] = order["arguments"]
    signal.signal(signal.SIGINT, signal.default_int_handler)
    sys.stdin = sys.__stdin__ = _stream(0, "r")  # type: ignore[misc]
    sys.stdout = sys.__stdout__ = _stream(1, "w")  # type: ignore[misc]
    sys.stderr = sys.__stderr__ = _stream(2, "w")  # type: ignore[misc]


def _stream(number: int, mode: str) -> io.TextIOWrapper:
    """A standard stream as the interpreter opens it."""
    raw = io.FileIO(number, mode, closefd=False)
    errors = "backslashreplace" if number == 2 else "strict"
    buffered = io.BufferedReader(raw) if mode == "r" else io.BufferedWriter(raw)
    line_buffering = number == 2 or raw.isatty()
    return io.TextIOWrapper(buffered, "utf-8", errors, line_buffering=line_buffering)


if __name__ == "__main__":
    main(socket.socket(fileno=int(sys.argv[1])))
