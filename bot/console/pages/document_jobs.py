"""What is being added to a knowledge base, or was of late, as the pages show it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any, Final

from bot.values import Ingested, document_name

_MAX_SHOWN_OUTCOMES: Final = 50


@dataclass(frozen=True, slots=True)
class DocumentOutcome:
    """What became of one document, and what of it was not read or why it was refused."""

    name: str
    state: str
    detail: str = ""
    left_out: str = ""


@dataclass(slots=True)
class DocumentJob:
    """Something that is being added to a base, or was. `state` is waiting, working, done or
    refused; `detail` says how far it is, or what went wrong."""

    base: str
    name: str
    by: str
    began_at: datetime
    state: str = "waiting"
    detail: str = ""
    done: int = 0
    total: int = 0
    outcomes: list[DocumentOutcome] = field(default_factory=list)
    more: int = 0
    """Further documents whose outcome is not listed."""

    @property
    def running(self) -> bool:
        return self.state in ("waiting", "working")

    @property
    def single(self) -> DocumentOutcome | None:
        """The outcome, where it was one document."""
        return self.outcomes[0] if len(self.outcomes) == 1 and not self.running else None

    def written(self) -> dict[str, Any]:
        """The job as JSON can hold it."""
        return {**asdict(self), "began_at": self.began_at.isoformat()}

    @classmethod
    def read(cls, told: Mapping[str, Any]) -> DocumentJob:
        """A job that was written."""
        outcomes = [DocumentOutcome(**one) for one in told["outcomes"]]
        began_at = datetime.fromisoformat(told["began_at"])
        return cls(**{**told, "began_at": began_at, "outcomes": outcomes})

    def note(self, step: Ingested) -> None:
        """Take in what an ingestion says."""
        self.done, self.total = step.done, step.total
        if step.state == "working":
            self.detail = step.within
        elif step.state == "passed":
            self.detail = step.detail
        elif len(self.outcomes) < _MAX_SHOWN_OUTCOMES:
            name = document_name(step.location, self.name)
            self.outcomes.append(DocumentOutcome(name, step.state, step.detail, step.left_out))
        else:
            self.more += 1

    def end(self, refused: str = "") -> None:
        """Nothing more comes."""
        self.state = "refused" if refused else "done"
        self.detail = refused or (self.detail if self.outcomes and self.total > 1 else "")
