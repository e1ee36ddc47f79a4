"""Which model answers where: choices, config.yaml, restarts, and models that cannot answer."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import aclosing, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import structlog

from backends.base import Capabilities, ChatMessage, ChatRequest, Engine, EngineContext
from backends.errors import BackendError
from backends.pool.pool import Pool
from backends.scripted.backend import ENGINE, ScriptedBackend
from bot.config import Config
from bot.errors import Failed, NotFound
from bot.models.capabilities_store import SqlCapabilitiesStore
from bot.models.selection import ModelService
from bot.settings.choices_store import SqlPreferences
from bot.storage.database import Database
from bot.types import SCOPES, ConversationKey, Scope
from tests.until import until

HERE = ConversationKey("slack", "T1", "C1", thread="9.1")
ELSEWHERE = ConversationKey("slack", "T2", "C9")

MODELS: dict[str, Any] = {
    "default": {"backend": "scripted", "description": "small and quick", "context": 2048},
    "team": {"backend": "scripted"},
    "big": {"backend": "scripted"},
    "broken": {"backend": "scripted", "down": "unavailable"},
    "gone": {"backend": "scripted", "down": "not_found"},
    "twins": {"replicas": [{"backend": "scripted"}, {"backend": "scripted", "down": "timeout"}]},
    "minilm": {"backend": "scripted", "dimension": 8},
}


def config(models: Mapping[str, Any] = MODELS, **more: Any) -> Config:
    return Config.model_validate({"models": dict(models), **more})


class _NoFiles:
    def path(self, source: str, sha256: str | None = None) -> Path:
        raise BackendError(f"no file is needed here, and {source} was asked for")


class EmbedOnly(ScriptedBackend):
    """An engine whose models cannot chat."""

    async def capabilities(self) -> Capabilities:
        return Capabilities(chat=False, embed=True, dimension=8)


EMBEDDING = Engine("embedding", ENGINE.options, lambda name, _, context: EmbedOnly(name))


@asynccontextmanager
async def serving(folder: Path, settings: Config) -> AsyncIterator[ModelService]:
    database = await Database.open(folder / "parlance.db")
    pool = Pool(
        settings.models,
        {"scripted": ENGINE, "embedding": EMBEDDING},
        EngineContext(_NoFiles(), lambda _: None),
        settings.pool_limits,
    )
    try:
        yield ModelService(pool, SqlPreferences(database), settings, SqlCapabilitiesStore(database))
    finally:
        await pool.aclose()
        await database.close()


@pytest.fixture
async def models(tmp_path: Path) -> AsyncIterator[ModelService]:
    async with serving(tmp_path, config()) as service:
        yield service


class TestNames:
    async def test_are_in_the_order_of_the_file_without_the_embedder(
        self, models: ModelService
    ) -> None:
        assert list(models.names()) == ["default", "team", "big", "broken", "gone", "twins"]


class TestCurrent:
    async def test_the_default(self, models: ModelService) -> None:
        assert await models.current(HERE) == ("default", "default")

    async def test_the_narrowest_choice_counts(self, models: ModelService) -> None:
        order: list[tuple[Scope, str]] = [
            ("default", "team"),
            ("workspace", "big"),
            ("channel", "default"),
            ("conversation", "team"),
        ]
        for scope, name in order:
            await models.use(name, scope, HERE, "slack:ada")
            assert await models.current(HERE) == (name, scope)
        assert await models.current(ELSEWHERE) == ("team", "default")
        beside = ConversationKey("slack", "T1", "C1", thread="9.2")
        assert await models.current(beside) == ("default", "channel")

    async def test_config_comes_between_a_places_choice_and_the_stored_default(
        self, tmp_path: Path
    ) -> None:
        settings = config(
            channels={"slack:T1:C1": {"model": "team"}},
            workspaces={"slack:T1": {"model": "big"}, "slack:T2": {"persona": "x"}},
        )
        beside = ConversationKey("slack", "T1", "C2")
        async with serving(tmp_path, settings) as models:
            await models.use("twins", "default", HERE, "slack:ada")
            assert await models.current(HERE) == ("team", "channel")
            assert await models.current(beside) == ("big", "workspace")
            assert await models.current(ELSEWHERE) == ("twins", "default")
            await models.use("default", "workspace", HERE, "slack:ada")
            assert await models.current(HERE) == ("default", "workspace")

    async def test_choices_survive_a_restart(self, tmp_path: Path) -> None:
        for expected in ("default", "team"):
            async with serving(tmp_path, config()) as models:
                assert (await models.current(HERE))[0] == expected
                await models.use("team", "channel", HERE, "slack:ada")

    async def test_a_choice_of_a_model_that_is_gone_is_skipped_and_said_once(
        self, tmp_path: Path
    ) -> None:
        async with serving(tmp_path, config()) as models:
            await models.use("team", "conversation", HERE, "slack:ada")
            await models.use("team", "channel", HERE, "slack:ada")
            await models.use("big", "workspace", HERE, "slack:ada")
            await models.use("team", "default", HERE, "slack:ada")
        fewer = {name: entry for name, entry in MODELS.items() if name != "team"}
        with structlog.testing.capture_logs() as logs:
            async with serving(tmp_path, config(fewer)) as models:
                for _ in range(3):
                    assert await models.current(HERE) == ("big", "workspace")
                    assert await models.current(ELSEWHERE) == ("default", "default")
        said = [(line["model"], line["place"]) for line in logs if line["log_level"] == "warning"]
        assert said == [("team", str(HERE)), ("team", "slack:T1:C1"), ("team", "")]


class TestUse:
    @pytest.mark.parametrize("scope", SCOPES)
    @pytest.mark.parametrize(
        ("name", "error", "says"),
        [
            ("taem", NotFound, "There is no model named 'taem'. Did you mean team?"),
            ("x" * 200, NotFound, "There is no model named"),
            ("broken", Failed, "broken cannot answer just now, so nothing was changed."),
            ("gone", Failed, "gone cannot answer just now, so nothing was changed."),
        ],
    )
    async def test_a_model_that_cannot_answer_is_refused_and_the_old_one_stays(
        self, models: ModelService, scope: Scope, name: str, error: type[Exception], says: str
    ) -> None:
        await models.use("big", scope, HERE, "slack:ada")
        with pytest.raises(error) as refused:
            await models.use(name, scope, HERE, "slack:ada")
        assert says in str(refused.value)
        assert len(str(refused.value)) < 200
        assert await models.current(HERE) == ("big", scope)

    async def test_an_embedder_cannot_be_chosen_and_is_no_longer_offered(
        self, tmp_path: Path
    ) -> None:
        settings = config({**MODELS, "vectors": {"backend": "embedding"}})
        async with serving(tmp_path, settings) as models:
            assert "vectors" in models.names()
            with pytest.raises(Failed, match="vectors embeds documents and cannot chat"):
                await models.use("vectors", "default", HERE, "slack:ada")
            assert await models.current(HERE) == ("default", "default")
            assert "vectors" not in models.names()
        async with serving(tmp_path, settings) as models:
            found = {info.name: info.detail for info in await models.describe()}
            assert "embeds in 8 dimensions" in found["vectors"]
            assert "vectors" not in models.names()

    async def test_it_takes_effect_at_once(self, models: ModelService) -> None:
        await models.use("team", "conversation", HERE, "slack:ada")
        assert await models.current(HERE) == ("team", "conversation")


class TestAsk:
    async def test_chat_count_and_capabilities_go_to_the_pool(self, models: ModelService) -> None:
        messages = (ChatMessage("user", "good morning"),)
        async with aclosing(models.chat("default", ChatRequest(messages))) as chunks:
            text = "".join([chunk.text async for chunk in chunks])
        assert text == "You said: good morning"
        assert await models.count("default", messages) > 0
        assert (await models.capabilities("default")).context == 2048
        with pytest.raises(BackendError):
            async with aclosing(models.chat("broken", ChatRequest(messages))) as chunks:
                [chunk async for chunk in chunks]


class TestDescribe:
    async def test_every_model_with_engine_state_and_detail(self, models: ModelService) -> None:
        await models.use("default", "default", HERE, "slack:ada")
        with pytest.raises(Failed):
            await models.use("broken", "default", HERE, "slack:ada")
        found = {info.name: info for info in await models.describe()}
        assert list(found) == list(MODELS)
        default = found["default"]
        assert (default.description, default.engine) == ("small and quick", "scripted")
        assert default.state == "ready"
        assert "context 2,048 tokens" in default.detail
        assert "slots busy" in default.detail
        assert "loaded; 0 of 1000 slots busy" in default.detail
        assert default.replicas == ()

    async def test_a_replica_that_is_down_is_told_before_anybody_was_sent_to_it(
        self, models: ModelService
    ) -> None:
        await models.use("default", "default", HERE, "slack:ada")
        told = await until(  # health is asked in the background
            models.describe,
            fits=lambda told: any("1 of 2 replicas well" in info.detail for info in told),
        )
        (twins,) = [info for info in told if info.name == "twins"]
        assert [line.split(";")[0] for line in twins.replicas] == [
            "replica 0 (scripted): ready",
            "replica 1 (scripted): resting",
        ]

    async def test_a_replica_that_failed_is_told_with_its_error(self, models: ModelService) -> None:
        await models.use("twins", "default", HERE, "slack:ada")
        (twins,) = [info for info in await models.describe() if info.name == "twins"]
        with pytest.raises(Failed):
            await models.use("broken", "default", HERE, "slack:ada")
        (broken,) = [info for info in await models.describe() if info.name == "broken"]
        assert broken.state == "resting"
        assert "not reached just now" in broken.detail
        assert "scripted engine" not in broken.detail, "the engine's own words are for the log"
        assert "tokens/s" in twins.replicas[0]
        assert "of prompts from the cache" in twins.replicas[0]

    async def test_what_was_found_is_known_after_a_restart_until_the_entry_changes(
        self, tmp_path: Path
    ) -> None:
        async with serving(tmp_path, config()) as models:
            await models.capabilities("default")
        async with serving(tmp_path, config()) as models:
            (info,) = [i for i in await models.describe() if i.name == "default"]
            assert "context 2,048 tokens" in info.detail
        changed = {**MODELS, "default": {"backend": "scripted", "context": 4096}}
        async with serving(tmp_path, config(changed)) as models:
            (info,) = [i for i in await models.describe() if i.name == "default"]
            assert "context" not in info.detail
