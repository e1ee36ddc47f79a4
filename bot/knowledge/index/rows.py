"""The rows of the document tables as immutable values."""

from __future__ import annotations

import hashlib
import zlib
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class BaseRow:
    """A stored knowledge base: the embedder of its vectors, and its live generation."""

    name: str
    embedder: str
    dimension: int
    generation: int


@dataclass(frozen=True, slots=True)
class SourceRow:
    """A source (page, sitemap, file, folder, upload) as it was named when it was added."""

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
    """Compresses a text for storage; takes about 30 ms for a million characters."""
    return zlib.compress(text.encode(), 6)


def decompress_text(packed: bytes | None) -> str:
    """Decompresses a stored text; "" for None."""
    return zlib.decompress(packed).decode() if packed else ""


def document_id(base: str, location: str) -> str:
    """Returns the id of a document, which is stable, so an interrupted ingestion can continue."""
    return hashlib.blake2b(f"{base}\0{location}".encode(), digest_size=6).hexdigest()
