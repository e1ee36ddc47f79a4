"""Loads PDF with pdfium: text with headings, tables and the values of forms. Scanned pages have no
text."""

from __future__ import annotations

import re
from collections import Counter
from contextlib import suppress
from typing import Any

from bot.catalogue.sentence import say
from bot.errors import Refused
from bot.knowledge.loading.pdf.alignment import divide_aligned
from bot.knowledge.loading.pdf.annotations import AnnotationReader, place_fields
from bot.knowledge.loading.pdf.columns import order_lines
from bot.knowledge.loading.pdf.drawing import Drawing, DrawingReader
from bot.knowledge.loading.pdf.grids import take_grids
from bot.knowledge.loading.pdf.layout import lines_to_blocks
from bot.knowledge.loading.pdf.legibility import UndecodableText
from bot.knowledge.loading.pdf.lines import Line, build_lines, join_labels
from bot.knowledge.loading.pdf.running import mark_margins
from bot.knowledge.loading.pdf.words import PageWords, WordReader, turn
from bot.knowledge.loading.pdf.xfa import read_form
from bot.skills.document_loader import MAX_CHARACTERS, Loaded, NoText, TooLong
from bot.skills.document_tree import Block, Paragraph, Place, first_heading, list_left_out

_MAX_PAGES = 3_000
_MAX_REPEATED_PAGES = 20
"""So many pages after each other that say what others have said are the end of a document."""
_MAX_TITLE_CHARACTERS = 200
_PLACEHOLDER_TITLE = re.compile(
    r"|\W*(?:untitled|anonymous|unknown|none|null)\W*|(?:powerpoint[- ])?presentation|document\d*"
    r"|(?:microsoft )?(?:word|excel|powerpoint) - .*|[\d\W]+"
    r"|.*\.(?:docx?|pptx?|xlsx?|tex|dvi|odt|ods|odp|indd|qxd|rtf|pdf|html?|md|txt|exe|ps|eps|p65"
    r"|cdr|ai|fm|wpd|pages|key|numbers)",
    re.IGNORECASE,
)
"""Titles that programs write when nobody gave one."""


def load_pdf(data: bytes, name: str) -> Loaded:
    import pypdfium2
    import pypdfium2.raw as pdfium

    called = name[:100]
    try:
        document = pypdfium2.PdfDocument(data)
    except pypdfium2.PdfiumError as exc:
        if exc.err_code == pdfium.FPDF_ERR_PASSWORD:
            raise Refused(
                say(
                    "{called} is encrypted; save it without a password and add it again.",
                    called=called,
                )
            ) from exc
        if exc.err_code == pdfium.FPDF_ERR_SECURITY:
            raise Refused(
                say("{called} is encrypted in a way that cannot be read.", called=called)
            ) from exc
        raise Refused(
            say("{called} is damaged or not a PDF, and cannot be read.", called=called)
        ) from exc
    try:
        return _read(document, name)
    finally:
        document.close()


def _read(document: Any, name: str) -> Loaded:
    called = name[:100]
    if len(document) > _MAX_PAGES:
        raise Refused(
            say(
                "{called} has {number:,} pages; PDFs of up to {limit:,} are read.",
                called=called,
                number=len(document),
                limit=_MAX_PAGES,
            )
        )
    reader = _PageReader(document, name)
    pages = reader.read_all()
    comments = [Paragraph(text, "comment", Place(page=page)) for page, text in reader.comments]
    blocks = [*_insert_comments(lines_to_blocks(pages), comments), *reader.read_form()]
    unread = tuple(reader.unread_pages)
    if not blocks and reader.left_out["page whose text cannot be decoded"]:
        raise NoText(
            say(
                "The text of {called} cannot be decoded, as its fonts do not say "
                "which letters they draw; have its text recognised (OCR) and add "
                "it again.",
                called=called,
            ),
            unread,
        )
    if not blocks and reader.left_out["damaged page"]:
        raise Refused(say("{called} is damaged or not a PDF, and cannot be read.", called=called))
    if not blocks:
        raise NoText(
            say(
                "{called} has no text and seems to be a scan; have its text "
                "recognised (OCR) and add it again.",
                called=called,
            ),
            unread,
        )
    title = " ".join(document.get_metadata_dict().get("Title", "").replace("\0", "").split())
    title = title[:_MAX_TITLE_CHARACTERS]
    if _PLACEHOLDER_TITLE.fullmatch(title):
        title = first_heading(blocks)[:_MAX_TITLE_CHARACTERS]
    left_out = list_left_out(reader.left_out)
    return Loaded(title=title, blocks=tuple(blocks), left_out=left_out, unread_pages=unread)


class _PageReader:
    """Reads the lines of the pages of a document, and counts what is left out of them."""

    def __init__(self, document: Any, name: str) -> None:
        import pypdfium2.raw as pdfium

        self._document, self._name = document, name
        self._words, self._drawings = WordReader(), DrawingReader()
        self.left_out: Counter[str] = Counter()
        form_type = document.get_formtype()
        if form_type:
            document.init_forms()
        self._is_xfa = form_type in (pdfium.FORMTYPE_XFA_FULL, pdfium.FORMTYPE_XFA_FOREGROUND)
        self._has_values = False
        form = document.formenv.raw if document.formenv else None
        self._annotations = AnnotationReader(form)
        self._pictures: set[tuple[int, int, int]] = set()
        self._said: set[int] = set()
        self._characters = 0
        self.unread_pages: list[int] = []
        self.comments: list[tuple[int, str]] = []

    def read_all(self) -> list[list[Line]]:
        """The lines of each page, in reading order. Raises `TooLong`."""
        import pypdfium2

        pages: list[list[Line]] = []
        repeated = 0
        for at in range(len(self._document)):
            try:
                page = self._document[at]
            except pypdfium2.PdfiumError:
                self.left_out["damaged page"] += 1
                continue
            try:
                textpage = page.get_textpage()
                text = self._text(textpage)
                pages.append(self._read_page(at + 1, page, textpage, text))
                repeated = repeated + 1 if hash(text) in self._said and text else 0
                self._said.add(hash(text))
            except pypdfium2.PdfiumError:
                self.left_out["damaged page"] += 1
            except UndecodableText:
                self.left_out["page whose text cannot be decoded"] += 1
                self.unread_pages.append(at + 1)
            finally:
                self._words.forget_fonts()
                page.close()
            if repeated >= _MAX_REPEATED_PAGES:
                self.left_out["repeated page"] += len(self._document) - at - 1
                break
        self.left_out["picture"] = len(self._pictures)
        return pages

    def read_form(self) -> list[Paragraph]:
        """The values of an XFA form; of one that has its values on its pages, too, there are
        none."""
        if not self._is_xfa or self._has_values:
            return []
        return read_form(self._document)

    def _text(self, textpage: Any) -> str:
        """The text of a page; each character stands at its index."""
        import pypdfium2.raw as pdfium

        count = textpage.count_chars()
        self._characters += count
        if self._characters > MAX_CHARACTERS:
            raise TooLong(self._name)
        text = str(textpage.get_text_range()) if count else ""
        if len(text) != count:
            codes = (pdfium.FPDFText_GetUnicode(textpage.raw, at) for at in range(count))
            text = "".join(chr(code) if code < 0x110000 else "\ufffd" for code in codes)
        return text

    def _read_page(self, number: int, page: Any, textpage: Any, text: str) -> list[Line]:
        drawing = self._drawings.read(page)
        notes = self._annotations.read(page)
        self._has_values |= bool(notes.fields)
        self.comments += [(number, comment) for comment in notes.comments]
        found = self._words.read(text, textpage)
        self.left_out["page of whose text a part cannot be decoded"] += found.undecoded
        if not found.words and not notes.fields:
            if not drawing.empty:
                self.unread_pages.append(number)
                self.left_out["page without text"] += not notes.comments
            return []
        if not drawing.covered:
            self._pictures.update(drawing.pictures)
        found.words.extend(place_fields(notes.fields, found.words, found.quarter))
        return arrange_page(
            number, found, drawing.turned(found.quarter), _height(page, found.quarter)
        )


def _height(page: Any, quarter: int) -> tuple[float, float]:
    """From where to where a page reaches upwards, turned by so many quarters."""
    box = (0.0, 0.0, 0.0, 0.0)
    with suppress(Exception):
        box = page.get_bbox()
    left, bottom, right, top = box
    one = turn(quarter, box, left, bottom)[2]
    two = turn(quarter, box, right, top)[2]
    return min(one, two), max(one, two)


def arrange_page(
    number: int, found: PageWords, drawing: Drawing, height: tuple[float, float]
) -> list[Line]:
    """The lines of a page in reading order; what is turned stands aside."""
    tables, words = take_grids(number, found.words, drawing)
    lines = divide_aligned(build_lines(number, words))
    mark_margins(lines, *height)
    lines = sorted([*lines, *tables], key=lambda line: -line.y)
    lines = [line if line.table else join_labels(line) for line in order_lines(lines)]
    asides = [
        " ".join(line.text for line in build_lines(number, turned)) for turned in found.turned
    ]
    if lines:
        lines[-1].asides = asides
    for line in lines:
        if len(line.cells) == 1:
            line.cells[0].words = []  # which only the cells of tables are divided by
    return lines


def _insert_comments(blocks: list[Block], comments: list[Paragraph]) -> list[Block]:
    """The blocks, with the comments of each page after its last one."""
    made: list[Block] = []
    for block in blocks:
        while comments and comments[0].place.page < block.place.page:
            made.append(comments.pop(0))
        made.append(block)
    return made + comments
