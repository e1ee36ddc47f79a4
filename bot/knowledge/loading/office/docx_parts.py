"""The parts of a DOCX beside its text: styles, notes, comments, charts, inserted documents."""

from __future__ import annotations

import email
import email.policy
from collections import Counter
from collections.abc import Callable, Iterator
from xml.etree.ElementTree import Element

from bot.catalogue.sentence import say
from bot.errors import Refused
from bot.knowledge.loading.block_text import block_text
from bot.knowledge.loading.office.docx_numbers import Numbering, Styles, W
from bot.knowledge.loading.office.docx_text import TextReader
from bot.knowledge.loading.office.graphics import read_graphic
from bot.knowledge.loading.office.package import RELATION_ID, Damaged, Package
from bot.skills.document_loader import MAX_CHARACTERS, TooLong
from bot.skills.document_tree import Block, LeftOut, Paragraph, list_left_out
from bot.web.decoding import decode
from bot.web.html_blocks import blocks_of_html

ReadStory = Callable[["Parts", Element], list[Block]]

DOCX_KIND = say("a DOCX")
_MAX_INSERTED = 50
"""Inserted documents that are read, those within each other too."""


class Parts:
    """What the paragraphs of a document refer to, and what the document has room for."""

    def __init__(self, package: Package, read_story: ReadStory, inserted: int = 0) -> None:
        self.package = package
        self.main = package.main
        self._left_out: Counter[str] = Counter()
        self.styles = Styles(self._related("styles"))
        self.numbering = Numbering(self._related("numbering"), self.styles)
        self.text = TextReader(self.styles)
        self._read_story = read_story
        self._notes = {
            kind: _by_id(self._related(f"{kind}s")) for kind in ("footnote", "endnote", "comment")
        }
        self._told: set[tuple[str, str]] = set()
        self._left = MAX_CHARACTERS
        self._inserted = inserted

    def spend(self, characters: int) -> None:
        """Count characters of the document. Raises `TooLong` if there are too many."""
        self._left -= characters
        if self._left < 0:
            raise TooLong

    def left_out(self) -> tuple[LeftOut, ...]:
        """What was seen and not read."""
        counts = {
            "picture": self.text.pictures,
            "symbol": self.text.unknown_symbols,
            **self._left_out,
        }
        return list_left_out(counts)

    def note(self, kind: str, number: str, mark: str) -> Iterator[Block]:
        """A note or comment, the first time that it is referred to."""
        found = self._notes[kind].get(number)
        if found is None or (kind, number) in self._told:
            return
        self._told.add((kind, number))
        texts = [block_text(block) for block in self._read_story(self, found)]
        text = "\n".join(filter(None, texts)).strip()
        if not text:
            return
        if kind == "comment":
            author = found.get(f"{W}initials") or found.get(f"{W}author") or ""
            said = f"Comment ({author})" if author else "Comment"
            yield Paragraph(f"{said}: {text}", "comment")
        else:
            yield Paragraph(f"{mark} {text}".strip(), "note")

    def graphic(self, mark: Element) -> tuple[Block, ...]:
        """A chart or diagram by its mark; one that is damaged is left out."""
        return read_graphic(self.package, self.main, mark, self._left_out)

    def leave_out(self, what: str) -> None:
        self._left_out[what] += 1

    def inserted(self, mark: Element) -> tuple[Block, ...]:
        """A document of another format that stands in this one (`altChunk`)."""
        found = self.package.relations(self.main).get(mark.get(RELATION_ID, ""))
        blocks: tuple[Block, ...] = ()
        if found is not None and not found.external and self._inserted < _MAX_INSERTED:
            self._inserted += 1
            try:
                blocks = self._read_inserted(self.package.read(found.target))
            except TooLong:
                raise
            except (Damaged, Refused):
                blocks = ()
        if not blocks:
            self.leave_out("inserted document")
        return blocks

    def _read_inserted(self, data: bytes) -> tuple[Block, ...]:
        head = data[:2_000].lstrip().lower()
        if head.startswith(b"pk"):
            with Package(data, "", DOCX_KIND) as package:
                parts = Parts(package, self._read_story, self._inserted)
                blocks = self._read_story(parts, package.xml(parts.main))
                self._inserted = parts._inserted
                return tuple(blocks)
        if b"mime-version:" in head:
            message = email.message_from_bytes(data, policy=email.policy.default)
            body = message.get_body(("html", "plain"))
            content = body.get_content() if body is not None else ""
            return blocks_of_html(content) if isinstance(content, str) else ()
        if head.startswith(b"{\\rtf"):
            return ()
        text = decode(data)
        if b"<" in head:
            return blocks_of_html(text)
        return tuple(Paragraph(one.strip()) for one in text.split("\n\n") if one.strip())

    def frames(self, story: Element, kind: str) -> Iterator[Element]:
        """The headers or footers of a document, each once."""
        told: set[str] = set()
        for mark in story.iter(f"{W}{kind}Reference"):
            found = self.package.relations(self.main).get(mark.get(RELATION_ID, ""))
            if found is not None and found.target not in told:
                told.add(found.target)
                try:
                    root = self.package.xml(found.target)
                except Damaged:
                    self.leave_out(f"damaged {kind}")
                    continue
                yield root

    def _related(self, kind: str) -> Element | None:
        """A part that a document can do without."""
        for path in self.package.related(self.main, kind):
            try:
                return self.package.xml(path)
            except Damaged:
                self.leave_out("damaged part")
        return None


def _by_id(root: Element | None) -> dict[str, Element]:
    return {} if root is None else {one.get(f"{W}id", ""): one for one in root}
