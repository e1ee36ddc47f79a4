"""Reads the bytes of a document as Markdown with the loader of its format. May block."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from bot.errors import Refused
from bot.knowledge.loading import registry as shipped
from bot.knowledge.loading.table_text import label_tables
from bot.skills.document_loader import Loaded, Loader, TooLong
from bot.skills.document_tree import to_markdown
from bot.web.decoding import is_utf8
from bot.web.extract import extract, is_html

_INVISIBLE_CHARACTERS = re.compile("[\xad\u2060\ufeff]|(?<=[!-~])\u200b(?=[!-~])")
"""Soft hyphens and zero-width characters, which a search would take for spaces."""
_UNKNOWN_CONTENT_TYPES = frozenset(
    {"", "application/octet-stream", "binary/octet-stream", "application/unknown"}
)
_TEXT_CONTENT_TYPES = frozenset(
    {
        "application/ld+json",
        "application/javascript",
        "application/yaml",
        "application/toml",
        "application/x-sh",
    }
)
_MAX_PLAIN_BYTES = 256 * 1024


@dataclass(frozen=True, slots=True)
class FileStat:
    """Size and modification time of a file; a file with the same two counts as unchanged."""

    size: int
    modified_ns: int


@dataclass(frozen=True, slots=True)
class RawDocument:
    """The bytes of a document before a loader reads them.

    The suffix of `name` selects the loader. `called` is the name for error messages, where it
    differs from `name`.
    """

    name: str
    data: bytes = field(repr=False)
    content_type: str = ""
    charset: str | None = None
    stat: FileStat = FileStat(0, 0)
    called: str = ""

    @property
    def title(self) -> str:
        """The name for error messages."""
        return (self.called or self.name)[:100]


def load_document(
    raw: RawDocument, loaders: Sequence[Loader], *, for_search: bool = True
) -> Loaded:
    """Reads a document as Markdown. Raises `Refused` with one sentence.

    With `for_search` the rows of long tables name their columns, and invisible characters are
    left out.
    """
    if not raw.data.strip():
        raise Refused(f"{raw.title} is empty.")
    try:
        loaded = _run_loader(raw, _find_loader(raw, loaders))
        if loaded.blocks:
            loaded = Loaded(to_markdown(loaded.blocks), loaded.title)
        if for_search:
            text = label_tables(_INVISIBLE_CHARACTERS.sub("", loaded.text))
            loaded = Loaded(text, _INVISIBLE_CHARACTERS.sub("", loaded.title))
    except TooLong:
        raise TooLong(raw.title) from None
    except RecursionError:
        raise Refused(f"{raw.title} is nested too deeply to be read.") from None
    if not loaded.text.strip():
        raise Refused(f"{raw.title} has no readable text.")
    return loaded


def is_plain_text(raw: RawDocument, loaders: Sequence[Loader]) -> bool:
    """Tells whether a document is a small UTF-8 text or source file, which needs no parser."""
    return (
        len(raw.data) <= _MAX_PLAIN_BYTES
        and (raw.charset or "utf-8").lower() == "utf-8"
        and _find_loader(raw, loaders) in (shipped.TEXT, shipped.CODE)
        and not is_html(raw.data, raw.content_type)
        and is_utf8(raw.data)
    )


def _find_loader(raw: RawDocument, loaders: Sequence[Loader]) -> Loader | None:
    """Returns the loader of a document; None for HTML under another content type."""
    if raw.content_type not in _UNKNOWN_CONTENT_TYPES and is_html(raw.data, raw.content_type):
        return None
    return shipped.find_loader(loaders, raw.name, raw.content_type)


def _run_loader(raw: RawDocument, loader: Loader | None) -> Loaded:
    """Runs the loader; text that came with a charset is decoded with that charset."""
    by_type = raw.content_type.startswith("text/") or raw.charset
    if loader is not None and not (by_type and loader in (shipped.TEXT, shipped.PAGE)):
        return loader.load(raw.data, raw.name)
    if loader is None and not _is_textual(raw.content_type):
        raise Refused(f"{raw.title} is of the type {raw.content_type[:60]}, which is not read.")
    found = extract(raw.data, raw.title, raw.content_type, raw.charset)
    return Loaded(found.text, found.title)


def _is_textual(content_type: str) -> bool:
    return (
        content_type in _UNKNOWN_CONTENT_TYPES
        or content_type in _TEXT_CONTENT_TYPES
        or content_type.startswith("text/")
        or content_type.endswith(("/xml", "+json", "+xml"))
    )
