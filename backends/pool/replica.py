"""One engine that serves a model: its slots, its speed, and whether it may be used now."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Literal

from backends.base import Backend, Capabilities, Health, Usage
from backends.errors import (
    BackendBusy,
    BackendError,
    BackendProtocolError,
    BackendUnavailable,
    ModelNotFound,
)
from backends.notations.reader import UnmarkedThoughts
from backends.pool.embedding import EmbeddingPace
from backends.pool.sharing import SharedServer
from backends.pool.throughput import Throughput

ReplicaState = Literal["ready", "cooling", "trial"]

REPLICA_ERRORS = (BackendUnavailable, BackendProtocolError, BackendBusy, ModelNotFound)
"""Errors that another replica may not have. All others are the request's own."""


@dataclass(frozen=True, slots=True)
class ReplicaStatus:
    """What an operator sees of one replica. Rates in tokens a second; counts since the start.

    `queued` is how many requests wait for the model, whichever replica they will go to. `share`
    is how many of the slots this process may use now, and `sharers` are the other processes that
    use them.
    """

    model: str
    replica: int
    backend: str
    state: ReplicaState
    resident: bool | None
    slots: int
    busy: int
    queued: int
    tokens_per_s: float | None
    prefill_tokens_per_s: float | None
    prompt_tokens: int
    cached_tokens: int
    completion_tokens: int
    answered: int
    failed: int
    cancelled: int
    last_error: str | None
    retry_in_s: float | None
    capabilities: Capabilities | None
    share: int
    sharers: int

    @property
    def cache_hits(self) -> float | None:
        """The part of all prompt tokens that came from the cache, 0 to 1."""
        return self.cached_tokens / self.prompt_tokens if self.prompt_tokens else None


class Replica:
    """A backend with the pool's record of it. Times are on the clock of `time.monotonic`."""

    def __init__(
        self,
        backend: Backend,
        engine: str,
        index: int,
        first_pause_s: float,
        longest_pause_s: float,
        parallel: int = 1,
        family_sampling: frozenset[str] | None = None,
        server: SharedServer | None = None,
        identity: str = "",
    ) -> None:
        self.backend = backend
        self.server = server
        """Where other processes may use it, too; None for an engine of this process."""
        self.identity = identity or str(index)
        """By which all processes know it where they share it."""
        self.engine = engine
        self.family_sampling = family_sampling
        self.index = index
        self.throughput = Throughput()
        self.embedding_pace = EmbeddingPace()
        self.unmarked_thoughts = UnmarkedThoughts()
        self.capabilities: Capabilities | None = None
        self.last_error: str | None = None
        self.running: dict[int, float] = {}
        """The end that is expected of each running request, by the request's number."""
        self.answered = self.failed = self.cancelled = 0
        self.prompt_tokens = self.cached_tokens = self.completion_tokens = 0
        self.served_at: float | None = None
        self.unwell = False
        """Whether it could not answer when it was last asked for its health."""
        self._resident: bool | None = None
        self._first_pause_s = first_pause_s
        self._longest_pause_s = longest_pause_s
        self._parallel = parallel
        self._failures = 0
        self._paused_until = 0.0

    @property
    def state(self) -> ReplicaState:
        if self.pause_left_s > 0 or self.unwell:
            return "cooling"
        return "trial" if self._failures else "ready"

    @property
    def pause_left_s(self) -> float:
        """Seconds until it may be used again after a failure; 0 if it may be used now."""
        return max(0.0, self._paused_until - time.monotonic())

    @property
    def shared(self) -> bool:
        """Whether another process uses it now."""
        return self.server is not None and self.server.sharers > 0

    @property
    def whole_slots(self) -> int:
        """Requests that all processes may run on it side by side; only one while on trial."""
        return 1 if self._failures else self.parallel

    @property
    def slots(self) -> int:
        """Those of them that are for this process."""
        if self._failures or self.server is None or not self.server.sharers:
            return self.whole_slots
        return self.server.limit_of(self)

    @property
    def slots_for_one(self) -> int:
        """Those of them that one person may hold, whatever else bounds that."""
        if self.server is None or not self.server.sharers:
            return self.slots
        return min(self.slots, self.server.limit_for_one)

    @property
    def parallel(self) -> int:
        """Requests that the engine runs side by side when all is well, for whichever process."""
        if self.server is not None and self.server.slots:
            return self.server.slots
        return self.engine_slots

    @property
    def engine_slots(self) -> int:
        """The same as far as this process knows.

        The backend's own value takes precedence, since some learn it from their server.
        """
        return max(1, int(getattr(self.backend, "parallel", self._parallel)))

    @property
    def slots_known(self) -> bool:
        """Whether `engine_slots` is what the operator or the server says, and not a guess."""
        return bool(getattr(self.backend, "slots_known", True))

    @property
    def busy(self) -> int:
        """Requests that run on it."""
        return len(self.running)

    @property
    def free(self) -> bool:
        return self.pause_left_s == 0 and len(self.running) < self.slots

    def wait_s(self) -> float:
        """Return the expected time until it can start one more request."""
        if self.free:
            return 0.0
        now = time.monotonic()
        ends = sorted(self.running.values())
        over = len(ends) - self.slots
        until_slot = max(0.0, ends[over] - now) if over >= 0 else 0.0
        return max(self.pause_left_s, until_slot)

    def start_request(self, number: int, expected_s: float) -> None:
        """Record that a request has started and is expected to take `expected_s` seconds."""
        self.running[number] = time.monotonic() + expected_s

    def finish_request(self, number: int) -> None:
        """Record that a request no longer runs here."""
        self.running.pop(number, None)

    def mark_first_token(self) -> bool:
        """Clear past failures, since an answer has begun; return whether there were any."""
        doubted = self._failures > 0 or self.unwell
        self._failures = 0
        self.unwell = False
        self._paused_until = 0.0
        return doubted

    def record_success(self, usage: Usage | None = None) -> None:
        """Record a complete answer or set of embeddings, and clear past failures."""
        self.mark_first_token()
        self._resident = True
        self.served_at = time.monotonic()
        self.answered += 1
        if usage is not None:
            self.prompt_tokens += usage.prompt_tokens
            self.cached_tokens += usage.cached_tokens
            self.completion_tokens += usage.completion_tokens
            self.throughput.learn(usage)

    def record_failure(self, error: BackendError) -> None:
        """Record a failure and pause the replica, twice as long each time."""
        self.failed += 1
        self.last_error = str(error)
        if isinstance(error, BackendBusy):  # well, but with a full queue of its own
            self._pause(min(error.retry_after_s, self._longest_pause_s))
            return
        self._failures += 1
        doublings = min(self._failures - 1, 30)
        self._pause(min(self._first_pause_s * 2**doublings, self._longest_pause_s))

    def end_pause(self) -> None:
        """Make it usable at once, because somebody has asked for this model by name."""
        self._paused_until = 0.0

    def record_health(self, health: Health) -> None:
        """Record what the backend says of itself. One that comes back may be used at once."""
        if health.resident is not None:
            self._resident = health.resident
        if health.ok and self.unwell:
            self._failures = 0
            self.end_pause()
        if not health.ok:
            self.last_error = health.detail or self.last_error
        self.unwell = not health.ok

    def status(self, model: str, queued: int) -> ReplicaStatus:
        measured = self.throughput.measured
        resident = getattr(self.backend, "resident", None)
        return ReplicaStatus(
            model=model,
            replica=self.index,
            backend=self.engine,
            state=self.state,
            resident=resident if isinstance(resident, bool) else self._resident,
            slots=self.parallel,
            busy=len(self.running),
            queued=queued,
            tokens_per_s=self.throughput.decode if measured else None,
            prefill_tokens_per_s=self.throughput.prefill if measured else None,
            prompt_tokens=self.prompt_tokens,
            cached_tokens=self.cached_tokens,
            completion_tokens=self.completion_tokens,
            answered=self.answered,
            failed=self.failed,
            cancelled=self.cancelled,
            last_error=self.last_error,
            retry_in_s=self.pause_left_s or None,
            capabilities=self.capabilities,
            share=self.slots,
            sharers=0 if self.server is None else self.server.sharers,
        )

    def _pause(self, pause_s: float) -> None:
        self._paused_until = max(self._paused_until, time.monotonic() + pause_s)
