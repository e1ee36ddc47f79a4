"""A document as text, as its passages have it, for tests that look at words and their order."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

from bot.knowledge.loading.document import RawDocument, load_document
from bot.knowledge.loading.registry import LOADERS
from bot.knowledge.loading.table_rows import label_rows, whole_table
from bot.skills.document_loader import Loaded, Loader
from bot.skills.document_tree import Block, Paragraph, Table, to_markdown


def load_with_text(raw: RawDocument, loaders: Sequence[Loader] = LOADERS) -> Loaded:
    """A document as it is loaded, with its blocks as text beside them. Raises `Refused`."""
    found = load_document(raw, loaders)
    return replace(found, text=searched_markdown(found.blocks))


def searched_markdown(blocks: Iterable[Block]) -> str:
    """Blocks as Markdown in which rows of long tables name their columns."""
    return to_markdown(one for block in blocks for one in _as_searched(block))


def _as_searched(block: Block) -> Iterator[Block]:
    if not isinstance(block, Table) or whole_table(block):
        yield block
        return
    if block.caption:
        yield Paragraph(block.caption, "caption", block.place)
    yield from (Paragraph(text, place=place) for text, place in label_rows(block))
