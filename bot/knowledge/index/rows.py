"""The rows of the document tables as immutable values."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field

from bot.skills.document_tree import NOWHERE, Place


@dataclass(frozen=True, slots=True)
class BaseRow:
    """A stored knowledge base: the embedder of its vectors, and its live generation. `version`
    rises with each change of its passages where full text is kept beside the database."""

    name: str
    embedder: str
    dimension: int
    generation: int
    version: int = 0


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
    left_out: str = ""
    """What its loader did not read, and which pages were recognised (`encode_left_out`)."""
    revision: str = ""
    """What its source calls this version: a blob of Git, the date in a sitemap."""
    validators: str = ""
    """What its web server calls this version (`bot.web.validators`), as JSON."""


@dataclass(frozen=True, slots=True)
class PassageRow:
    """A passage to store. `vectors` are quantised: its own, then its sentences'."""

    id: str
    heading: str
    text: str = field(repr=False)
    vectors: bytes = field(repr=False)
    place: Place = NOWHERE


@dataclass(frozen=True, slots=True)
class NewDocument:
    """A document to store. `packed` are its blocks, compressed; a `fresh` one replaces nothing."""

    row: DocumentRow
    packed: bytes = field(repr=False)
    passages: tuple[PassageRow, ...] = field(repr=False)
    fresh: bool = False


def document_id(base: str, location: str) -> str:
    """Returns the id of a document, which is stable, so an interrupted ingestion can continue."""
    return hashlib.blake2b(f"{base}\0{location}".encode(), digest_size=6).hexdigest()
