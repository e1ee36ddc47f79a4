"""Replicas that misbehave at the wire: another one answers, or a person is told what was wrong."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager
from pathlib import Path
from typing import Any, Literal

import pytest

from backends.base import ChatMessage, ChatRequest, Sampling
from backends.errors import BackendError, BackendUnavailable
from backends.pool.pool import Pool
from backends.pool.spec import ModelSpec, PoolLimits
from backends.registry import load_engines
from bot.config import Config
from bot.errors import Failed
from bot.models.capabilities_store import SqlCapabilitiesStore
from bot.models.selection import ModelService
from bot.settings.choices_store import SqlPreferences
from bot.storage.database import Database
from bot.types import SCOPES, ConversationKey
from tests.fakes.contexts import bare_context
from tests.fakes.ollama import OllamaServer
from tests.fakes.openai import OpenAIServer
from tests.fakes.speech import Fault, SpeechServer
from tests.until import PATIENCE_S

ENGINES = load_engines(["ollama", "openai_compatible"])
LIMITS = PoolLimits(first_pause_s=0.05, longest_pause_s=0.1)
HERE = ConversationKey("slack", "T1", "C1", thread="9.1")
Engine = Literal["ollama", "openai"]

BEFORE_A_WORD = {
    "500": Fault(500, {"error": "out of memory"}),
    "503": Fault(503, {"error": "loading"}),
    "404": Fault(404, {"error": "model 'tiny' not found"}),
    "401": Fault(401, {"error": "unauthorized"}),
    "garbage": Fault(how="garbage"),
    "silence": Fault(how="stall"),
    "a cut connection": Fault(how="drop"),
    "an early end": Fault(how="end"),
}
WITHIN_AN_ANSWER = {
    "garbage": Fault(how="garbage", after=4),
    "silence": Fault(how="stall", after=4),
    "a cut connection": Fault(how="drop", after=4),
    "an early end": Fault(how="end", after=4),
}


@asynccontextmanager
async def servers() -> AsyncIterator[dict[Engine, SpeechServer]]:
    async with OllamaServer() as ollama, OpenAIServer() as openai:
        yield {"ollama": ollama, "openai": openai}


def entry(engine: Engine, url: str, fault: str = "") -> dict[str, Any]:
    """A model of a server; one that is to fall silent is not waited for as long."""
    patience_s = 1.0 if fault == "silence" else PATIENCE_S
    patience = {"first_byte_s": patience_s, "silence_s": patience_s}
    if engine == "ollama":
        return {"backend": "ollama", "url": url, "model": "tiny", **patience}
    return {"backend": "openai_compatible", "url": f"{url}/v1", "model": "tiny", **patience}


@asynccontextmanager
async def pool_of(*replicas: dict[str, Any]) -> AsyncIterator[Pool]:
    spec = ModelSpec.model_validate({"replicas": list(replicas)})
    pool = Pool({"team": spec}, ENGINES, bare_context(), LIMITS)
    try:
        yield pool
    finally:
        await pool.aclose()


async def ask(pool: Pool) -> str:
    request = ChatRequest((ChatMessage("user", "hello"),), Sampling(max_tokens=8))
    said = []
    async with aclosing(pool.chat("team", request)) as chunks:
        async for chunk in chunks:
            said.append(chunk.text)
    return "".join(said)


@pytest.mark.parametrize("first", ["ollama", "openai"])
@pytest.mark.parametrize("fault", BEFORE_A_WORD)
async def test_a_replica_that_fails_before_a_word_is_replaced_by_the_other(
    first: Engine, fault: str
) -> None:
    async with servers() as there:
        second: Engine = "openai" if first == "ollama" else "ollama"
        # The models are probed first, so that a fault hits the question and no look at the server.
        both = entry(first, there[first].url, fault), entry(second, there[second].url)
        async with pool_of(*both) as pool:
            await pool.capabilities("team")
            there[first].faults.append(BEFORE_A_WORD[fault])
            assert await ask(pool) == "On night 1 the keeper of the light"
            failed, well = pool.status("team")
            assert (failed.failed, well.answered) == (1, 1)
            assert failed.last_error
            assert "\n" not in failed.last_error
            assert failed.state in ("cooling", "trial")


@pytest.mark.parametrize("engine", ["ollama", "openai"])
@pytest.mark.parametrize("fault", WITHIN_AN_ANSWER)
async def test_a_replica_that_fails_within_an_answer_is_an_honest_error(
    engine: Engine, fault: str
) -> None:
    async with servers() as there:
        others = entry("ollama" if engine == "openai" else "openai", there["ollama"].url)
        async with pool_of(entry(engine, there[engine].url, fault), others) as pool:
            there[engine].faults.append(WITHIN_AN_ANSWER[fault])
            with pytest.raises(BackendError) as caught:
                await ask(pool)
            assert "\n" not in str(caught.value)
            first, second = pool.status("team")
            assert (first.failed, second.answered) == (1, 0)  # what was shown is not said twice
            assert first.busy == 0


@pytest.mark.parametrize("engine", ["ollama", "openai"])
@pytest.mark.parametrize("fault", BEFORE_A_WORD)
async def test_a_sole_replica_that_failed_says_why_and_answers_again_after_its_rest(
    engine: Engine, fault: str
) -> None:
    async with servers() as there, pool_of(entry(engine, there[engine].url, fault)) as pool:
        await pool.capabilities("team")
        there[engine].faults.append(BEFORE_A_WORD[fault])
        with pytest.raises(BackendError) as caught:
            await ask(pool)
        assert there[engine].url in str(caught.value)
        assert "\n" not in str(caught.value)
        assert await ask(pool)  # it waits for the end of the rest
        assert pool.status("team")[0].state == "ready"


async def test_an_unreachable_replica_is_named_with_its_address_and_replaced() -> None:
    async with servers() as there:
        gone = entry("ollama", "http://127.0.0.1:9")
        async with pool_of(gone) as pool:
            with pytest.raises(BackendUnavailable, match=r"127\.0\.0\.1:9 cannot be reached"):
                await ask(pool)
        async with pool_of(gone, entry("openai", there["openai"].url)) as pool:
            assert await ask(pool)


# --- switching to a model that does not do --------------------------------------------------------


@pytest.mark.parametrize("scope", SCOPES)
async def test_a_switch_to_a_server_that_does_not_answer_is_refused_and_the_old_one_stays(
    tmp_path: Path, scope: Any
) -> None:
    async with OllamaServer() as server:
        models: dict[str, Any] = {
            "good": entry("ollama", server.url),
            "gone": entry("ollama", "http://127.0.0.1:9"),
            "missing": {**entry("ollama", server.url), "model": "no-such"},
            "failing": entry("ollama", server.url),
            "embedder": {**entry("ollama", server.url), "model": "minilm"},
        }
        config = Config.model_validate(
            {"models": models, "default_model": "good", "embedder": "embedder"}
        )
        database = await Database.open(tmp_path / "parlance.db")
        pool = Pool(config.models, ENGINES, bare_context(), config.pool_limits)
        service = ModelService(
            pool, SqlPreferences(database), config, SqlCapabilitiesStore(database)
        )
        try:
            await service.use("good", scope, HERE, "slack:ada")
            for name, says in (
                ("gone", "cannot answer just now, so nothing was changed"),
                ("missing", "cannot answer just now, so nothing was changed"),
                ("failing", "cannot answer just now, so nothing was changed"),
                ("embedder", "embeds documents and cannot chat"),
            ):
                if name == "failing":
                    server.models["tiny:latest"] = ["completion"]
                    server.faults.extend([Fault(500, {"error": "out of memory"})] * 2)
                with pytest.raises(Failed, match=says) as refused:
                    await service.use(name, scope, HERE, "slack:ada")
                assert "nothing was changed" in str(refused.value)
                server.faults.clear()
                assert await service.current(HERE) == ("good", scope)
        finally:
            await pool.aclose()
            await database.close()


async def test_an_answer_in_flight_is_finished_by_the_model_that_began_it(tmp_path: Path) -> None:
    async with OllamaServer() as server:
        server.pause_s = 0.01
        models = {name: entry("ollama", server.url) for name in ("old", "new")}
        config = Config.model_validate(
            {"models": models, "default_model": "old", "embedder": "old"}
        )
        database = await Database.open(tmp_path / "parlance.db")
        pool = Pool(config.models, ENGINES, bare_context(), config.pool_limits)
        service = ModelService(
            pool, SqlPreferences(database), config, SqlCapabilitiesStore(database)
        )
        try:
            request = ChatRequest((ChatMessage("user", "hello"),), Sampling(max_tokens=12))
            said: list[str] = []
            async with aclosing(service.chat("old", request)) as chunks:
                async for chunk in chunks:
                    said.append(chunk.text)
                    if len(said) == 3:
                        await service.use("new", "channel", HERE, "slack:ada")
            assert "".join(said) == "On night 1 the keeper of the light counted 3 ships and"
            assert await service.current(HERE) == ("new", "channel")
        finally:
            await pool.aclose()
            await database.close()
