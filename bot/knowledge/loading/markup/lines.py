"""Collects the blocks of a text in a line-based markup: paragraphs and lists over several lines."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Literal

from bot.skills.document_tree import Block, Code, Heading, ListItem, Paragraph, Table

LINE_ENDS = re.compile("\r\n?|[\x0b\x0c\x85\u2028\u2029]")
_MAX_DEPTH = 20

Marks = Sequence[tuple[re.Pattern[str], str | Callable[[re.Match[str]], str]]]
"""What the marks of a text are replaced by."""


class BlockCollector:
    """Takes lines and makes blocks of them. `inline` reads a text without the markup's marks."""

    def __init__(self, inline: Callable[[str], str]) -> None:
        self.blocks: list[Block] = []
        self.pictures = 0
        self._inline = inline
        self._lines: list[str] = []
        self._kind: Literal["text", "quote", "note"] = "text"
        self._item: tuple[str, int] | None = None
        self.caption = ""
        """The caption of the table or listing that comes next."""

    def line(self, text: str, kind: Literal["text", "quote", "note"] = "text") -> None:
        """Add a line to the paragraph or item that is open."""
        if not self._lines and self._item is None:
            self._flush_caption()
            self._kind = kind
        self._lines.append(text.strip())

    def item(self, text: str, marker: str, depth: int) -> None:
        """Begin an item of a list."""
        self.close()
        self._flush_caption()
        checked = re.match(r"\[([ xX*-])\]\s+", text)
        if checked:
            marker, text = f"[{' ' if checked[1] in ' -' else 'x'}]", text[checked.end() :]
        self._item = (marker, min(depth, _MAX_DEPTH))
        self._lines.append(text.strip())

    @property
    def is_open(self) -> bool:
        """Whether a paragraph or an item is being read."""
        return bool(self._lines)

    @property
    def in_item(self) -> bool:
        """Whether an item is being read."""
        return self._item is not None

    def close(self) -> None:
        """End the paragraph or item that is open."""
        text = self._inline("\n".join(filter(None, self._lines))).strip()
        if self._item is not None and text:
            self.blocks.append(ListItem(text, *self._item))
        elif text:
            self.blocks.append(Paragraph(text, self._kind))
        self._lines, self._item, self._kind = [], None, "text"

    def heading(self, level: int, text: str) -> None:
        """Add a heading."""
        self.close()
        self._flush_caption()
        text = " ".join(self._inline(text).replace("`", "").split())
        if text:
            self.blocks.append(Heading(min(6, max(1, level)), text))

    def code(self, lines: Sequence[str], language: str = "") -> None:
        """Add a listing; what all of its lines are indented by is left out."""
        self.close()
        self._flush_caption()
        indents = [len(line) - len(line.lstrip()) for line in lines if line.strip()]
        margin = min(indents, default=0)
        text = "\n".join(line[margin:].rstrip() for line in lines).strip("\n")
        if text.strip():
            self.blocks.append(Code(text, language[:40]))

    def table(self, rows: Sequence[Sequence[str]], header_rows: int) -> None:
        """Add a table, with the caption that was read before it."""
        self.close()
        caption, self.caption = self.caption, ""
        cells = tuple(tuple(self._inline(cell.strip()) for cell in row) for row in rows)
        if any(any(row) for row in cells):
            self.blocks.append(Table(cells, min(header_rows, len(cells)), self._inline(caption)))

    def _flush_caption(self) -> None:
        if self.caption:
            self.blocks.append(Paragraph(self._inline(self.caption), "caption"))
            self.caption = ""


def indent_of(line: str) -> int:
    """Returns the number of characters that a line is indented by."""
    return len(line) - len(line.lstrip())


def clean_marks(text: str, code: re.Pattern[str], marks: Marks) -> str:
    """Returns a text without marks; what `code` finds becomes code, in which marks are text."""
    made: list[str] = []
    at = 0
    for found in code.finditer(text):
        made.append(_replace_marks(text[at : found.start()], marks))
        made.append(f"`{found[1]}`")
        at = found.end()
    made.append(_replace_marks(text[at:], marks))
    return "".join(made)


def _replace_marks(text: str, marks: Marks) -> str:
    for pattern, to in marks:
        text = pattern.sub(to, text)
    return text
