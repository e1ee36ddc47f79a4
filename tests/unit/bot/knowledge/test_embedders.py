"""What config.yaml says of an embedder reaches the server that runs it."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import yaml

from backends.pool.pool import Pool
from backends.registry import ENGINE_MODULES, load_engines
from bot.app import open_app
from bot.config import Config
from bot.doctor import run_checks
from bot.installation import Installation
from bot.knowledge.embedders import create_embedders
from tests.fakes.contexts import bare_context
from tests.fakes.ollama import OllamaServer

ENGINES = load_engines(ENGINE_MODULES)


async def asked(server: OllamaServer, **keys: Any) -> tuple[str, list[str], list[str]]:
    """The embedder's id, and what the server is sent for a question and for a passage."""
    server.models["nomic-embed-text:latest"] = ["embedding"]
    model = {"backend": "ollama", "url": server.url, "model": "nomic-embed-text", **keys}
    config = Config.model_validate(
        {"models": {"team": model}, "default_model": "team", "embedder": "team"}
    )
    pool = Pool(config.models, ENGINES, bare_context(), config.pool_limits)
    try:
        give = create_embedders(config, pool)
        embedder = await give("default")
        assert await give("another") is embedder  # opened and measured once
        await embedder.embed_query(["how?"])
        await embedder.embed(["so."])
    finally:
        await pool.aclose()
    question, passage = (body["input"] for body in server.bodies("/api/embed")[-2:])
    return embedder.id, question, passage


async def test_a_model_that_is_known_by_its_name_at_the_server_gets_its_prefixes() -> None:
    async with OllamaServer() as server:
        ident, question, passage = await asked(server)
    assert (question, passage) == (["search_query: how?"], ["search_document: so."])
    assert ident == "nomic-embed-text with 'search_document: '"


async def test_doctor_said_nothing_of_what_stands_before_a_text(tmp_path: Path) -> None:
    async with OllamaServer() as server:
        server.models["nomic-embed-text:latest"] = ["embedding"]
        nomic = {"backend": "ollama", "url": server.url, "model": "nomic-embed-text"}
        said = {
            "models": {"plain": {"backend": "scripted"}, "nomic": nomic},
            "default_model": "plain",
            "embedder": "plain",
            "knowledge": {"bases": {"wiki": {"embedder": "nomic", "default": True}}},
        }
        path = tmp_path / "config.yaml"
        path.write_text(yaml.safe_dump(said))
        here = await asyncio.to_thread(Installation.read, path)
        async with open_app(here) as app:
            rows = {row["what"]: str(row["detail"]) for row in await run_checks(app)}
    assert rows["model nomic"].endswith(
        ", 'search_query: ' before questions, 'search_document: ' before passages"
    )
    assert "before" not in rows["model plain"]


async def test_config_yaml_can_say_otherwise() -> None:
    async with OllamaServer() as server:
        ident, question, passage = await asked(server, query_prefix="Q: ", passage_prefix="")
    assert (question, passage) == (["Q: how?"], ["so."])
    assert ident == "nomic-embed-text"
