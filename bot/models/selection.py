"""Selects the model that answers in a conversation, and describes all models."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncGenerator, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Final, Protocol

import structlog

from backends.base import Capabilities, ChatMessage, ChatRequest, Chunk, Engine, ReaderCurve
from backends.errors import BackendError
from backends.pool.pool import Pool
from backends.pool.replica import ReplicaStatus
from backends.pool.spec import ModelSpec
from bot.catalogue.sentence import join_sentences, say
from bot.config import ChannelOverrides, Config
from bot.errors import Failed
from bot.history.protocol import Preferences
from bot.models.protocol import unknown_model
from bot.types import ConversationKey, Scope
from bot.values import ModelInfo

log = structlog.get_logger(__name__)

MODEL_CHOICE: Final = "model"
"""The name under which a chosen model is stored."""

EVERYWHERE: Final = ""
"""The key of the scope `default`, as `ConversationKey.scope` gives it."""


class CapabilitiesStore(Protocol):
    """Stores what models can do, so that it is known after a restart before they are loaded."""

    async def all(self) -> dict[str, Capabilities]: ...

    async def put(self, key: str, found: Capabilities) -> None: ...


class ModelService:
    """Implements `bot.models.protocol.Models` with the pool, config.yaml and what people chose.

    Which model answers: the choice stored for the thread, for the person in the channel, for the
    channel or for its workspace; else
    what config.yaml says of the channel or the workspace; else the stored default; else
    `default_model`.
    """

    def __init__(
        self, pool: Pool, preferences: Preferences, config: Config, store: CapabilitiesStore
    ) -> None:
        self._config = config
        self._pool = pool
        self._preferences = preferences
        self._store = store
        self._keys = {name: _key(name, pool.spec(name)) for name in pool.names()}
        self._default = config.default_model
        self._capabilities: dict[str, Capabilities] | None = None
        self._reported: set[tuple[str, str]] = set()

    def names(self) -> Sequence[str]:
        able = self._capabilities or {}
        return [
            name
            for name in self._pool.names()
            if name not in self._config.search_models
            and ((found := able.get(self._keys[name])) is None or found.chat)
        ]

    async def current(
        self, conversation: ConversationKey, person: str | None = None
    ) -> tuple[str, Scope]:
        *narrow, default = conversation.scopes(person)
        stored = await self._stored(narrow)
        if stored is not None:
            return stored
        sections: tuple[tuple[Scope, Mapping[str, ChannelOverrides]], ...] = (
            ("channel", self._config.channels),
            ("workspace", self._config.workspaces),
        )
        for width, section in sections:
            place = section.get(conversation.scope(width))
            if place is not None and place.model is not None:
                return place.model, width
        stored = await self._stored([default])
        return stored or (self._default, "default")

    def specs(self) -> Mapping[str, ModelSpec]:
        """What the configuration says of each model, also of those that were added."""
        return {name: self._pool.spec(name) for name in self._pool.names()}

    def add(self, name: str, spec: ModelSpec, engines: Mapping[str, Engine]) -> None:
        """Serve one more model from now on. Raises `SpecError`."""
        self._pool.add(name, spec, engines)
        self._keys[name] = _key(name, spec)

    async def set_default(self, name: str) -> None:
        """Have a model answer where nothing else is chosen, whatever was chosen for that before."""
        await self._preferences.clear(MODEL_CHOICE, EVERYWHERE)
        self._default = name
        log.info("model.default_set", model=name)

    async def use(self, name: str, scope: Scope, conversation: ConversationKey, by: str) -> None:
        if name not in self._pool.names():
            raise unknown_model(name, self.names())
        try:
            able = await self._pool.probe(name)
        except BackendError as exc:
            log.warning("model.probe_failed", model=name, reason=str(exc))
            raise Failed(
                say("{name} cannot answer just now, so nothing was changed.", name=name)
            ) from exc
        await self._keep(name, able)
        if not able.chat:
            raise Failed(
                say("{name} embeds documents and cannot chat, so nothing was changed.", name=name)
            )
        key = conversation.scope(scope, by)
        await self._preferences.put(MODEL_CHOICE, key, name, by)
        log.info("model.chosen", model=name, scope=scope, place=key, by=by)

    async def describe(self) -> Sequence[ModelInfo]:
        """Every model, those that embed included, in config.yaml's order; loads none."""
        able = await self._stored_capabilities()
        return [
            self._info(name, self._pool.status(name), able.get(self._keys[name]))
            for name in self._pool.names()
        ]

    async def capabilities(self, model: str) -> Capabilities:
        """What the model can do; may load it. Raises `BackendError`."""
        found = await self._keep(model, await self._pool.capabilities(model))
        forced = self._pool.spec(model).agent == "force" and found.json_schema
        return replace(found, tools=True) if forced else found

    async def found_reading(
        self, model: str, *, reads: bool, curve: ReaderCurve | None = None
    ) -> None:
        able = await self._pool.capabilities(model)
        await self._keep(model, replace(able, reads=reads, reader_curve=curve))

    async def count(self, model: str, messages: Sequence[ChatMessage]) -> int:
        return await self._pool.count(model, messages)

    def chat(self, model: str, request: ChatRequest) -> AsyncGenerator[Chunk, None]:
        return self._pool.chat(model, request)

    # --- choices ----------------------------------------------------------------------------------

    async def _stored(self, scopes: Sequence[tuple[Scope, str]]) -> tuple[str, Scope] | None:
        """The narrowest stored choice that still names a model."""
        while scopes:
            found = await self._preferences.resolve(MODEL_CHOICE, scopes)
            if found is None:
                return None
            width, name = found
            if name in self._pool.names():
                return name, width
            place = [w for w, _ in scopes].index(width)
            self._report_unknown(name, scopes[place][1])
            scopes = scopes[place + 1 :]
        return None

    def _report_unknown(self, name: str, place: str) -> None:
        if (name, place) in self._reported:
            return
        if len(self._reported) >= 1000:
            self._reported.clear()
        self._reported.add((name, place))
        log.warning("model.choice_unknown", model=name, place=place)

    # --- what models can do -----------------------------------------------------------------------

    async def _stored_capabilities(self) -> dict[str, Capabilities]:
        if self._capabilities is None:
            self._capabilities = await self._store.all()
        return self._capabilities

    async def _keep(self, model: str, found: Capabilities) -> Capabilities:
        able, key = await self._stored_capabilities(), self._keys[model]
        old = able.get(key)
        if old is not None and not found.tokens_per_s:
            found = replace(found, tokens_per_s=old.tokens_per_s)
        if old is not None and found.reads is None:
            found = replace(found, reads=old.reads)
        if old is not None and found.reader_curve is None:
            found = replace(found, reader_curve=old.reader_curve)
        if old != found:
            able[key] = found
            await self._store.put(key, found)
        return found

    # --- words ------------------------------------------------------------------------------------

    def _info(
        self, name: str, statuses: Sequence[ReplicaStatus], able: Capabilities | None
    ) -> ModelInfo:
        engines = dict.fromkeys(status.backend for status in statuses)
        return ModelInfo(
            name=name,
            description=self._pool.spec(name).description,
            engine=" + ".join(engines),
            state=_state(statuses),
            detail=join_sentences(_details(statuses, able), "; "),
            replicas=tuple(map(_line, statuses)) if len(statuses) > 1 else (),
            vision=able is not None and able.vision,
        )


def _key(model: str, spec: ModelSpec) -> str:
    """Changes with the model's entry, so that another model of the name is asked anew."""
    return f"{model}:{hashlib.sha256(spec.model_dump_json().encode()).hexdigest()[:16]}"


def _state(statuses: Sequence[ReplicaStatus]) -> str:
    """The model's state: that of its best replica."""
    if all(status.state == "cooling" for status in statuses):
        return say("resting")
    if all(status.resident is False for status in statuses):
        return say("not loaded")
    if any(status.state == "ready" for status in statuses):
        return say("ready")
    return say("on trial")


def _details(statuses: Sequence[ReplicaStatus], able: Capabilities | None) -> Iterator[str]:
    if able is not None and able.context:
        yield say("context {number:,} tokens", number=able.context)
    if able is not None and able.dimension:
        yield say("embeds in {dimension} dimensions", dimension=able.dimension)
    if len(statuses) == 1:
        yield from _figures(statuses[0])
    else:
        well = sum(status.state != "cooling" for status in statuses)
        yield say("{well} of {total} replicas well", well=well, total=len(statuses))
        slots, busy = sum(s.slots for s in statuses), sum(s.busy for s in statuses)
        yield say("{busy} of {slots} slots busy", busy=busy, slots=slots)
    if queued := max((status.queued for status in statuses), default=0):
        yield say("{number} waiting", number=queued)


def _line(status: ReplicaStatus) -> str:
    """One replica: how it is, and what it has done."""
    states = {"ready": say("ready"), "cooling": say("resting"), "trial": say("on trial")}
    return say(
        "replica {number} ({engine}): {state}; {figures}",
        number=status.replica,
        engine=status.backend,
        state=states[status.state],
        figures=join_sentences(_figures(status), "; "),
    )


def _figures(status: ReplicaStatus) -> Iterator[str]:
    if status.resident is not None:
        yield say("loaded") if status.resident else say("not loaded")
    yield say("{busy} of {slots} slots busy", busy=status.busy, slots=status.slots)
    if status.tokens_per_s is not None:
        yield say("{number:.0f} tokens/s", number=status.tokens_per_s)
    if status.cache_hits is not None:
        yield say("{share:.0%} of prompts from the cache", share=status.cache_hits)
    if status.last_error:
        yield (
            say("not reached just now")
            if status.state != "ready"
            else say("well again after an error")
        )
