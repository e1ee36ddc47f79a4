"""Chooses the embedder of each knowledge base from config.yaml."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import partial

from backends.pool.pool import Pool
from bot.config import Config
from bot.knowledge.retrieval.embedder import Embedder, EmbedderFactory, create_embedder

_DEFAULT_BASE = "default"


def embedder_name(config: Config, base: str) -> str:
    """Returns the name of the model that embeds for a knowledge base."""
    settings = config.knowledge.bases.get(base)
    return (settings.embedder if settings is not None else None) or config.embedder


def create_embedders(config: Config, pool: Pool) -> EmbedderFactory:
    """Returns a factory of embedders by base; a model that serves several bases is opened once."""
    opened: dict[str, Embedder] = {}

    async def give(base: str) -> Embedder:
        name = embedder_name(config, base)
        if name not in opened:
            spec = pool.spec(name)
            opened[name] = await create_embedder(
                pool.backend(name),
                partial(pool.embed, name),
                names=(*spec.engine_model_names, name),
                query_prefix=spec.query_prefix,
                passage_prefix=spec.passage_prefix,
            )
        return opened[name]

    return give


def loaded_embedder(
    config: Config, pool: Pool, give: EmbedderFactory
) -> Callable[[], Awaitable[Embedder | None]]:
    """Returns a function that gives the default base's embedder where its model is loaded now."""

    async def find() -> Embedder | None:
        health = await pool.health(embedder_name(config, _DEFAULT_BASE))
        return await give(_DEFAULT_BASE) if health.ok and health.resident else None

    return find
