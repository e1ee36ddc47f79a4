"""Values that pass between skills and services: models, passages, documents, pages, settings."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import PurePath
from typing import Literal, Protocol

from backends.base import Picture
from bot.types import NOWHERE, Place, Scope


def document_name(location: str, source: str = "") -> str:
    """Return what people read of where a document is: a URL as it is, and of a file the path within
    `source`, the folder that was added, or its name; the rest of a path is the operator's own. Of a
    file in a Git repository it is the path behind the repository's name."""
    path = PurePath(location)
    if location.startswith("git+"):
        above = source.partition("?")[0].rpartition("/")[0]
        return location.removeprefix(f"{above}/") if above else path.name
    if "://" in location[:12]:
        return location
    if source and source != location and path.is_relative_to(source):
        return path.relative_to(source).as_posix()
    return path.name


@dataclass(frozen=True, slots=True)
class ModelInfo:
    """A model as people see it. If it has several replicas, `replicas` has a line for each.
    `vision`: it is known to see pictures."""

    name: str
    description: str
    engine: str
    state: str
    detail: str = ""
    replicas: tuple[str, ...] = ()
    vision: bool = False


@dataclass(frozen=True, slots=True)
class AccessToken:
    """What a person sees of a token with which a program of theirs connects: never the token.
    `name` is the beginning of its digest."""

    name: str
    made_at: datetime
    used_at: datetime | None
    ends_at: datetime


@dataclass(frozen=True, slots=True)
class PicturesRead:
    """The pictures of a file, for a model that sees; `notes` say in sentences what of it is not
    seen."""

    pictures: tuple[Picture, ...] = ()
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Passage:
    """A passage of a document, as a search found it.

    `text` fits into the embedder's window; `context` includes the neighbouring passages, and `read`
    is what a model reads of them, "" where that is the text alone. `position` is its place among
    the passages of its document. `score` is
    the combined relevance from 0 to 1; `dense` and `lexical` are the scores of the two indexes.
    `late` is the mean cosine of the question's tokens with the nearest ones of the passage, and
    `reranked` what a reranker gave it, on its own scale; None where they were not computed.
    `near` is the cosine similarity of each sentence to the question; empty for a single sentence.
    `source` is what was added, the folder that the document is in for example, `place` where in its
    file the passage begins.
    """

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
    source: str = ""
    place: Place = NOWHERE
    read: str = field(default="", repr=False)
    position: int = 0
    late: float | None = None
    reranked: float | None = None

    @property
    def name(self) -> str:
        """What people read of where it is: a URL, or the path within the folder, or the name."""
        return document_name(self.location, self.source)

    @property
    def prompt_text(self) -> str:
        """What stands in a prompt."""
        return self.read or self.text


class Support(Protocol):
    """A sentence of an answer, and what in it no passage has."""

    @property
    def text(self) -> str:
        """The sentence."""
        ...

    @property
    def statement(self) -> str:
        """The same without citations, in one line."""
        ...

    @property
    def unknown(self) -> tuple[str, ...]:
        """The figures, names and options in it that no passage has."""
        ...

    @property
    def supported(self) -> bool:
        """Whether there are none."""
        ...


@dataclass(frozen=True, slots=True)
class Pointed:
    """Words that answer a question, as they stand in a passage: `number` counts from 1."""

    number: int
    text: str


Outcome = Literal["answer", "unsure", "absent"]
"""What a search comes to: passages to answer from; passages on the subject that may not answer, of
which the nearest are shown; or nothing."""


@dataclass(frozen=True, slots=True)
class QuestionPart:
    """A question that a question of several parts asks, and whether the passages answer it."""

    text: str
    answered: bool


@dataclass(frozen=True, slots=True)
class SearchResult:
    """The passages that a search found, best first, unless `ranks` says otherwise.

    `evidence` says whether they are good enough to answer from; if not, they are only the nearest
    ones, and `related` says whether these are about the subject at all. `confidence` that they
    answer, and `relatedness` that they are about the subject, are from 0 to 1. `nearest` are titles
    of the nearest documents. `searched` are the queries that were used, most important first, if
    they differ from the question. `language` is the question's, as an ISO 639-1 code, "" where
    nothing tells it. `pointed` are the words that a model found to answer it when it read the
    passages; None where none read them. `further` are passages
    that follow in rank: not good enough to be shown, but a model may read them. `share` is what a
    model that read them gives to an answer beside none, 0 to 1, before it is calibrated; `read_by`
    is that model, "" where none read them. `parts` are the questions that it was split into; none
    where it asks for one thing. `ranks` are there where the passages stand as in a prompt: the rank
    of each, 0 for the best.
    """

    passages: tuple[Passage, ...]
    evidence: bool
    confidence: float = 0.0
    nearest: tuple[str, ...] = ()
    searched: tuple[str, ...] = ()
    related: bool = False
    language: str = ""
    pointed: tuple[Pointed, ...] | None = None
    parts: tuple[QuestionPart, ...] = ()
    further: tuple[Passage, ...] = ()
    share: float | None = None
    read_by: str = ""
    ranks: tuple[int, ...] = ()
    relatedness: float = 0.0

    def best_first(self) -> SearchResult:
        """The same with the passages by rank, and the numbers of what was pointed to."""
        if not self.ranks:
            return self
        order = sorted(range(len(self.passages)), key=lambda at: self.ranks[at])
        number = {at + 1: new for new, at in enumerate(order, 1)}
        pointed = self.pointed
        return replace(
            self,
            passages=tuple(self.passages[at] for at in order),
            pointed=pointed and tuple(replace(one, number=number[one.number]) for one in pointed),
            ranks=(),
        )

    @property
    def outcome(self) -> Outcome:
        """What the search comes to."""
        if not self.passages:
            return "absent"
        return "answer" if self.evidence else "unsure" if self.related else "absent"


@dataclass(frozen=True, slots=True)
class Document:
    """A document in a knowledge base. `location` is its URL or path, `at` when it was read.

    `source` is what was added, the folder that it is in for example. `left_out` says what was not
    read of it: `2 pictures, 1 hidden sheet`. `recognized_pages` is the number of scanned pages that
    were read by text recognition, with their mean confidence from 0 to 1.
    """

    id: str
    base: str
    title: str
    location: str
    passages: int
    characters: int
    at: datetime
    added_by: str = ""
    status: str = "ready"
    source: str = ""
    left_out: str = ""
    recognized_pages: int = 0
    recognition_confidence: float = 0.0

    @property
    def name(self) -> str:
        """What people read of where it is: a URL, or the path within the folder, or the name."""
        return document_name(self.location, self.source)


@dataclass(frozen=True, slots=True)
class Ingested:
    """The progress of adding documents, and the result for each of them: `done` of `total`."""

    location: str
    done: int
    total: int
    state: str = "working"
    """One of working, added, changed, unchanged, removed and refused; or passed, which stands for
    no document: `detail` is then a sentence about files in a folder that no loader reads."""
    detail: str = ""
    passages: int = 0
    """How many of the `passages_total` of a long document are embedded so far."""
    passages_total: int = 0
    left_out: str = ""
    """What was not read of the document: `2 pictures, 1 hidden sheet`."""
    recognized_pages: int = 0
    """How many scanned pages were read by text recognition."""
    unread_pages: int = 0
    """How many pages seem to be scans and were not read."""

    @property
    def within(self) -> str:
        """The progress within a long document, `320 of 1,140 passages`; empty for others."""
        of = self.passages_total
        return f"{self.passages:,} of {of:,} passages" if of else ""


@dataclass(frozen=True, slots=True)
class Change:
    """A document was added, changed or removed: its `state` says which."""

    document: str
    base: str
    title: str
    location: str
    state: str
    at: datetime
    source: str = ""

    @property
    def name(self) -> str:
        """What people read of where it is: a URL, or the path within the folder, or the name."""
        return document_name(self.location, self.source)


@dataclass(frozen=True, slots=True)
class ChangedLine:
    """A line of a document that was added or removed: its `state` says which."""

    state: str
    text: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Difference:
    """What became other in a document at its change `at`; `more` lines are left out."""

    document: Document
    at: datetime
    lines: tuple[ChangedLine, ...] = field(repr=False)
    more: int = 0


@dataclass(frozen=True, slots=True)
class SyncFailure:
    """A source that cannot be read since `since`, and why: its documents are as they were."""

    location: str
    base: str
    since: datetime
    why: str


@dataclass(frozen=True, slots=True)
class Page:
    """A fetched page or file, read as Markdown."""

    url: str
    title: str
    text: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class FoundPage:
    """A page that a search of the web found, with an extract of its text."""

    url: str
    title: str
    text: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Setting:
    """One setting in effect; `scope` says where it was set in chat, None if by config.yaml."""

    name: str
    description: str
    value: str
    scope: Scope | None = None
