"""One engine that serves a model: its slots, how fast it is, and whether it may be asked now."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Literal

from backends.base import Backend, Capabilities, Health, Usage
from backends.errors import BackendBusy, BackendError
from backends.pool.throughput import Rates

State = Literal["ready", "cooling", "trial"]


@dataclass(frozen=True, slots=True)
class ReplicaStatus:
    """What an operator sees of one replica. Rates in tokens a second; counts since the start.

    `queued` is how many requests wait for the model, whichever replica they will go to.
    """

    model: str
    replica: int
    backend: str
    state: State
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

    @property
    def cache_hits(self) -> float | None:
        """The part of all prompt tokens that came from the cache, 0 to 1."""
        return self.cached_tokens / self.prompt_tokens if self.prompt_tokens else None


class Replica:
    """A backend with what the pool knows of it. Times are on the clock of `time.monotonic`."""

    def __init__(
        self,
        backend: Backend,
        engine: str,
        index: int,
        first_pause_s: float,
        longest_pause_s: float,
        parallel: int = 1,
    ) -> None:
        self.backend = backend
        self.engine = engine
        self.index = index
        self.rates = Rates()
        self.capabilities: Capabilities | None = None
        self.last_error: str | None = None
        self.running: dict[int, float] = {}
        """The end that is expected of each running request, by the request's number."""
        self.answered = self.failed = self.cancelled = 0
        self.prompt_tokens = self.cached_tokens = self.completion_tokens = 0
        self.served_at: float | None = None
        self._resident: bool | None = None
        self._first_pause_s = first_pause_s
        self._longest_pause_s = longest_pause_s
        self._parallel = parallel
        self._failures = 0
        self._rests_until = 0.0

    @property
    def state(self) -> State:
        if self.resting_s > 0:
            return "cooling"
        return "trial" if self._failures else "ready"

    @property
    def resting_s(self) -> float:
        """How long it is still left alone."""
        return max(0.0, self._rests_until - time.monotonic())

    @property
    def slots(self) -> int:
        """Requests that it may run side by side; a single one while it is on trial."""
        return 1 if self._failures else self.parallel

    @property
    def parallel(self) -> int:
        """Requests that the engine runs side by side when all is well.

        What the backend says goes first, since some learn it from their server.
        """
        return max(1, int(getattr(self.backend, "parallel", self._parallel)))

    @property
    def free(self) -> bool:
        return self.resting_s == 0 and len(self.running) < self.slots

    def wait_s(self) -> float:
        """Expected time until it can start one more request."""
        if self.free:
            return 0.0
        now = time.monotonic()
        ends = sorted(self.running.values())
        over = len(ends) - self.slots
        until_slot = max(0.0, ends[over] - now) if over >= 0 else 0.0
        return max(self.resting_s, until_slot)

    def started(self, number: int, expected_s: float) -> None:
        self.running[number] = time.monotonic() + expected_s

    def ended(self, number: int) -> None:
        self.running.pop(number, None)

    def spoke(self) -> bool:
        """The first word of an answer is here: it is well. Whether that was in doubt."""
        doubted = self._failures > 0
        self._failures = 0
        self._rests_until = 0.0
        return doubted

    def succeeded(self, usage: Usage | None = None) -> None:
        """An answer or a set of embeddings is complete: whatever ailed it is over."""
        self.spoke()
        self._resident = True
        self.served_at = time.monotonic()
        self.answered += 1
        if usage is not None:
            self.prompt_tokens += usage.prompt_tokens
            self.cached_tokens += usage.cached_tokens
            self.completion_tokens += usage.completion_tokens
            self.rates.learn(usage)

    def failed_with(self, error: BackendError) -> None:
        """Leave it alone for a while, twice as long each time."""
        self.failed += 1
        self.last_error = str(error)
        if isinstance(error, BackendBusy):  # well, but with a full queue of its own
            self._rest(min(error.retry_after_s, self._longest_pause_s))
            return
        self._failures += 1
        doublings = min(self._failures - 1, 30)
        self._rest(min(self._first_pause_s * 2**doublings, self._longest_pause_s))

    def forgive(self) -> None:
        """Try it again at once: somebody has asked for it by name."""
        self._rests_until = 0.0

    def saw(self, health: Health) -> None:
        """Take in what its health said."""
        if health.resident is not None:
            self._resident = health.resident

    def status(self, model: str, queued: int) -> ReplicaStatus:
        measured = self.rates.measured
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
            tokens_per_s=self.rates.decode if measured else None,
            prefill_tokens_per_s=self.rates.prefill if measured else None,
            prompt_tokens=self.prompt_tokens,
            cached_tokens=self.cached_tokens,
            completion_tokens=self.completion_tokens,
            answered=self.answered,
            failed=self.failed,
            cancelled=self.cancelled,
            last_error=self.last_error,
            retry_in_s=self.resting_s or None,
            capabilities=self.capabilities,
        )

    def _rest(self, pause_s: float) -> None:
        self._rests_until = max(self._rests_until, time.monotonic() + pause_s)
