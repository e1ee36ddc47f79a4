"""From a document's bytes to Markdown, by the loader of its format. Everything here may block."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from bot.errors import Refused
from bot.knowledge.loading import registry as shipped
from bot.knowledge.loading.table_text import label_tables
from bot.skills.document_loader import Loaded, Loader, TooLong
from bot.web.decoding import is_utf8
from bot.web.extract import extract, is_html

_INVISIBLE = re.compile("[\xad\u2060\ufeff]|(?<=[!-~])\u200b(?=[!-~])")
"""Where a word may be broken, or may not: a search would take them for spaces."""
_UNTYPED = frozenset({"", "application/octet-stream", "binary/octet-stream", "application/unknown"})
_TEXTUAL = frozenset(
    {
        "application/ld+json",
        "application/javascript",
        "application/yaml",
        "application/toml",
        "application/x-sh",
    }
)
_SMALL = 256 * 1024


@dataclass(frozen=True, slots=True)
class Stat:
    """Size in bytes and time of change of a file: both the same means it was not touched."""

    size: int
    modified_ns: int


@dataclass(frozen=True, slots=True)
class Raw:
    """A document's bytes, before a loader has seen them. `name` decides on the loader by its
    suffix; `called` is what a refusal names, where that is not the name."""

    name: str
    data: bytes = field(repr=False)
    content_type: str = ""
    charset: str | None = None
    stat: Stat = Stat(0, 0)
    called: str = ""

    @property
    def title(self) -> str:
        """What a refusal names."""
        return (self.called or self.name)[:100]


def load(raw: Raw, loaders: Sequence[Loader], *, labelled: bool = True) -> Loaded:
    """Read bytes as Markdown. Raises `Refused` with one sentence.

    `labelled` is for a search: the rows of long tables name their columns, and marks that nobody
    sees are left out.
    """
    if not raw.data.strip():
        raise Refused(f"{raw.title} is empty.")
    try:
        loaded = _loaded(raw, _loader(raw, loaders))
        if labelled:
            text = label_tables(_INVISIBLE.sub("", loaded.text))
            loaded = Loaded(text, _INVISIBLE.sub("", loaded.title))
    except TooLong:
        raise TooLong(raw.title) from None
    except RecursionError:
        raise Refused(f"{raw.title} is nested too deeply to be read.") from None
    if not loaded.text.strip():
        raise Refused(f"{raw.title} has no readable text.")
    return loaded


def is_plain(raw: Raw, loaders: Sequence[Loader]) -> bool:
    """Whether this is a small text in UTF-8 that is read as it stands, by no code but ours, whose
    time and memory grow with the bytes."""
    return (
        len(raw.data) <= _SMALL
        and (raw.charset or "utf-8").lower() == "utf-8"
        and _loader(raw, loaders) in (shipped.TEXT, shipped.CODE)
        and not is_html(raw.data, raw.content_type)
        and is_utf8(raw.data)
    )


def _loader(raw: Raw, loaders: Sequence[Loader]) -> Loader | None:
    """The loader for this; none for a page that a server calls by another name."""
    if raw.content_type not in _UNTYPED and is_html(raw.data, raw.content_type):
        return None
    return shipped.find(loaders, raw.name, raw.content_type)


def _loaded(raw: Raw, loader: Loader | None) -> Loaded:
    """What a server sent with a charset is read with it; a table stays one."""
    by_type = raw.content_type.startswith("text/") or raw.charset
    if loader is not None and not (by_type and loader in (shipped.TEXT, shipped.PAGE)):
        return loader.load(raw.data, raw.name)
    if loader is None and not _is_textual(raw.content_type):
        raise Refused(f"{raw.title} is of the type {raw.content_type[:60]}, which is not read.")
    found = extract(raw.data, raw.title, raw.content_type, raw.charset)
    return Loaded(found.text, found.title)


def _is_textual(content_type: str) -> bool:
    return (
        content_type in _UNTYPED
        or content_type in _TEXTUAL
        or content_type.startswith("text/")
        or content_type.endswith(("/xml", "+json", "+xml"))
    )
