"""Loads texts: Markdown, plain text, AsciiDoc, Org and reStructuredText, and source code.

Read are headings, paragraphs, lists with their numbers, tables, code, quotations and footnotes of
the markup that the file's name tells. Not read are pictures (their descriptions are), comments, and
files that are included from elsewhere.
"""

from __future__ import annotations

from pathlib import PurePosixPath

from bot.catalogue.sentence import say
from bot.errors import Refused
from bot.knowledge.loading.markup.formats import MARKUPS
from bot.knowledge.loading.markup.markdown import front_matter_title, parse_markdown
from bot.knowledge.loading.text_formats import (
    LANGUAGES_BY_NAME,
    LANGUAGES_BY_SUFFIX,
    MARKDOWN_SUFFIXES,
    MARKDOWN_TYPES,
)
from bot.skills.document_loader import Loaded
from bot.skills.document_tree import Code, LeftOut
from bot.web.decoding import decode, is_binary, is_html
from bot.web.extract import extract


def load_text(
    data: bytes, name: str, content_type: str = "", charset: str | None = None, *, called: str = ""
) -> Loaded:
    """Loads a text in the markup of its name, in whatever charset; HTML under another name is seen
    as such. Raises `Refused`, about what it is `called`."""
    if is_html(data, content_type):
        return extract(data, called or name, content_type, charset)
    text = _decode(data, called or name, charset)
    suffix = PurePosixPath(name).suffix.lower()
    if suffix in MARKUPS and content_type not in MARKDOWN_TYPES:
        blocks, pictures, title = MARKUPS[suffix](text)
    else:
        plain = suffix not in MARKDOWN_SUFFIXES and content_type not in MARKDOWN_TYPES
        blocks, pictures = parse_markdown(text, plain=plain)
        title = front_matter_title(text)
    left_out = (LeftOut("picture", pictures),) if pictures else ()
    return Loaded("", title, blocks, left_out)


def load_code(data: bytes, name: str) -> Loaded:
    """Loads source code as one block, named by its file."""
    text = _decode(data, name).replace("\r\n", "\n").replace("\r", "\n").strip("\n")
    path = PurePosixPath(name)
    language = LANGUAGES_BY_SUFFIX.get(path.suffix.lower(), "") or LANGUAGES_BY_NAME.get(
        path.stem.lower(), ""
    )
    return Loaded("", path.name, (Code(text, language),) if text.strip() else ())


def _decode(data: bytes, name: str, charset: str | None = None) -> str:
    if is_binary(data):
        raise Refused(
            say("{name} is not text, so there is nothing to read in it.", name=name[:100])
        )
    return decode(data, charset)
