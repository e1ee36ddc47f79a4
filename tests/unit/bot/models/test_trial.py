"""Trying a model out, on real engines: a tiny GGUF, and servers that speak the protocols."""

from __future__ import annotations

from pathlib import Path

import pytest

from backends.base import EngineContext
from backends.errors import BackendError, BackendProtocolError, ModelNotFound, SpecError
from backends.files.store import ModelStore
from backends.pool.spec import ModelSpec
from bot.models.trial import Speed, try_model
from tests.fakes.ggufs import tiny_bert
from tests.fakes.ollama import OllamaServer


def spec(**values: object) -> ModelSpec:
    return ModelSpec.model_validate(values)


@pytest.fixture
def context(store: ModelStore) -> EngineContext:
    return EngineContext(store, lambda name: None)


async def test_a_model_of_this_process_is_loaded_measured_and_unloaded(
    context: EngineContext, tiny_gguf: Path
) -> None:
    found = await try_model(
        "tiny", spec(backend="llama_cpp", source=f"file:{tiny_gguf}", context=2048), context
    )
    assert found.able.chat
    assert found.load_s > 0
    assert found.speed.read_per_s > 0
    assert found.speed.written_per_s > 0


async def test_a_model_of_a_server_is_tried_there(context: EngineContext) -> None:
    async with OllamaServer() as server:
        found = await try_model("t", spec(backend="ollama", url=server.url, model="tiny"), context)
        assert found.speed.written_per_s > 0
        with pytest.raises(ModelNotFound, match="has no model 'other'"):
            await try_model("o", spec(backend="ollama", url=server.url, model="other"), context)


async def test_what_does_not_chat_or_cannot_be_loaded_is_told(
    context: EngineContext, tmp_path: Path
) -> None:
    bert = tiny_bert(tmp_path / "bert.gguf")
    with pytest.raises(BackendProtocolError, match="embeds documents and cannot chat"):
        await try_model("e", spec(backend="llama_cpp", source=f"file:{bert}"), context)
    with pytest.raises(BackendError):
        await try_model("n", spec(backend="llama_cpp", source="file:nothing.gguf"), context)
    with pytest.raises(SpecError):
        await try_model("n", spec(backend="llama_cpp", source="file:a.gguf", contxt=1), context)


def test_a_speed_is_told_in_seconds_and_scaled_by_the_work() -> None:
    speed = Speed(1000.0, 50.0)
    assert speed.seconds(1000, 100) == pytest.approx(3.0)
    assert speed.scaled(10).seconds(1000, 100) == pytest.approx(30.0)
    assert Speed(0.0, 5.0).seconds(1, 1) is None
