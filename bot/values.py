"""Values that pass between skills and services: models, passages, documents, pages, settings."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from bot.types import Scope


@dataclass(frozen=True, slots=True)
class ModelInfo:
    """One model as people see it. `replicas` has a line for each, where there are several."""

    name: str
    description: str
    engine: str
    state: str
    detail: str = ""
    replicas: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Passage:
    """A part of a document, as found. `text` is at most the embedder's window; `context` has its
    neighbours too. `score` is 0 to 1, fused; the others are as the index gave them. `near` is how
    near each of its sentences is to the question, a cosine; empty where it has but one."""

    id: str
    document: str
    title: str
    location: str
    heading: str
    text: str = field(repr=False)
    score: float = 0.0
    dense: float = 0.0
    lexical: float = 0.0
    context: str = field(default="", repr=False)
    at: datetime | None = None
    base: str = ""
    near: tuple[float, ...] = field(default=(), repr=False)


class Support(Protocol):
    """A sentence of an answer, and whether passages bear it out."""

    @property
    def text(self) -> str: ...

    @property
    def supported(self) -> bool: ...


@dataclass(frozen=True, slots=True)
class SearchResult:
    """What a search found, best first. `evidence` is the gate's verdict: without it no answer may
    be drawn from the passages, and `passages` are only the nearest. `searched` is what was looked
    up, the most important first, where it is not the question alone."""

    passages: tuple[Passage, ...]
    evidence: bool
    confidence: float = 0.0
    nearest: tuple[str, ...] = ()
    searched: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Document:
    """A document in a knowledge base. `location` is its URL or path."""

    id: str
    base: str
    title: str
    location: str
    passages: int
    characters: int
    at: datetime
    added_by: str = ""
    status: str = "ready"


@dataclass(frozen=True, slots=True)
class Ingested:
    """Progress of an ingestion, and what became of each document when it is done."""

    location: str
    done: int
    total: int
    state: str = "working"
    """working, added, changed, unchanged, removed or refused; or passed, which is no document:
    `detail` is a sentence for the end, on files of a folder that nothing reads."""
    detail: str = ""
    passages: int = 0
    """While a long document is being worked on: how many of its `passages_total` are embedded."""
    passages_total: int = 0

    @property
    def within(self) -> str:
        """How far a long document is, `320 of 1,140 passages`; empty for others."""
        of = self.passages_total
        return f"{self.passages:,} of {of:,} passages" if of else ""


@dataclass(frozen=True, slots=True)
class Page:
    """A fetched page or file, read as Markdown."""

    url: str
    title: str
    text: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Setting:
    """How the bot behaves in one respect here; `scope` is the width of the choice that made it so,
    None where config.yaml did."""

    name: str
    description: str
    value: str
    scope: Scope | None = None
