"""Jobs, and the times that they are due."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache
from typing import Literal

from bot.types import ConversationKey

JobKind = Literal["remind", "ask"]
"""Whether a job says its text, or has it answered as a question of its owner."""

OccurrenceState = Literal["claimed", "posting", "done", "refused", "unknown", "lost"]
"""`posting`: it may stand there already. `refused`: its owner might not, or the platform would not.
`unknown`: nothing tells whether it was posted. `lost`: nobody could be reached for too long."""


@dataclass(frozen=True, slots=True)
class Job:
    """A reminder or a schedule.

    `person` (an `Author.key`) owns it, and it runs with what they may do then. It is said in
    `place`, or to its owner alone where it is `private`; `direct` says that the place is a direct
    message of theirs. It is due at `next_at`, None when it has ended, and if it has a `cron` line
    again and again, by the clocks of `zone`. `failures` counts the times in a row that it might not
    run.
    """

    id: str
    person: str
    name: str
    place: ConversationKey
    kind: JobKind
    text: str = field(repr=False)
    zone: str
    next_at: datetime | None
    made_at: datetime
    cron: str = ""
    private: bool = False
    direct: bool = False
    locale: str | None = None
    failures: int = 0


@dataclass(frozen=True, slots=True)
class Occurrence:
    """One time that a job was due. It was tried in vain so many times, and may have been posted at
    `posted_at` for the first time; None if it certainly was not."""

    job: Job
    instant: datetime
    tries: int = 0
    posted_at: datetime | None = None

    @property
    def key(self) -> str:
        """What stands for this occurrence on a platform; the same in every process."""
        return _key_of(self.job.id, self.instant)


@lru_cache(4096)  # asked for several times while it is carried out
def _key_of(job: str, instant: datetime) -> str:
    return hashlib.sha256(f"{job} {instant.isoformat()}".encode()).hexdigest()[:16]
