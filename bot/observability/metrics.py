"""Prometheus metrics: what is counted of turns, and how the models do.

One `Metrics` for one App, with a registry of its own. `bot.ports` offers them at `/metrics`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Sequence
from typing import Final, TypeAlias, get_args

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    ProcessCollector,
    generate_latest,
)
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from backends.pool.replica import ReplicaState, ReplicaStatus

PREFIX: Final = "parlance"

_DURATION_BUCKETS_S: Final = (0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20, 40, 80, 160, 320, 640)
_LAG_BUCKETS_S: Final = (0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 5)

Statuses: TypeAlias = Callable[[], Sequence[ReplicaStatus]]


class Metrics:
    """Counts turns; nothing here says who asked, where, or what."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._pools: list[PoolCollector] = []
        ProcessCollector(registry=self.registry)
        self._turns = Counter(
            "turns", "Turns that ended.", ("kind", "state"), PREFIX, registry=self.registry
        )
        self._open = Gauge(
            "turns_open", "Turns that are going on.", ("kind",), PREFIX, registry=self.registry
        )
        self._seconds = Histogram(
            "turn_seconds",
            "How long turns took.",
            ("kind",),
            PREFIX,
            registry=self.registry,
            buckets=_DURATION_BUCKETS_S,
        )
        self._first_text = Histogram(
            "first_text_seconds",
            "From the start of a turn to its first text.",
            (),
            PREFIX,
            registry=self.registry,
            buckets=_DURATION_BUCKETS_S,
        )
        self._lag = Histogram(
            "event_loop_lag_seconds",
            "How late the event loop was.",
            (),
            PREFIX,
            registry=self.registry,
            buckets=_LAG_BUCKETS_S,
        )

    def turn_started(self, kind: str) -> None:
        """A turn of this kind (`chat`, a command's name) began."""
        self._open.labels(kind).inc()

    def turn_ended(self, kind: str, state: str, seconds: float) -> None:
        """It ended as complete, cancelled, refused or failed."""
        self._open.labels(kind).dec()
        self._turns.labels(kind, state).inc()
        self._seconds.labels(kind).observe(seconds)

    def first_text(self, seconds: float) -> None:
        """Its first text was there, so long after it began."""
        self._first_text.observe(seconds)

    def watch_pool(self, status: Statuses) -> None:
        """Export what `Pool.status` says, asked anew (on the event loop) for each reader."""
        pool = PoolCollector(status)
        self.registry.register(pool)
        self._pools.append(pool)

    async def watch_loop(self, every_s: float = 0.25) -> None:
        """Measure how late the event loop is, until cancelled."""
        loop = asyncio.get_running_loop()
        while True:
            due = loop.time() + every_s
            await asyncio.sleep(every_s)
            self._lag.observe(max(0.0, loop.time() - due))

    async def text(self) -> bytes:
        """All metrics in Prometheus' text format."""
        for pool in self._pools:
            pool.refresh()
        # In a thread: those of the process are read from files.
        return await asyncio.to_thread(generate_latest, self.registry)


class PoolCollector(Collector):
    """The replicas of all models, each with the labels `model`, `replica` and `engine`."""

    def __init__(self, status: Statuses) -> None:
        self._status = status
        self._seen: Sequence[ReplicaStatus] = ()

    def refresh(self) -> None:
        """Read the state of the replicas, on the event loop."""
        self._seen = self._status()

    def collect(self) -> Iterator[Metric]:
        return _families(self._seen)


_MAX_ERROR_CHARACTERS: Final = 200
"""Characters of an error in a label."""
_LABELS: Final = ("model", "replica", "engine")

_GAUGES: Final[dict[str, tuple[str, Callable[[ReplicaStatus], float | None]]]] = {
    "replica_up": ("1 where the replica may be asked.", lambda s: s.state != "cooling"),
    "replica_resident": ("1 where the model is loaded.", lambda s: s.resident),
    "replica_slots": ("Requests it runs side by side.", lambda s: s.slots),
    "replica_slots_busy": ("Requests it runs now.", lambda s: s.busy),
    "replica_tokens_per_second": ("Tokens written a second.", lambda s: s.tokens_per_s),
    "replica_prefill_tokens_per_second": (
        "Tokens of prompts read a second.",
        lambda s: s.prefill_tokens_per_s,
    ),
}

_COUNTERS: Final[dict[str, tuple[str, Callable[[ReplicaStatus], float]]]] = {
    "replica_prompt_tokens": ("Tokens of all prompts.", lambda s: s.prompt_tokens),
    "replica_cached_tokens": ("Those that came from the cache.", lambda s: s.cached_tokens),
    "replica_completion_tokens": ("Tokens written.", lambda s: s.completion_tokens),
    "replica_answered": ("Requests answered.", lambda s: s.answered),
    "replica_failed": ("Requests failed.", lambda s: s.failed),
    "replica_cancelled": ("Requests cancelled.", lambda s: s.cancelled),
}


def _families(statuses: Sequence[ReplicaStatus]) -> Iterator[Metric]:
    for name, (meaning, read) in _GAUGES.items():
        gauge = GaugeMetricFamily(f"{PREFIX}_{name}", meaning, labels=_LABELS)
        for status in statuses:
            value = read(status)
            if value is not None:
                gauge.add_metric(_labels(status), float(value))
        yield gauge
    for name, (meaning, count) in _COUNTERS.items():
        counter = CounterMetricFamily(f"{PREFIX}_{name}", meaning, labels=_LABELS)
        for status in statuses:
            counter.add_metric(_labels(status), float(count(status)))
        yield counter
    yield from _states(statuses)
    queue = GaugeMetricFamily(
        f"{PREFIX}_model_queue", "Requests that wait for the model.", labels=("model",)
    )
    for model, queued in {status.model: status.queued for status in statuses}.items():
        queue.add_metric((model,), float(queued))
    yield queue


def _states(statuses: Sequence[ReplicaStatus]) -> Iterator[Metric]:
    state = GaugeMetricFamily(
        f"{PREFIX}_replica_state", "1 for the state that it is in.", labels=(*_LABELS, "state")
    )
    error = GaugeMetricFamily(
        f"{PREFIX}_replica_last_error", "1, with the last error.", labels=(*_LABELS, "error")
    )
    for status in statuses:
        for each in get_args(ReplicaState):
            state.add_metric((*_labels(status), each), float(each == status.state))
        if status.last_error:
            error.add_metric((*_labels(status), status.last_error[:_MAX_ERROR_CHARACTERS]), 1.0)
    yield state
    yield error


def _labels(status: ReplicaStatus) -> tuple[str, str, str]:
    return status.model, str(status.replica), status.backend
