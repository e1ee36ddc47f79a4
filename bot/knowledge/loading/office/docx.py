"""Loads DOCX: what Word shows, in reading order, with the numbers that Word computes."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from xml.etree.ElementTree import Element

from bot.knowledge.loading.block_text import block_length
from bot.knowledge.loading.office.docx_numbers import W, value, whole
from bot.knowledge.loading.office.docx_parts import DOCX_KIND, Parts
from bot.knowledge.loading.office.docx_tables import read_table
from bot.knowledge.loading.office.docx_text import PAGE_MARK, Inline
from bot.knowledge.loading.office.graphics import MC
from bot.knowledge.loading.office.package import Damaged, Package, without_text
from bot.skills.document_loader import Loaded
from bot.skills.document_tree import (
    Block,
    Code,
    Heading,
    ListItem,
    Paragraph,
    Table,
)

_CODE_STYLES = frozenset(
    {"code", "source code", "html preformatted", "macro text", "preformatted text"}
)
_QUOTE_STYLES = frozenset({"quote", "intense quote", "block text", "quotations"})
_SPACES = re.compile(r" *[ \t]++")
_WHOLE_FORMULA = re.compile(r"\s*\$(.*)\$\s*", re.DOTALL)
_FIGURE = re.compile(r"(?:fig(?:ure|\.)|abb(?:ildung|\.)|equation|gleichung)\b", re.IGNORECASE)
_PAGE_WORDS = re.compile(
    rf"(?:\b(?:page|seite|página|pagina|strona|sayfa|sida|side|oldal|стр|страница)\b\.? *)?"
    rf"{PAGE_MARK}(?: *(?:of|von|de|di|sur|van|z|av|/|из) *{PAGE_MARK})?",
    re.IGNORECASE,
)
_EDGES = " \t\n-–—|·•/"


class _Body:
    """Reads a story of paragraphs and tables into blocks: the body, a note, a cell, a text box."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._blocks: list[Block] = []
        self._carried = ""
        """Text that goes on in the next paragraph: a drop cap, a deleted end of a paragraph."""

    def read(self, story: Element) -> list[Block]:
        """The blocks of a story, in order."""
        self._walk(story)
        if self._carried.strip():
            self._add(Paragraph(_tidy(self._carried)))
        return self._blocks

    def _walk(self, story: Element) -> None:
        for child in story:
            handler = _HANDLERS.get(child.tag)
            if handler is not None:
                handler(self, child)

    def _control(self, control: Element) -> None:
        content = control.find(f"{W}sdtContent")
        if content is not None:
            self._walk(content)

    def _alternative(self, element: Element) -> None:
        if len(element):
            self._walk(element[0])

    def _other_part(self, mark: Element) -> None:
        for block in self._parts.inserted(mark):
            self._add(block)

    def _paragraph(self, paragraph: Element) -> None:
        look = paragraph.find(f"{W}pPr")
        inline = self._parts.text.read(paragraph)
        inline.text = self._carried + inline.text
        self._carried = ""
        if look is not None and _goes_on(look):
            self._carried = inline.text
        else:
            self._add_paragraph(look, inline)
        self._add_attached(inline)

    def _add_paragraph(self, look: Element | None, inline: Inline) -> None:
        style, number, level = _numbering_of(look)
        listed = self._parts.numbering.find(number, level, style)
        marker = self._parts.numbering.next_marker(*listed) if listed else ""
        text = _tidy(inline.text)
        if not text.strip(PAGE_MARK):
            return
        heading = self._heading_level(look, style)
        if heading:
            line = " ".join(text.split())
            self._add(Heading(heading, line, "" if marker == "-" else marker))
        elif listed and marker:
            self._add(ListItem(text, marker, listed[1]))
        else:
            self._add_text(self._parts.styles.get(style).name.lower(), text, inline)

    def _heading_level(self, look: Element | None, style: str) -> int:
        level = whole(value(look, "outlineLvl"), -1)
        if level < 0:
            return self._parts.styles.heading_level(style)
        return min(6, level + 1) if level < 9 else 0

    def _add_text(self, style: str, text: str, inline: Inline) -> None:
        whole = _WHOLE_FORMULA.fullmatch(text)
        if style in _CODE_STYLES:
            before = self._blocks[-1] if self._blocks else None
            if isinstance(before, Code):
                self._parts.spend(len(inline.text))
                self._blocks[-1] = Code(f"{before.text}\n{inline.text}")
            else:
                self._add(Code(inline.text))
        elif whole and inline.formulas == 1 and not inline.outside:
            self._add(Paragraph(whole[1], "formula"))
        elif style == "caption":
            self._add(Paragraph(text, "caption"))
        else:
            self._add(Paragraph(text, "quote" if style in _QUOTE_STYLES else "text"))

    def _add_attached(self, inline: Inline) -> None:
        """What hangs on a paragraph: its text boxes, charts, notes and comments."""
        for box in inline.boxes:
            self._blocks += _Body(self._parts).read(box)
        for mark in inline.graphics:
            for block in self._parts.graphic(mark):
                self._add(block)
        for note in inline.notes:
            self._blocks += self._parts.note(*note)

    def _table(self, element: Element) -> None:
        notes: list[Block] = []

        def read_cell(cell: Element) -> list[Block]:
            blocks = _Body(self._parts).read(cell)
            notes.extend(filter(_is_note, blocks))
            return [block for block in blocks if not _is_note(block)]

        self._blocks += read_table(element, read_cell, self._parts.spend)
        self._blocks += notes

    def _add(self, block: Block) -> None:
        self._parts.spend(block_length(block))
        self._blocks.append(block)


def _read_story(parts: Parts, story: Element) -> list[Block]:
    return _Body(parts).read(story)


def _goes_on(look: Element) -> bool:
    """Whether a paragraph has no end of its own: a drop cap, or a deleted end."""
    frame = look.find(f"{W}framePr")
    if frame is not None and frame.get(f"{W}dropCap", "none") != "none":
        return True
    return look.find(f"{W}rPr/{W}del") is not None or look.find(f"{W}rPr/{W}moveFrom") is not None


def _numbering_of(look: Element | None) -> tuple[str, str, int]:
    """The style of a paragraph, and the list and level that it gives itself."""
    level = whole(value(look, "numPr", "ilvl"), -1)
    return value(look, "pStyle"), value(look, "numPr", "numId"), level


def _is_note(block: Block) -> bool:
    return isinstance(block, Paragraph) and block.kind in ("note", "comment")


def _tidy(text: str) -> str:
    """Text without the blanks that only arrange it; its own line breaks are kept."""
    if "\t" in text or "  " in text:
        text = _SPACES.sub(" ", text)
    if "\n" in text:
        text = "\n".join(filter(None, map(str.strip, text.split("\n"))))
    return text.strip()


def _attach_captions(blocks: list[Block]) -> list[Block]:
    """Captions become part of the table below them, or else above them."""
    made: list[Block] = []
    caption: Paragraph | None = None
    for block in blocks:
        if isinstance(block, Table) and not block.caption and caption is not None:
            made[-1] = replace(block, caption=caption.text)
        else:
            _caption_above(made, caption)
            made.append(block)
        caption = _as_table_caption(block)
    _caption_above(made, caption)
    return made


def _caption_above(made: list[Block], caption: Paragraph | None) -> None:
    """Puts a caption, the last of the blocks, to the table above it."""
    above = made[-2] if caption is not None and len(made) > 1 else None
    if caption is not None and isinstance(above, Table) and not above.caption:
        made[-2:] = [replace(above, caption=caption.text)]


def _as_table_caption(block: Block) -> Paragraph | None:
    if isinstance(block, Paragraph) and block.kind == "caption" and not _FIGURE.match(block.text):
        return block
    return None


def _frames(parts: Parts, document: Element, kind: str) -> Iterator[Block]:
    """The text of headers or footers, each once, without the numbers of pages."""
    told: set[str] = set()
    for frame in parts.frames(document, kind):
        for block in _read_story(parts, frame):
            if isinstance(block, Heading | ListItem | Paragraph):
                text = _PAGE_WORDS.sub("", block.text).replace(PAGE_MARK, "").strip(_EDGES)
                block = Paragraph(text, block.kind if isinstance(block, Paragraph) else "text")
                if text in told or not any(map(str.isalpha, text)):
                    continue
                told.add(text)
            yield block


def load_docx(data: bytes, name: str) -> Loaded:
    with Package(data, name, DOCX_KIND) as package:
        parts = Parts(package, _read_story)
        document = package.xml(parts.main)
        body = document.find(f"{W}body")
        if body is None:
            raise Damaged
        blocks = _attach_captions(_read_story(parts, body))
        title = next((one.text for one in blocks if isinstance(one, Heading)), "")[:200]
        blocks = [*_frames(parts, document, "header"), *blocks]
        blocks += _frames(parts, document, "footer")
    if not blocks:
        raise without_text(name)
    return Loaded(title=title, blocks=tuple(map(_without_marks, blocks)), left_out=parts.left_out())


def _without_marks(block: Block) -> Block:
    """A block of the body without the marks of page numbers, which only frames have in earnest."""
    if isinstance(block, Table) or PAGE_MARK not in block.text:
        return block
    return replace(block, text=block.text.replace(PAGE_MARK, ""))


_HANDLERS: dict[str, Callable[[_Body, Element], None]] = {
    f"{W}p": _Body._paragraph,
    f"{W}tbl": _Body._table,
    f"{W}sdt": _Body._control,
    f"{W}altChunk": _Body._other_part,
    f"{MC}AlternateContent": _Body._alternative,
    **dict.fromkeys((f"{W}{name}" for name in ("customXml", "ins", "moveTo")), _Body._walk),
}
