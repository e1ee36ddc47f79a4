"""What is stored of documents, as values."""

from __future__ import annotations

import hashlib
import zlib
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


@dataclass(frozen=True, slots=True)
class NewDocument:
    """A document to store. `packed` is its text, compressed; a `fresh` one replaces nothing."""

    row: DocumentRow
    packed: bytes = field(repr=False)
    passages: tuple[PassageRow, ...] = field(repr=False)
    fresh: bool = False


def compress_text(text: str) -> bytes:
    """A text as it is stored; takes about 30 ms for a million characters."""
    return zlib.compress(text.encode(), 6)


def decompress_text(packed: bytes | None) -> str:
    """The text again, empty where there is none."""
    return zlib.decompress(packed).decode() if packed else ""


def document_id(base: str, location: str) -> str:
    """The id of a document: the same each time it is read, so that an ingestion can go on."""
    return hashlib.blake2b(f"{base}\0{location}".encode(), digest_size=6).hexdigest()
