"""Reads the bytes of a document as blocks with the loader of its format. May block."""

from __future__ import annotations

import re
import string
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace

from bot.catalogue.sentence import say
from bot.errors import Refused
from bot.knowledge.loading.registry import CODE, PAGE, TEXT, find_loader
from bot.skills.document_loader import MAX_CHARACTERS, Loaded, Loader, TooLong
from bot.skills.document_tree import Block, Heading, Table, first_heading
from bot.web.decoding import is_html, is_utf8

_INVISIBLE_CHARACTERS = re.compile("[\xad\u2060\ufeff]|(?<=[!-~])\u200b(?=[!-~])")
"""Soft hyphens and zero-width characters, which a search would take for spaces."""
_NO_TITLE = re.compile(
    r"anonymous|untitled(?:[ _-]?\d+)?|unknown|no title|null|none|document\d*|"
    r"[\w-]++\.(?:exe|tmp|dvi|qxd|indd|pmd)|",
    re.IGNORECASE,
)
"""What programs write where somebody should have given a title."""
_TITLE_EDGES = string.punctuation + string.whitespace
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
_MAX_PLAIN_BYTES = 64 * 1024
_HTML_TAG = re.compile(rb"<[a-zA-Z!?/]")


@dataclass(frozen=True, slots=True)
class FileStat:
    """Size and modification time of a file; a file with the same two counts as unchanged."""

    size: int
    modified_ns: int


@dataclass(frozen=True, slots=True)
class RawDocument:
    """The bytes of a document before a loader reads them.

    The suffix of `name` selects the loader. `called` is the name for error messages, where it
    differs from `name`. `validators` are what the web server calls this version, as JSON.
    """

    name: str
    data: bytes = field(repr=False)
    content_type: str = ""
    charset: str | None = None
    stat: FileStat = FileStat(0, 0)
    called: str = ""
    validators: str = ""

    @property
    def title(self) -> str:
        """The name for error messages."""
        return (self.called or self.name)[:100]


def load_document(
    raw: RawDocument, loaders: Sequence[Loader], *, for_search: bool = True
) -> Loaded:
    """Reads a document as blocks. Raises `Refused` with one sentence.

    With `for_search` invisible characters are left out.
    """
    if not raw.data.strip():
        raise Refused(say("{title} is empty.", title=raw.title))
    try:
        loaded = _run_loader(raw, _find_loader(raw, loaders))
        blocks = loaded.blocks or _read_markdown(loaded.text)
    except TooLong:
        raise TooLong(raw.title) from None
    except RecursionError:
        raise Refused(say("{title} is nested too deeply to be read.", title=raw.title)) from None
    title = find_title(loaded.title, blocks)
    if for_search:
        title = _INVISIBLE_CHARACTERS.sub("", title)
        blocks = tuple(map(_drop_invisible, blocks))
    characters = count_characters(blocks)
    if characters > MAX_CHARACTERS:
        raise TooLong(raw.title)
    if not characters:
        raise Refused(say("{title} has no readable text.", title=raw.title))
    return replace(loaded, text="", title=title, blocks=blocks)


def _read_markdown(text: str) -> tuple[Block, ...]:
    from bot.knowledge.loading.markup.markdown import read_markdown  # as late as loaders

    return read_markdown(text)


def find_title(title: str, blocks: Sequence[Block]) -> str:
    """Returns what a document is called by itself, else its first heading, or "".

    What programs write in place of a title ("(anonymous)", "Untitled", "10811.exe") is none.
    """
    title = " ".join(title[:1_000].split())
    if _NO_TITLE.fullmatch(title.strip(_TITLE_EDGES)):
        title = " ".join(first_heading(blocks).split())
    return title[:200]


def count_characters(blocks: Iterable[Block]) -> int:
    """Returns the number of characters of a document's text, without white space at the ends."""
    return sum(map(_count_block, blocks))


def _count_block(block: Block) -> int:
    if isinstance(block, Table):
        cells = sum(len(cell.strip()) for row in block.rows for cell in row)
        return len(block.caption) + cells
    return len((block.shown if isinstance(block, Heading) else block.text).strip())


def _drop_invisible(block: Block) -> Block:
    """A block without characters that nobody sees."""
    sub = _INVISIBLE_CHARACTERS.sub
    if isinstance(block, Table):
        rows = tuple(tuple(sub("", cell) for cell in row) for row in block.rows)
        return replace(block, rows=rows, caption=sub("", block.caption))
    if _INVISIBLE_CHARACTERS.search(block.text) is None:
        return block
    return replace(block, text=sub("", block.text))


def is_plain_text(raw: RawDocument, loaders: Sequence[Loader]) -> bool:
    """Tells whether a document is a small UTF-8 text or source file, with no HTML in it."""
    loader = _find_loader(raw, loaders)
    return (
        len(raw.data) <= _MAX_PLAIN_BYTES
        and (raw.charset or "utf-8").lower() == "utf-8"
        and (loader is CODE or (loader is TEXT and _HTML_TAG.search(raw.data) is None))
        and not is_html(raw.data, raw.content_type)
        and is_utf8(raw.data)
    )


def _find_loader(raw: RawDocument, loaders: Sequence[Loader]) -> Loader | None:
    """Returns the loader of a document; None for HTML under another content type."""
    if raw.content_type not in _UNKNOWN_CONTENT_TYPES and is_html(raw.data, raw.content_type):
        return None
    return find_loader(loaders, raw.name, raw.content_type)


def _run_loader(raw: RawDocument, loader: Loader | None) -> Loaded:
    """Runs the loader; text that came with a charset is decoded with that charset."""
    by_type = raw.content_type.startswith("text/") or raw.charset
    if loader is not None and not (by_type and loader in (TEXT, PAGE)):
        return loader.load(raw.data, raw.name)
    if loader is None and not _is_textual(raw.content_type):
        raise Refused(
            say(
                "{title} is of the type {content_type}, which is not read.",
                title=raw.title,
                content_type=raw.content_type[:60],
            )
        )
    from bot.knowledge.loading.text import load_text  # as late as other loaders

    return load_text(raw.data, raw.name, raw.content_type, raw.charset, called=raw.title)


def _is_textual(content_type: str) -> bool:
    return (
        content_type in _UNKNOWN_CONTENT_TYPES
        or content_type in _TEXT_CONTENT_TYPES
        or content_type.startswith("text/")
        or content_type.endswith(("/xml", "+json", "+xml"))
    )
