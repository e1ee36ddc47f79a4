"""Which jobs on documents run just now, and how far each is, wherever it was begun."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime

from bot.values import Ingested


def _now() -> datetime:
    return datetime.now(UTC)


@dataclass(slots=True)
class RunningJob:
    """A job on a source of a knowledge base; `by` is the `Author.key` of who began it, and `latest`
    what it last said of how far it is."""

    base: str
    location: str
    by: str = ""
    began_at: datetime = field(default_factory=_now)
    latest: Ingested | None = None


class RunningJobs:
    """The jobs that run."""

    def __init__(self) -> None:
        self._jobs: dict[int, RunningJob] = {}

    @contextmanager
    def job(self, base: str, location: str, by: str = "") -> Iterator[RunningJob]:
        """Count a job among those that run until the block ends."""
        job = RunningJob(base, location, by)
        self._jobs[id(job)] = job
        try:
            yield job
        finally:
            del self._jobs[id(job)]

    def on(self, bases: Collection[str]) -> Sequence[RunningJob]:
        """Return those on some knowledge bases, the oldest first."""
        return [job for job in self._jobs.values() if job.base in bases]
