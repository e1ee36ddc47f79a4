"""Parses AsciiDoc, Org and reStructuredText into blocks, line by line.

Read are headings, paragraphs, lists, code, quotations, footnotes and simple tables; comments and
settings are left out, and a comment in a listing is no heading. What else stands in a text is kept
as text.
"""

from __future__ import annotations

from collections.abc import Callable

from bot.knowledge.loading.markup.asciidoc import read_asciidoc
from bot.knowledge.loading.markup.org import read_org
from bot.knowledge.loading.markup.rst import read_rst
from bot.knowledge.loading.text_formats import MARKUP_SUFFIXES
from bot.skills.document_tree import Block

ReadMarkup = Callable[[str], tuple[tuple[Block, ...], int, str]]
"""Parses a text; returns its blocks, the number of its pictures, and the title that it names."""

_PARSERS: dict[str, ReadMarkup] = {"asciidoc": read_asciidoc, "org": read_org, "rst": read_rst}
MARKUPS = {suffix: _PARSERS[markup] for suffix, markup in MARKUP_SUFFIXES.items()}
"""The markups by the suffix of a file."""
