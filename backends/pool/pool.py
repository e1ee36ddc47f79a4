"""The pool of all configured models, by name.

    pool = Pool(config.models, engines, EngineContext(store, secrets.get), config.pool)
    async with aclosing(pool.chat("team", request)) as chunks: ...

Only the pool retries; the clients of engines do not. A request moves to another replica only as
long as none of its answer has been shown.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
from collections.abc import AsyncGenerator, Mapping, Sequence

from backends.base import (
    Backend,
    Capabilities,
    ChatMessage,
    ChatRequest,
    Chunk,
    Embeddings,
    Engine,
    EngineContext,
    Health,
)
from backends.errors import BackendError, ModelNotFound, SpecError
from backends.pool.health_watch import HealthWatch
from backends.pool.model import ServedModel
from backends.pool.replica import Replica, ReplicaStatus
from backends.pool.sharing import Sharing
from backends.pool.spec import ModelSpec, PoolLimits, ResolvedReplica, suggest_similar

__all__ = ["Pool", "PoolLimits", "ReplicaStatus"]

_log = logging.getLogger(__name__)


class Pool:
    """Every configured model, chat and embedding alike, each with its replicas and its queue.

    Creating one opens nothing. Raises `SpecError`, with every problem and its path, if a model
    names an unknown engine or has options that its engine rejects.
    """

    def __init__(
        self,
        models: Mapping[str, ModelSpec],
        engines: Mapping[str, Engine],
        context: EngineContext,
        limits: PoolLimits | None = None,
    ) -> None:
        self._limits = limits or PoolLimits()
        self._context = context
        resolved = resolve_models(models, engines)
        self.sharing = Sharing()
        """For the exchange with other processes that use the same servers, if there is one."""
        self._watch = HealthWatch(self._limits.health_interval_s)
        self._models = {
            name: self._serve(name, models[name], replicas) for name, replicas in resolved.items()
        }
        self._engines = {one.engine.name: one.engine for all_ in resolved.values() for one in all_}

    def add(self, name: str, spec: ModelSpec, engines: Mapping[str, Engine]) -> None:
        """Serve one more model, of which nothing is opened before it is used.

        Raises `SpecError`, also where there is a model of that name.
        """
        if name in self._models:
            raise SpecError([f"models.{name}: there is a model of that name"])
        resolved = resolve_models({name: spec}, {**engines, **self._engines})
        self._models[name] = self._serve(name, spec, resolved[name])
        self._engines |= {one.engine.name: one.engine for one in resolved[name]}

    def names(self) -> tuple[str, ...]:
        """The models, in the order of the configuration."""
        return tuple(self._models)

    def spec(self, model: str) -> ModelSpec:
        """Return the configuration of a model. Raises `ModelNotFound`."""
        return self._served(model).spec

    def backend(self, model: str) -> Backend:
        """Return the engine of a model's first replica, for its identity and its tokenizer.

        Direct calls to it bypass the queue. Raises `ModelNotFound`.
        """
        return self._served(model).replicas[0].backend

    def chat(self, model: str, request: ChatRequest) -> AsyncGenerator[Chunk, None]:
        """Stream an answer, preceded by the place in the queue if the request has to wait.

        The last chunk has `usage`, whose `queue_s` is the time spent here. Closing the generator
        gives the slot or the place back at once. Raises a `BackendError`.
        """
        return self._served(model).chat(request)

    async def embed(self, model: str, texts: Sequence[str]) -> Embeddings:
        """Embed texts as unit vectors, float32, shape (len(texts), dim).

        Raises a `BackendError`.
        """
        return await self._served(model).embed(texts)

    async def count(self, model: str, messages: Sequence[ChatMessage]) -> int:
        """Count the tokens that the messages take as a prompt of this model."""
        return await self._served(model).count(messages)

    async def capabilities(self, model: str) -> Capabilities:
        """Return what all of the model's replicas can do; may load it.

        Each replica is asked once.
        """
        return await self._served(model).capabilities()

    async def health(self, model: str) -> Health:
        """Return whether one of the model's replicas can answer now; loads nothing."""
        return await self._served(model).health()

    async def replica_health(self, model: str) -> tuple[Health, ...]:
        """Return the health of each of the model's replicas, in order; loads nothing."""
        replicas = self._served(model).replicas
        return tuple(await asyncio.gather(*(one.backend.health() for one in replicas)))

    async def probe(self, model: str) -> Capabilities:
        """Check that a model answers, before anybody is switched to it.

        Loads it if need be and generates one token (or embeds one word). Raises the `BackendError`
        that says why it cannot.
        """
        return await self._served(model).probe()

    def status(self, model: str | None = None) -> tuple[ReplicaStatus, ...]:
        """Return the present state of every replica of every model, or of one model."""
        served = self._models.values() if model is None else (self._served(model),)
        return tuple(status for each in served for status in each.status())

    async def aclose(self, *, engines: bool = True) -> None:
        """Turn away waiting requests; end every answer, engine and child. Safe to call twice.

        Without `engines` those go on, for another pool that uses them.
        """
        self.sharing.close()
        await self._watch.aclose()
        await asyncio.gather(*(served.aclose() for served in self._models.values()))
        if not engines:
            return
        closing = [engine.close() for engine in self._engines.values() if engine.close is not None]
        for error in await asyncio.gather(*closing, return_exceptions=True):
            if isinstance(error, Exception):
                _log.error("pool.engine_close_failed", exc_info=error)

    def _serve(
        self, name: str, spec: ModelSpec, replicas: Sequence[ResolvedReplica]
    ) -> ServedModel:
        several = len(replicas) > 1
        created = [
            self._create_replica(name, at, one, several=several) for at, one in enumerate(replicas)
        ]
        return ServedModel(name, spec, created, self._limits, self._watch, self.sharing)

    def _create_replica(
        self, model: str, index: int, one: ResolvedReplica, *, several: bool
    ) -> Replica:
        server = one.options.server()
        # Its name goes to other processes and into their database: short, and without an address.
        name = server and hashlib.blake2b(server.encode(), digest_size=12).hexdigest()
        return Replica(
            _create_backend(f"{model}[{index}]" if several else model, one, self._context),
            one.engine.name,
            index,
            self._limits.first_pause_s,
            self._limits.longest_pause_s,
            parallel=getattr(one.options, "parallel", None) or 1,
            family_sampling=one.engine.family_sampling,
            server=self.sharing.server(name) if name else None,
            identity=name or "",
        )

    def _served(self, model: str) -> ServedModel:
        served = self._models.get(model)
        if served is None:
            hint = suggest_similar(model, self._models)
            known = "" if hint else f"; there are {', '.join(self._models) or 'none'}"
            raise ModelNotFound(f"There is no model {model!r}{hint or known}{'' if hint else '.'}")
        return served


def resolve_models(
    models: Mapping[str, ModelSpec], engines: Mapping[str, Engine]
) -> dict[str, tuple[ResolvedReplica, ...]]:
    """Resolve every model's engines and validated options, without creating anything.

    Raises `SpecError` with the problems of all models.
    """
    resolved: dict[str, tuple[ResolvedReplica, ...]] = {}
    problems: list[str] = []
    for name, spec in models.items():
        try:
            resolved[name] = spec.resolve(engines, f"models.{name}")
        except SpecError as error:
            problems += error.problems
    if problems:
        raise SpecError(problems)
    return resolved


def _create_backend(name: str, one: ResolvedReplica, context: EngineContext) -> Backend:
    try:
        backend = one.engine.create(name, one.options, context)
        if one.isolated:
            from backends.worker.backend import WorkerBackend, create_worker  # seldom wanted

            if not isinstance(backend, WorkerBackend):
                backend = create_worker(one.engine, name, one.options, context)
    except (BackendError, ValueError) as error:
        raise SpecError([f"models.{name}: {error}"]) from error
    return backend
