"""The parts of a workbook that its sheets share: texts, formats, comments and text boxes."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any
from xml.etree.ElementTree import Element, ParseError, XMLPullParser

from bot.catalogue.sentence import say
from bot.knowledge.loading.office.date_format import BUILT_IN_FORMATS
from bot.knowledge.loading.office.graphics import (
    drawing_text,
    is_graphic,
    picture_words,
    read_graphic,
    shown_parts,
)
from bot.knowledge.loading.office.package import (
    RELATION_ID,
    UNPACKING_ERRORS,
    Damaged,
    Package,
    transitional,
)
from bot.skills.document_tree import Block, Paragraph, lowered, raised

S = "{http://schemas.openxmlformats.org/spreadsheetml/2006/main}"
_DRAWING = "{http://schemas.openxmlformats.org/drawingml/2006/spreadsheetDrawing}"
_BLIP = "{http://schemas.openxmlformats.org/drawingml/2006/main}blip"
_THREADED = "{http://schemas.microsoft.com/office/spreadsheetml/2018/threadedcomments}"
_ESCAPED = re.compile(r"_x([0-9A-Fa-f]{4})_")
_PIECE_BYTES = 256 * 1024


@dataclass(frozen=True, slots=True)
class Sheet:
    """A sheet of a workbook; `path` is the path of its part."""

    name: str
    path: str
    hidden: bool


@dataclass(slots=True)
class Workbook:
    """What a workbook says about all of its sheets."""

    package: Package
    sheets: list[Sheet] = field(default_factory=list)
    texts: list[str] = field(default_factory=list)
    formats: list[str] = field(default_factory=list)
    """The number format of each cell style."""
    from_1904: bool = False


def open_workbook(package: Package) -> Workbook:
    """Reads what the sheets of a workbook need. Raises `Damaged`."""
    main = package.main
    root = package.xml(main)
    if root.tag != f"{S}workbook":
        raise Damaged
    book = Workbook(package)
    settings = root.find(f"{S}workbookPr")
    if settings is not None:
        book.from_1904 = settings.get("date1904", "0") in ("1", "true")
    targets = package.relations(main)
    for one in root.iterfind(f"{S}sheets/{S}sheet"):
        target = targets.get(one.get(RELATION_ID, ""))
        if target is not None and target.kind in ("worksheet", "chartsheet"):
            hidden = one.get("state", "visible") != "visible"
            name = " ".join(one.get("name", "").split())
            book.sheets.append(Sheet(name, target.target, hidden))
    for path in package.related(main, "styles"):
        with suppress(Damaged):
            book.formats = _formats(package.xml(path))
    for path in package.related(main, "sharedStrings"):
        book.texts = [rich_text(one) for one in elements(package, path, f"{S}si")]
    return book


def elements(package: Package, path: str, *tags: str) -> Iterator[Element]:
    """The elements of these names in a large part, one after another; each is emptied after."""
    parser: Any = XMLPullParser(("end",))
    with package.open(path) as stream:
        try:
            piece = transitional(stream.read(_PIECE_BYTES))
            while piece:
                parser.feed(piece)
                events: Iterator[Any] = parser.read_events()
                for _, element in events:
                    if element.tag in tags:
                        yield element
                        element.clear()
                piece = stream.read(_PIECE_BYTES)
            parser.close()
        except (ParseError, *UNPACKING_ERRORS) as exc:
            raise Damaged from exc


def rich_text(element: Element) -> str:
    """A text whose parts may look different; how it is read aloud is left out."""
    plain = element.find(f"{S}t")
    made = "" if plain is None else plain.text or ""
    for run in element.iterfind(f"{S}r"):
        text = run.findtext(f"{S}t") or ""
        shift = run.find(f"{S}rPr/{S}vertAlign")
        align = "" if shift is None else shift.get("val", "")
        if text.strip() and align in ("superscript", "subscript"):
            inner = text.strip()
            moved = raised(inner) if align == "superscript" else lowered(inner)
            text = text.replace(inner, moved, 1)
        made += text
    return unescape(made)


def unescape(text: str) -> str:
    """A text with the characters that XML does not allow, which a workbook writes as `_x000D_`."""
    if "_x" not in text:
        return text
    return _ESCAPED.sub(_character, text)


def _character(escaped: re.Match[str]) -> str:
    made = chr(int(escaped[1], 16))
    return made if made.isprintable() or made in "\t\n" else ""


def comments(package: Package, sheet: str) -> Iterator[tuple[str, str]]:
    """The comments of a sheet: the cell, and what is said, with who says it and where."""
    threads = package.related(sheet, "threadedComment")
    people = {
        one.get("id", ""): one.get("displayName", "")
        for path in package.related(package.main, "person")
        for one in package.xml(path)
    }
    for path in threads:
        for one in package.xml(path):
            text = (one.findtext(f"{_THREADED}text") or "").strip()
            yield _said(one, people.get(one.get("personId", ""), ""), text)
    for path in () if threads else package.related(sheet, "comments"):
        root = package.xml(path)
        authors = [(one.text or "").strip() for one in root.iter(f"{S}author")]
        for one in root.iter(f"{S}comment"):
            words = one.find(f"{S}text")
            text = "" if words is None else rich_text(words).strip()
            number = one.get("authorId", "")
            known = number.isdecimal() and int(number) < len(authors)
            author = authors[int(number)] if known else ""
            yield _said(one, author, text.removeprefix(f"{author}:").strip())


def _said(comment: Element, author: str, text: str) -> tuple[str, str]:
    cell = comment.get("ref", "")
    where = say("Comment on {cell}", cell=cell) if cell else "Comment"
    return cell, text and (f"{where} ({author}): {text}" if author else f"{where}: {text}")


def drawn(package: Package, sheet: str, left_out: Counter[str]) -> Iterator[tuple[int, Block]]:
    """What is drawn over the cells of a sheet, with its row: texts, charts, words for pictures."""
    for path in package.related(sheet, "drawing"):
        for anchor in package.xml(path):
            row = anchor.findtext(f"{_DRAWING}from/{_DRAWING}row") or ""
            number = int(row) + 1 if row.isdecimal() else 0
            for part in shown_parts(anchor):
                said = ""
                if part.tag == _BLIP:
                    left_out["picture"] += 1
                elif is_graphic(part):
                    for block in read_graphic(package, path, part, left_out):
                        yield number, block
                elif part.tag == f"{_DRAWING}txBody":
                    said = drawing_text(part)
                elif part.tag == f"{_DRAWING}cNvPr":
                    said = picture_words(part)
                if said:
                    yield number, Paragraph(said)


def _formats(root: Element) -> list[str]:
    own = {
        one.get("numFmtId", ""): one.get("formatCode", "")
        for one in root.iterfind(f"{S}numFmts/{S}numFmt")
    }
    made = []
    for one in root.iterfind(f"{S}cellXfs/{S}xf"):
        number = one.get("numFmtId", "0")
        built_in = BUILT_IN_FORMATS.get(int(number), "") if number.isdecimal() else ""
        made.append(own.get(number, built_in))
    return made
