"""Metrics: what is counted, and how it is read over HTTP."""

from __future__ import annotations

import asyncio
import time
from contextlib import aclosing

import pytest
from prometheus_client.parser import text_string_to_metric_families

from backends.base import ChatMessage, ChatRequest, EngineContext, ModelFiles
from backends.errors import BackendError, BackendTimeout
from backends.pool.pool import Pool
from backends.pool.spec import ModelSpec, PoolLimits
from backends.scripted.backend import ENGINE
from bot.observability.metrics import Metrics

Samples = dict[tuple[str, tuple[tuple[str, str], ...]], float]


async def read(metrics: Metrics) -> Samples:
    return parsed((await metrics.text()).decode())


def parsed(text: str) -> Samples:
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


async def test_turns_are_counted_by_kind_and_state() -> None:
    metrics = Metrics()
    for kind, state, seconds in (("ask", "complete", 0.2), ("ask", "failed", 3), ("rap", "x", 1)):
        metrics.turn_started(kind)
        metrics.turn_ended(kind, state, seconds)
    metrics.turn_started("ask")
    metrics.first_text(0.07)
    found = await read(metrics)
    ask = ("kind", "ask")
    assert found["parlance_turns_total", (ask, ("state", "complete"))] == 1
    assert found["parlance_turns_total", (ask, ("state", "failed"))] == 1
    assert found["parlance_turns_open", (ask,)] == 1
    assert found["parlance_turns_open", (("kind", "rap"),)] == 0
    assert found["parlance_turn_seconds_count", (ask,)] == 2
    assert found["parlance_turn_seconds_sum", (ask,)] == pytest.approx(3.2)
    assert found["parlance_turn_seconds_bucket", (ask, ("le", "0.25"))] == 1
    assert found["parlance_first_text_seconds_bucket", (("le", "0.1"),)] == 1
    assert found["parlance_first_text_seconds_bucket", (("le", "0.05"),)] == 0


async def test_two_apps_do_not_share_their_counts() -> None:
    one, other = Metrics(), Metrics()
    one.first_text(1)
    assert (await read(one))["parlance_first_text_seconds_count", ()] == 1
    assert (await read(other))["parlance_first_text_seconds_count", ()] == 0


async def test_a_blocked_loop_is_seen() -> None:
    metrics = Metrics()
    watching = asyncio.create_task(metrics.watch_loop(0.01))
    await asyncio.sleep(0.02)
    time.sleep(0.12)  # noqa: ASYNC251 - this is what is measured
    await asyncio.sleep(0.02)
    watching.cancel()
    with pytest.raises(asyncio.CancelledError):
        await watching
    found = await read(metrics)
    total = found["parlance_event_loop_lag_seconds_count", ()]
    assert total - found["parlance_event_loop_lag_seconds_bucket", (("le", "0.05"),)] >= 1


class TestPool:
    async def test_replicas_are_shown_as_they_are_now(self, no_files: ModelFiles) -> None:
        entry = {"backend": "scripted", "replies": ["one two"]}
        models = {
            "tiny": ModelSpec.model_validate(entry),
            "twin": ModelSpec.model_validate(
                {"replicas": [{"backend": "scripted"}, {"backend": "scripted"}]}
            ),
        }
        pool = Pool(models, {"scripted": ENGINE}, EngineContext(no_files, lambda _: None))
        metrics = Metrics()
        metrics.watch_pool(pool.status)
        request = ChatRequest((ChatMessage("user", "a b c"),))
        try:
            before = await read(metrics)
            async with aclosing(pool.chat("tiny", request)) as chunks:
                [chunk async for chunk in chunks]
            after = await read(metrics)
        finally:
            await pool.aclose()
        tiny = (("engine", "scripted"), ("model", "tiny"), ("replica", "0"))
        assert before["parlance_replica_answered_total", tiny] == 0
        assert after["parlance_replica_answered_total", tiny] == 1
        assert after["parlance_replica_completion_tokens_total", tiny] == 2
        assert after["parlance_replica_prompt_tokens_total", tiny] > 0
        assert after["parlance_replica_up", tiny] == 1
        assert after["parlance_replica_slots_busy", tiny] == 0
        assert after["parlance_model_queue", (("model", "twin"),)] == 0
        replicas = {
            dict(labels)["replica"]
            for name, labels in after
            if name == "parlance_replica_slots" and dict(labels)["model"] == "twin"
        }
        assert replicas == {"0", "1"}

    async def test_a_replica_that_failed_says_its_state_and_its_error(
        self, no_files: ModelFiles
    ) -> None:
        models = {"m": ModelSpec.model_validate({"backend": "scripted", "down": "timeout"})}
        limits = PoolLimits(first_pause_s=60)
        pool = Pool(models, {"scripted": ENGINE}, EngineContext(no_files, lambda _: None), limits)
        metrics = Metrics()
        metrics.watch_pool(pool.status)
        try:
            with pytest.raises(BackendTimeout):
                async with aclosing(pool.chat("m", ChatRequest((ChatMessage("user", "a"),)))) as cs:
                    [chunk async for chunk in cs]
            found = await read(metrics)
        finally:
            await pool.aclose()
        labels = (("engine", "scripted"), ("model", "m"), ("replica", "0"))
        states = {
            state: found["parlance_replica_state", (*labels, ("state", state))]
            for state in ("ready", "cooling", "trial")
        }
        assert states == {"ready": 0, "cooling": 1, "trial": 0}
        error = ("error", "The scripted engine kept silent for too long.")
        assert found["parlance_replica_last_error", tuple(sorted((error, *labels)))] == 1
        assert found["parlance_replica_failed_total", labels] == 1


class _NoFiles:
    def path(self, source: str, sha256: str | None = None) -> object:
        raise BackendError(f"no file is needed here, and {source} was asked for")


@pytest.fixture
def no_files() -> ModelFiles:
    return _NoFiles()  # type: ignore[return-value]
