"""Reads HTML as the blocks of a document, with all that a browser shows.

blocks = blocks_of_html("<h1>Pump</h1><ol start=3><li>Open the valve.</ol>")
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Container, Iterable
from typing import Any

from bot.skills.document_tree import Block
from bot.web.block_writer import BlockWriter
from bot.web.html_tree import is_hidden, parse, tag_of, walk
from bot.web.mathml import formula_of

_SKIPPED_TAGS = frozenset({
    "applet", "button", "canvas", "colgroup", "datalist", "dialog", "embed", "head", "iframe",
    "map", "noscript", "object", "rp", "rt", "rtc", "script", "style", "template", "title",
})  # fmt: skip
_LEFT_OUT = {"video": "video", "audio": "recording"}
_NAMING_TAGS = frozenset({
    "dt", "h1", "h2", "h3", "h4", "h5", "h6", "summary", "th",
})  # fmt: skip
"""Elements in which a button says what it opens."""
_MAX_PARTS = 3
_LAYOUT_CHARACTERS = 400
"""Characters of text in a table of a single row or column that only arranges it, and in tables
within another that is no table of values then."""
_ARRANGED_TAGS = frozenset({"table", "pre", "ul", "ol", "dl", "blockquote"})
_HEADING_TAGS = frozenset({"h1", "h2", "h3", "h4", "h5", "h6"})


def blocks_of_html(
    html: str, left_out: Counter[str] | None = None, sheets: Iterable[str] = ()
) -> tuple[Block, ...]:
    """Return the blocks of a whole document: a page, a chapter of a book, a message.

    What is seen and not read is counted in `left_out`: "picture", "video". `sheets` are the style
    sheets besides those within it. Raises `RecursionError` where elements are nested too deeply.
    """
    root = parse(html, sheets)
    return () if root is None else blocks_of_tree(root, left_out)


def blocks_of_tree(
    root: Any, left_out: Counter[str] | None = None, skipped: Container[Any] = ()
) -> tuple[Block, ...]:
    """Return the blocks of an element and what is within it, without the elements in `skipped`."""
    writer = BlockWriter(Counter() if left_out is None else left_out, _layout_tables(root))
    walked = walk(root, "start", "end", "comment", "pi")
    last: Any = None  # what was read otherwise, and ends now
    for event, element in walked:
        if event == "start":
            if element in skipped or _is_read_otherwise(element, writer):
                last = element
                walked.skip_subtree()
            else:
                writer.start(element, tag_of(element))
                writer.add_text(element.text)
            continue
        if event == "end":
            if element is not last:
                writer.end()
            last = None
        if element is not root:
            writer.add_text(element.tail)
    return writer.finish()


def _is_read_otherwise(element: Any, writer: BlockWriter) -> bool:
    """Whether the walk leaves out what is within an element: it is not shown, or it is read here
    as a whole."""
    tag = tag_of(element)
    if tag == "math":
        writer.add_formula(formula_of(element), display=element.get("display") == "block")
        return True
    if is_hidden(element):
        for math in element.iter("{*}math", "math"):  # shown as a picture, which has its words
            writer.add_formula(formula_of(math), display=False)
            break
        return True
    if tag == "script" and (element.get("type") or "").startswith("math/tex"):
        writer.add_formula(element.text or "", display="mode=display" in element.get("type"))
    elif tag == "svg":
        labels = (" ".join("".join(label.itertext()).split()) for label in element.iter("text"))
        writer.add_text(" ".join(filter(None, labels)))
        return True
    elif tag == "select":
        options = element.findall(".//option")
        chosen = [one for one in options if one.get("selected") is not None] or options[:1]
        writer.add_text(" " + ", ".join("".join(one.itertext()).strip() for one in chosen) + " ")
        return True
    elif tag in _LEFT_OUT:
        writer.leave_out(_LEFT_OUT[tag])
        return True
    if tag == "button":
        return not _names_what_it_opens(element)
    return tag in _SKIPPED_TAGS


def _names_what_it_opens(button: Any) -> bool:
    """Whether a button is all of a heading or a question."""
    around = button.getparent()
    if around is None or tag_of(around) not in _NAMING_TAGS or len(around) > _MAX_PARTS:
        return False
    return "".join(around.itertext()).split() == "".join(button.itertext()).split()


def _layout_tables(root: Any) -> set[Any]:
    """The tables that arrange blocks of text, as old pages and letters do."""
    found: set[Any] = set()
    open_tables: list[_TableShape] = []
    for event, element in walk(root, "start", "end"):
        tag = tag_of(element)
        if event == "start":
            if open_tables:
                open_tables[-1].count(element, tag)
            if tag == "table":
                open_tables.append(_TableShape(element))
        else:
            if tag == "table":
                shape = open_tables.pop()
                if shape.is_layout:
                    found.add(element)
                if open_tables:
                    open_tables[-1].nested += shape.characters
                    open_tables[-1].characters += shape.characters
            if open_tables:
                open_tables[-1].characters += len((element.tail or "").strip())
    return found


class _TableShape:
    """How many rows, columns and characters a table has."""

    def __init__(self, element: Any) -> None:
        self.characters = len((element.text or "").strip())
        self.nested = 0
        self._rows = self._columns = self._cells = 0
        self._arranges = False
        self._names = self._has_headings = False
        self._told = element.get("role") in ("presentation", "none")

    def count(self, element: Any, tag: str) -> None:
        """Take in an element of the table."""
        self.characters += len((element.text or "").strip())
        if tag == "tr":
            self._rows += 1
            self._cells = 0
        elif tag in ("td", "th"):
            self._cells += 1
            self._columns = max(self._columns, self._cells)
        self._names |= tag in ("th", "caption")
        self._arranges |= tag in _ARRANGED_TAGS
        self._has_headings |= tag in _HEADING_TAGS

    @property
    def is_layout(self) -> bool:
        """Whether the table has no values of its own."""
        if self._told:
            return True
        if self._rows > 1 and self._columns > 1:
            arranges = self.nested > _LAYOUT_CHARACTERS or self._has_headings
            return arranges and not self._names
        return self._arranges or self._has_headings or self.characters > _LAYOUT_CHARACTERS
