"""What is stored of documents, as values."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class BaseRow:
    """A knowledge base as it is stored: what made its vectors, and which generation is live."""

    name: str
    embedder: str
    dimension: int
    generation: int


@dataclass(frozen=True, slots=True)
class SourceRow:
    """What was added, as it was named."""

    base: str
    location: str
    kind: str
    added_by: str
    complete: bool


@dataclass(frozen=True, slots=True)
class DocumentRow:
    """A stored document without its text."""

    id: str
    base: str
    source: str
    location: str
    title: str
    digest: str
    size: int
    modified_ns: int
    characters: int
    passages: int
    added_by: str
    at: float


@dataclass(frozen=True, slots=True)
class PassageRow:
    """A passage to store. `vectors` are quantised: its own, then its sentences'."""

    id: str
    heading: str
    text: str = field(repr=False)
    vectors: bytes = field(repr=False)


def document_id(base: str, location: str) -> str:
    """The id of a document: the same each time it is read, so that an ingestion can go on."""
    return hashlib.blake2b(f"{base}\0{location}".encode(), digest_size=6).hexdigest()
