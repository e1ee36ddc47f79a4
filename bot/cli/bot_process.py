"""The process of a bot: fetches missing models, then serves until it is stopped."""

from __future__ import annotations

import asyncio
import gc
import importlib
import signal
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from functools import partial
from typing import Any

import structlog

from backends.errors import BackendError
from bot.adapters.protocol import Adapter
from bot.adapters.terminal.screen import make_progress
from bot.app import App, open_app
from bot.background import background
from bot.cli.console import errors, redact
from bot.cli.loop import run_async
from bot.cli.model_preparation import prepare_models
from bot.cli.models import fetch_all
from bot.cli.stop_signals import StopSignals
from bot.installation import Installation, ModelFile
from bot.knowledge.loading.scans.package import is_installed, missing_package
from bot.observability.log_file import LogFile
from bot.observability.logs import configure
from bot.platforms import CreatedAdapters, create_adapters
from bot.ports import open_ports
from bot.processes.crew import Role
from bot.web.late_fetch import CLIENT_MODULE

log = structlog.get_logger(__name__)

_WARM_UP_STOP_S = 2.0
_DOING = {"all": "serves", "front": "receives what is asked on", "worker": "answers on"}
_LATE_MODULES = ("numpy", "rich.markdown", "jsonschema", CLIENT_MODULE)
"""Imported behind the first prompt instead of before it: the first question may need them. The
lines of a pipe are there already, and wait for what they need alone."""


@dataclass(frozen=True, slots=True)
class Guide:
    """What is done around serving: before the platforms connect, and beside them."""

    prepare: Callable[[App], Awaitable[None]]
    accompany: Callable[[App, Sequence[Adapter]], Coroutine[Any, Any, None]]


def serve(
    here: Installation,
    conversation: str | None = None,
    *,
    examples: Sequence[str] = (),
    guide: Guide | None = None,
    role: Role = "all",
) -> int:
    """Serve until it is stopped; returns the exit status. `examples` are what is answered where
    there is nothing to read, in place of the usual lines. `role` is what this process does among
    those on the same database."""
    logging = here.config.logging
    created = create_adapters(here, conversation=conversation)
    shown = logging.level
    if guide is not None:
        shown = "error"  # the guide has the screen
    elif created.alone and logging.level == "info":
        shown = "warning"  # the chat has the screen
    kept = None
    if logging.keep_mb:
        kept = LogFile(here.config.data_dir / "log", logging.keep_mb * 1_000_000)
    configure(logging, here.secrets.known(), file=kept, shown=shown)
    adapters = created.require()
    if examples:
        from bot.adapters.terminal.adapter import TerminalAdapter

        for adapter in adapters:
            if isinstance(adapter, TerminalAdapter):
                adapter.examples = examples
    _tell_what_is_amiss(here, created)
    fetch_missing(here)
    try:
        return run_async(_serve(here, created, kept, guide, role))
    finally:
        if kept is not None:
            kept.close()


def _tell_what_is_amiss(here: Installation, created: CreatedAdapters) -> None:
    """Say what is outdated, left out or missing, before the bot serves without it."""
    for remark in here.config.remarks:
        errors.print(redact(remark), style="yellow", soft_wrap=True)
    if here.config.remarks:
        errors.print("`parlance check --fix` brings config.yaml up to date.", soft_wrap=True)
    for problem in (*here.plugins.problems, *created.problems):
        errors.print(redact(f"Left out: {problem}"), style="yellow")
        if problem.error is not None:
            log.warning("plugin.load_failed", plugin=problem.plugin, exc_info=problem.error)
    if here.config.knowledge.ocr.enabled and not is_installed():
        errors.print(f"Scans are not read: {missing_package()}.", style="yellow", soft_wrap=True)


def fetch_missing(here: Installation) -> None:
    """Fetch the models that are missing. A failure is only a warning if the model is not needed at
    start; else raises `BackendError`."""
    if missing := here.find_missing_files():
        errors.print("Fetching the models; this happens once.")
        _fetch(here, missing)


def _fetch(here: Installation, missing: list[ModelFile]) -> None:
    vital = {here.config.default_model, here.config.embedder}
    for file in missing:
        try:
            fetch_all(here.store, [file])
            run_async(prepare_models(here, [file.model]))
        except BackendError as error:
            if file.model in vital:
                raise
            errors.print(redact(f"Model {file.model}: {error}"), style="yellow")


async def _serve(
    here: Installation,
    created: CreatedAdapters,
    kept: LogFile | None,
    guide: Guide | None,
    role: Role,
) -> int:
    serving, service = created.adapters, not created.alone
    interactive = any(getattr(adapter, "interactive", False) for adapter in serving)
    signals = StopSignals(interactive=interactive)
    try:
        async with open_app(here, role) as app, open_ports(app, serving, signals.stop):
            if kept is not None:
                kept.open()  # the data folder is this process's now
            await (guide.prepare(app) if guide is not None else _ingest_once(app))
            late = _LATE_MODULES if service or interactive else ()
            settled = [one.settled for one in serving if hasattr(one, "settled")]
            warming = asyncio.create_task(_warm_up(app, late, settled), name="warm up")
            # What is loaded by then stays. Looking through it takes the collector 150 ms, in which
            # everybody would wait.
            warming.add_done_callback(lambda _: gc.freeze())
            beside = asyncio.sleep(0) if guide is None else guide.accompany(app, serving)
            try:
                if service and guide is None:
                    names = " and ".join(adapter.name for adapter in serving)
                    doing = _DOING[role]
                    errors.print(f"Parlance {doing} {names}. Ctrl-C ends it.")
                # A chat that crashes ends; nobody reads what a pipe would be answered again. And
                # whoever ends a chat waits for nothing.
                drained = signals.drained_by(partial(app.drain, serving))
                async with background(beside, "guide"), drained if service else nullcontext():
                    await app.serve(serving, restart=service)
            finally:
                warming.cancel()
                await asyncio.wait([warming], timeout=_WARM_UP_STOP_S)
    except asyncio.CancelledError:
        if not signals.came:
            raise
    if signals.came:
        # A service that is told to end has done its work; a pipe that is may not be answered yet.
        first = signals.came[0]
        return 0 if service and first == signal.SIGTERM else 128 + first
    return max(getattr(adapter, "status", 0) for adapter in serving)


async def _warm_up(app: App, modules: Sequence[str], settled: Sequence[asyncio.Event]) -> None:
    """Load what the first question needs, once those who are waited for have settled."""
    for event in settled:
        await event.wait()
    for name in modules:
        await asyncio.to_thread(importlib.import_module, name)
    await app.warm_up()


async def _ingest_once(app: App) -> None:
    """At the first start, read in the folders of `knowledge.sync`, with a progress bar."""
    if not app.installation.config.knowledge.sync or await app.knowledge.list():
        return
    from rich.progress import BarColumn, MofNCompleteColumn

    with make_progress(errors, BarColumn(), MofNCompleteColumn()) as bar:
        task = bar.add_task("Reading the documents", total=None)
        async for event in app.sync_documents():
            bar.update(task, completed=event.done, total=event.total)
