"""Models that admins fetch in chat: fetched, tried out, served, and served again after a restart.

What was fetched stands in the database, since config.yaml is the operator's to write, and may be
read-only. A model of config.yaml with the same name takes its place.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncGenerator, Callable, Mapping
from dataclasses import dataclass, field
from importlib import import_module
from typing import Any, Final

import structlog

from backends.base import EngineContext
from backends.errors import BackendError, SpecError
from backends.files.store import ModelStore
from backends.pool.spec import ModelSpec
from backends.registry import load_engines
from bot.catalogue.sentence import lay_out, say
from bot.errors import Failed, Refused, UserFacingError
from bot.history.protocol import Preferences
from bot.models.entries import ModelEntry, find_entry, find_served
from bot.models.local_machine import LocalMachine, look_at_machine
from bot.models.local_servers import ollama_url
from bot.models.protocol import PullStep
from bot.models.references import Reference, display, read_reference
from bot.models.selection import ModelService
from bot.models.trial import try_model

log = structlog.get_logger(__name__)

FETCHED_MODEL: Final = "fetched_model"
"""The name under which a fetched model's entry is stored; the scope is the model's name."""
MAX_FETCHED: Final = 50
"""Models that may have been fetched in chat."""

_SHOWN_EVERY_S = 1.0
_LATE_MODULES = (
    *("backends.files.hub_listing", "backends.files.fetch_pypi", "backends.files.fetch_url"),
    *("backends.bounded_http", "bot.models.preparation"),
)
"""Imported before they are wanted, in a thread: that takes as long as many answers' words."""


@dataclass(eq=False, slots=True)
class _Pull:
    """A fetch that is under way, and how many wait for it."""

    shown: str
    step: PullStep
    task: asyncio.Task[PullStep] = field(init=False)
    watchers: int = 0
    detached: bool = False


class FetchedModels:
    """Fetches models for a running bot; `load` serves those of earlier processes.

    One model is fetched at a time, and whoever asks for the same one waits for the same fetch.
    """

    def __init__(
        self,
        models: ModelService,
        preferences: Preferences,
        store: ModelStore,
        secret: Callable[[str], str | None],
        *,
        look: Callable[..., LocalMachine] = look_at_machine,
    ) -> None:
        self._models = models
        self._preferences = preferences
        self._store = store
        self._secret = secret
        self._look = look
        self._pull: _Pull | None = None
        self._loaded: dict[str, str] = {}
        """The entries that were served, or could not be, as they are stored."""

    async def load(self) -> None:
        """Serve what was fetched earlier, or by another process; what cannot be served is left out
        and logged."""
        for name, text in (await self._preferences.of(FETCHED_MODEL)).items():
            if self._loaded.get(name) == text:
                continue
            self._loaded[name] = text
            try:
                await self._serve(name, ModelSpec.model_validate(json.loads(text)))
            except (ValueError, SpecError) as error:
                log.warning("model.fetched_left_out", model=name, reason=type(error).__name__)

    def served(self, text: str) -> str | None:
        """Return the name of the model that a reference means, None if it is not served here.

        Raises `NotFound` and `UsageError` for what is no reference that may be written in chat.
        """
        specs = self._models.specs()
        return find_served(read_reference(text, specs, in_chat=True), specs)

    async def pull(self, text: str, by: str, patience_s: float) -> AsyncGenerator[PullStep, None]:
        """Fetch a model, try it out and serve it; yields how far it is.

        After `patience_s` seconds it goes on by itself. Closed before, it is stopped unless others
        wait for it; what has come is kept, and the next call goes on from there. Raises `Refused`,
        `Failed`, `NotFound` and `UsageError`.
        """
        ends = time.monotonic() + patience_s
        specs = self._models.specs()
        reference = read_reference(text, specs, in_chat=True)
        if (known := find_served(reference, specs)) is not None:
            yield PullStep("ready", known)
            return
        pull = self._join(reference, by)
        pull.watchers += 1
        try:
            while not pull.task.done():
                if time.monotonic() >= ends:
                    pull.detached = True
                    yield PullStep("continues", pull.step.name, pull.step.done, pull.step.total)
                    return
                yield pull.step
                await asyncio.wait({pull.task}, timeout=_SHOWN_EVERY_S)
            yield pull.task.result()
        finally:
            pull.watchers -= 1
            if not pull.watchers and not pull.detached:
                await _end(pull.task)

    async def aclose(self) -> None:
        """End a fetch that is under way; what has come is kept."""
        if self._pull is not None:
            await _end(self._pull.task)

    def _join(self, reference: Reference, by: str) -> _Pull:
        shown, running = display(reference), self._pull
        if running is not None and not running.task.done():
            if running.shown != shown:
                raise Refused(
                    say(
                        "{name} is being fetched just now; ask again when it is here.",
                        name=running.shown,
                    )
                )
            return running
        pull = self._pull = _Pull(shown, PullStep("looking", shown))
        pull.task = asyncio.create_task(self._run(pull, reference, by), name="fetching")
        pull.task.add_done_callback(_log_failure)
        return pull

    async def _run(self, pull: _Pull, reference: Reference, by: str) -> PullStep:
        stored = await self._preferences.of(FETCHED_MODEL)
        if len(stored) >= MAX_FETCHED:
            raise Refused(say("So many models were fetched that no more are taken."))
        try:
            return await self._prepare(pull, reference, by)
        except BackendError as error:
            raise Failed(self._words(error)) from error
        except SpecError as error:
            raise Failed(say("{name} cannot be used here.", name=pull.shown)) from error

    async def _prepare(self, pull: _Pull, reference: Reference, by: str) -> PullStep:
        specs = self._models.specs()
        for name in _LATE_MODULES:
            await asyncio.to_thread(import_module, name)
        from bot.models.preparation import fetch_entry, settle_entry

        machine = await asyncio.to_thread(self._look, self._store.root)
        entry = await find_entry(reference, specs, machine, ollama_url=_ollama_url(specs))

        def on_progress(done: int, total: int | None) -> None:
            pull.step = PullStep("fetching", entry.name, done, total or 0)

        on_progress(0, entry.bytes)
        await fetch_entry(entry, self._store, on_progress)
        entry = await asyncio.to_thread(settle_entry, entry, self._store, machine)
        pull.step = PullStep("trying", entry.name)
        context = EngineContext(self._store, self._secret)
        trial = await try_model(entry.name, entry.spec, context)
        await self._keep(entry, by)
        log.info("model.fetched", model=entry.name, reference=entry.reference, by=by)
        return PullStep("ready", entry.name, written_per_s=trial.speed.written_per_s)

    async def _keep(self, entry: ModelEntry, by: str) -> None:
        values: Mapping[str, Any] = dict(entry.values)
        await self._serve(entry.name, entry.spec)
        self._loaded[entry.name] = json.dumps(values)
        await self._preferences.put(FETCHED_MODEL, entry.name, self._loaded[entry.name], by)

    async def _serve(self, name: str, spec: ModelSpec) -> None:
        wanted = {replica.backend for replica in spec.replicas}
        engines = await asyncio.to_thread(load_engines, wanted)
        self._models.add(name, spec, engines)

    def _words(self, error: BackendError) -> str:
        """What an engine or the store says, without folders of this machine."""
        text = str(error)
        if str(self._store.root) in text:
            return say("The models' folder has no room for it, or cannot be written.")
        return lay_out("{text}", text=text)


def _ollama_url(specs: Mapping[str, ModelSpec]) -> str:
    """Where config.yaml says that Ollama is, else where it usually is."""
    told = (
        replica.options.get("url")
        for spec in specs.values()
        for replica in spec.replicas
        if replica.backend == "ollama"
    )
    return next((str(url) for url in told if url), ollama_url())


async def _end(task: asyncio.Task[PullStep]) -> None:
    task.cancel()
    await asyncio.wait([task])


def _log_failure(task: asyncio.Task[PullStep]) -> None:
    """Say how a fetch ended, since perhaps nobody waits for it any more."""
    if task.cancelled():
        log.info("model.fetch_stopped")
    elif (error := task.exception()) is not None:
        expected = isinstance(error, UserFacingError)
        log.warning("model.fetch_failed", reason=str(error) if expected else type(error).__name__)
