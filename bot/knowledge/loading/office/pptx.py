"""Loads PPTX: slide by slide, with tables, charts, diagrams, notes and comments."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from xml.etree.ElementTree import Element

from bot.catalogue.sentence import say
from bot.knowledge.loading.block_text import block_length
from bot.knowledge.loading.office.graphics import (
    MC,
    A,
    drawing_text,
    is_graphic,
    picture_words,
    read_graphic,
)
from bot.knowledge.loading.office.package import (
    RELATION_ID,
    Damaged,
    Package,
    without_text,
)
from bot.knowledge.loading.office.pptx_text import read_text
from bot.knowledge.loading.table_text import make_table
from bot.skills.document_loader import MAX_CHARACTERS, Loaded, TooLong
from bot.skills.document_tree import Block, Heading, Paragraph, Place, list_left_out

_P = "{http://schemas.openxmlformats.org/presentationml/2006/main}"
_TITLES = frozenset({"title", "ctrTitle"})
_FRAME = frozenset({"sldNum", "dt", "hdr"})
"""Placeholders of what stands on every slide and says nothing of it."""
_WITHOUT_BULLETS = frozenset({"subTitle", *_TITLES})
_NO_SHAPES = frozenset(f"{_P}{name}" for name in ("nvGrpSpPr", "grpSpPr", "extLst", "cxnSp"))
_MAX_COLUMNS = 1_000


class _Slide:
    """Reads one slide; what is left out is counted in `left_out`."""

    def __init__(self, package: Package, path: str, place: Place, left_out: Counter[str]) -> None:
        self._package = package
        self._path = path
        self._place = place
        self._left_out = left_out
        self.title = ""
        self.footer = ""

    def read(self, root: Element) -> list[Block]:
        """The blocks of the slide below its title."""
        tree = root.find(f"{_P}cSld/{_P}spTree")
        blocks = [] if tree is None else list(self._shapes(tree))
        for path in self._package.related(self._path, "notesSlide"):
            notes = list(self._notes(path))
            blocks += [Heading(2, "Notes", place=self._place), *notes] if notes else []
        return [*blocks, *self._comments()]

    def _shapes(self, tree: Element) -> Iterator[Block]:
        for shape in tree:
            if shape.tag in _NO_SHAPES:
                continue
            try:
                yield from list(self._shape(shape))
            except (Damaged, ValueError, LookupError):
                self._left_out["damaged shape"] += 1

    def _shape(self, shape: Element) -> Iterator[Block]:
        if shape.tag == f"{_P}sp":
            yield from self._text(shape)
        elif shape.tag == f"{_P}grpSp":
            yield from self._shapes(shape)
        elif shape.tag == f"{_P}graphicFrame":
            yield from self._graphic(shape)
        elif shape.tag == f"{_P}pic":
            self._left_out["picture"] += 1
            yield from self._description(shape)
        elif shape.tag == f"{MC}AlternateContent":
            yield from self._shapes(shape[0] if len(shape) else shape)
        elif text := drawing_text(shape):
            yield Paragraph(text, place=self._place)
        else:
            self._left_out["unknown shape"] += 1

    def _text(self, shape: Element) -> Iterator[Block]:
        mark = shape.find(f"{_P}nvSpPr/{_P}nvPr/{_P}ph")
        kind = "" if mark is None else mark.get("type", "obj")
        body = shape.find(f"{_P}txBody")
        if kind in _TITLES and not self.title:
            self.title = " ".join(drawing_text(body).split())
        elif kind == "ftr":
            self.footer = drawing_text(body)
        elif kind not in _FRAME:
            bulleted = mark is not None and kind not in _WITHOUT_BULLETS
            yield from read_text(body, self._place, bulleted=bulleted)
        if shape.find(f".//{A}blip") is not None:
            self._left_out["picture"] += 1

    def _graphic(self, frame: Element) -> Iterator[Block]:
        table = frame.find(f".//{A}tbl")
        graphic = next(filter(is_graphic, frame.iter()), None)
        if table is not None:
            yield from self._table(table)
        elif graphic is not None:
            for block in read_graphic(self._package, self._path, graphic, self._left_out):
                yield replace(block, place=self._place)
        else:
            self._left_out["embedded object"] += 1
            yield from self._description(frame)

    def _table(self, table: Element) -> Iterator[Block]:
        look = table.find(f"{A}tblPr")
        named = look is not None and look.get("firstRow") in ("1", "true")
        rows: list[list[str]] = []
        for row in table.iterfind(f"{A}tr"):
            cells: list[str] = []
            for cell in row.iterfind(f"{A}tc"):
                text = drawing_text(cell.find(f"{A}txBody"))
                if cell.get("hMerge") in ("1", "true") and cells:
                    text = text or cells[-1]
                elif cell.get("vMerge") in ("1", "true") and rows and len(cells) < len(rows[-1]):
                    text = text or rows[-1][len(cells)]
                cells.append(text)
            rows.append(cells[:_MAX_COLUMNS])
        named = named and len(rows) > 1
        for made in make_table(rows, int(named)):
            yield replace(made, place=self._place)

    def _description(self, shape: Element) -> Iterator[Block]:
        for mark in shape.iter(f"{_P}cNvPr"):
            if text := picture_words(mark):
                yield Paragraph(text, place=self._place)

    def _notes(self, path: str) -> Iterator[Block]:
        try:
            tree = self._package.xml(path).find(f"{_P}cSld/{_P}spTree")
        except Damaged:
            self._left_out["damaged page of notes"] += 1
            return
        for shape in () if tree is None else tree.iter(f"{_P}sp"):
            mark = shape.find(f"{_P}nvSpPr/{_P}nvPr/{_P}ph")
            if mark is None or mark.get("type", "obj") not in (*_FRAME, "ftr", "sldImg"):
                yield from read_text(shape.find(f"{_P}txBody"), self._place)

    def _comments(self) -> Iterator[Block]:
        for path in self._package.related(self._path, "comments"):
            with suppress(Damaged):
                for comment in self._package.xml(path).iter():
                    if comment.tag.endswith("}cm"):
                        text = comment.findtext(f"{_P}text") or drawing_text(comment)
                        if text.strip():
                            said = f"Comment: {text.strip()}"
                            yield Paragraph(said, "comment", self._place)


def load_pptx(data: bytes, name: str) -> Loaded:
    left_out: Counter[str] = Counter()
    with Package(data, name, say("a PPTX")) as package:
        main = package.main
        root = package.xml(main)
        if root.tag != f"{_P}presentation":
            raise Damaged
        targets = package.relations(main)
        blocks: list[Block] = []
        footers: dict[str, None] = {}
        title, left = "", MAX_CHARACTERS
        for number, mark in enumerate(root.iterfind(f"{_P}sldIdLst/{_P}sldId"), 1):
            target = targets.get(mark.get(RELATION_ID, ""))
            try:
                slide_root = package.xml(target.target if target is not None else "")
            except Damaged:
                left_out["damaged slide"] += 1
                continue
            if slide_root.get("show") in ("0", "false"):
                left_out["hidden slide"] += 1
                continue
            place = Place(slide=number)
            slide = _Slide(package, target.target if target else "", place, left_out)
            inside = slide.read(slide_root)
            called = f"{slide.title} (slide {number})" if slide.title else f"Slide {number}"
            if inside or slide.title:
                blocks += [Heading(1, called, place=place), *inside]
            title = title or slide.title
            footers |= dict.fromkeys(filter(None, [slide.footer]))
            left -= sum(map(block_length, inside))
            if left < 0:
                raise TooLong(name)
        blocks += [Paragraph(text) for text in footers]
        if not blocks and left_out["damaged slide"]:
            raise Damaged
    if not blocks:
        raise without_text(name)
    return Loaded(title=title[:200], blocks=tuple(blocks), left_out=list_left_out(left_out))
