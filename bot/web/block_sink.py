"""Collects the blocks of a document as its lines are read: paragraphs, items of lists, headings."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

from bot.skills.document_tree import Block, Heading, ListItem, Paragraph, Table

Kind = Literal["text", "quote", "note", "caption"]
Exit = Callable[[], None]
"""What takes the end of an element that was entered."""

_BOXED = re.compile(r"(\[[x ]\])\s+(?=\S)")
_BOXES = re.compile(r"(?:\[[x ]\]\s*)+")
_PARAGRAPHS = re.compile(r"\n{2,}")
_MAX_HEADING_CHARACTERS = 400


@dataclass(slots=True)
class Item:
    """An item of a list that is being read; it is written when another block begins."""

    marker: str
    depth: int
    prefix: str = ""
    lines: list[str] = field(default_factory=list)
    is_open: bool = True


class BlockSink:
    """Takes lines of text, and puts each where it belongs at that place of the document."""

    def __init__(self) -> None:
        self.blocks: list[Block] = []
        self.kinds: list[Kind] = ["text"]
        self.cells: list[list[str]] = []
        """The cells, captions and terms around this place, whose lines are kept apart."""
        self._items: list[Item] = []

    @property
    def fresh_item(self) -> Item | None:
        """The item of a list that this place begins."""
        item = self._items[-1] if self._items else None
        return item if item and item.is_open and not item.lines else None

    def add_text(self, text: str) -> None:
        """Take the text of a block."""
        if not text:
            return
        if self.cells:
            self.cells[-1].append(text)
        elif not _BOXES.fullmatch(text):
            for part in _PARAGRAPHS.split(text):
                if self._items and self._items[-1].is_open:
                    self._items[-1].lines.append(part)
                else:
                    self.put(Paragraph(part, self.kinds[-1]))

    def add_heading(self, level: int, text: str, number: str) -> None:
        """Take a heading; one that begins a numbered item has its number."""
        if self.cells or len(text) > _MAX_HEADING_CHARACTERS:
            self.add_text(text)
        elif text:
            item = self.fresh_item
            if item and item.marker != "-" and not item.marker.startswith("["):
                number, item.is_open = item.marker, False
            self.put(Heading(level, " ".join(text.split()), number))

    def put(self, block: Block) -> None:
        """Take a whole block."""
        self.close_item()
        self.blocks.append(block)

    def open_item(self, marker: str, depth: int, prefix: str = "") -> None:
        """Begin an item of a list; `prefix` is the term that it defines."""
        self.close_item()
        self._items.append(Item(marker, depth, prefix))

    def close_item(self) -> None:
        """Write the item that is being read, since another block begins."""
        item = self._items[-1] if self._items else None
        if item is None or not item.is_open:
            return
        item.is_open = False
        marker, text = item.marker, "\n".join(item.lines)
        box = _BOXED.match(text)
        if box and marker == "-" and not item.prefix:
            marker, text = box[1], text[box.end() :]
        if item.prefix:
            text = f"{item.prefix.rstrip(': ')}: {text}".rstrip()
        if text or marker != "-":
            self.blocks.append(ListItem(text, marker, item.depth))

    def end_item(self) -> None:
        """Take the end of an item."""
        self.close_item()
        self._items.pop()

    def join_figure(self, first: int) -> None:
        """Give the table of a figure its caption; `first` is the figure's first block."""
        inside = self.blocks[first:]
        if len(inside) != 2:
            return
        table = next((block for block in inside if isinstance(block, Table)), None)
        note = next((block for block in inside if isinstance(block, Paragraph)), None)
        if table and note and note.kind == "caption" and not table.caption:
            made = Table(table.rows, table.header_rows, note.text, table.place, table.places)
            self.blocks[first:] = [made]
