"""Writes a source with python-docx, python-pptx, openpyxl or XlsxWriter.

    build/corpus/venv/bin/python -m bench.corpus.python_writers KIND SOURCE OUT

It runs in the environment of those libraries, which is not the one of Parlance.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from bench.corpus.tree import (
    Definitions,
    Grid,
    Listing,
    Program,
    Runs,
    Source,
    Text,
    Title,
    read_source,
)

_FORMATS = {
    "1": ("decimal", "%{}."),
    "a": ("lowerLetter", "%{})"),
    "A": ("upperLetter", "%{}."),
    "i": ("lowerRoman", "%{}."),
}
_WORD = "http://schemas.openxmlformats.org/wordprocessingml/2006/main"


class _Word:
    """One document of python-docx; lists get numbering definitions of their own."""

    def __init__(self) -> None:
        self.document: Any = importlib.import_module("docx").Document()
        self.parse: Any = importlib.import_module("docx.oxml").parse_xml
        self.notes: list[str] = []
        self.lists = 100

    def write(self, source: Source, out: Path) -> None:
        self.document.core_properties.title = source.title
        self.document.add_heading(source.title, 1)
        for piece in source.pieces:
            match piece:
                case Title():
                    self.runs(self.document.add_heading("", piece.level), piece.runs)
                case Text():
                    style = "Quote" if piece.kind == "quote" else None
                    self.runs(self.document.add_paragraph(style=style), piece.runs)
                case Listing():
                    self.listing(piece, 0)
                case Program():
                    for line in piece.text.split("\n"):
                        run = self.document.add_paragraph().add_run(line)
                        run.font.name = "DejaVu Sans Mono"
                case Definitions():
                    for term, text in piece.terms:
                        self.runs(self.document.add_paragraph(), term)
                        self.runs(self.document.add_paragraph(style="List Continue"), text)
                case Grid():
                    self.grid(piece)
        for number, note in enumerate(self.notes, 1):
            paragraph = self.document.add_paragraph()
            paragraph.add_run(str(number)).font.superscript = True
            paragraph.add_run(f" {note}")
        self.document.save(str(out))

    def listing(self, listing: Listing, depth: int) -> None:
        number = self.numbering(listing, depth)
        for item in listing.items:
            paragraph = self.document.add_paragraph(style="List Paragraph")
            if item.done is None:
                properties = paragraph._p.get_or_add_pPr().get_or_add_numPr()
                properties.get_or_add_ilvl().val = depth
                properties.get_or_add_numId().val = number
            else:
                paragraph.add_run("☒ " if item.done else "☐ ")
            self.runs(paragraph, item.runs)
            if item.inside is not None:
                self.listing(item.inside, depth + 1)

    def numbering(self, listing: Listing, depth: int) -> int:
        self.lists += 1
        kind, text = _FORMATS.get(listing.style, ("bullet", "•"))
        part = self.document.part.numbering_part.element
        abstract = self.parse(
            f'<w:abstractNum xmlns:w="{_WORD}" w:abstractNumId="{self.lists}">'
            f'<w:lvl w:ilvl="{depth}"><w:start w:val="{listing.start}"/><w:numFmt w:val="{kind}"/>'
            f'<w:lvlText w:val="{text.format(depth + 1)}"/></w:lvl></w:abstractNum>'
        )
        part.insert(0, abstract)  # all of them stand before the first <w:num>
        return int(part.add_num(self.lists).numId)

    def grid(self, grid: Grid) -> None:
        if grid.caption:
            self.document.add_paragraph(grid.caption, style="Caption")
        table = self.document.add_table(rows=1 + len(grid.rows), cols=len(grid.header))
        table.style = "Table Grid"
        for cell, name in zip(table.rows[0].cells, grid.header, strict=True):
            self.runs(cell.paragraphs[0], name)
        header = table.rows[0]._tr.get_or_add_trPr()
        header.append(self.parse(f'<w:tblHeader xmlns:w="{_WORD}"/>'))
        filled: set[tuple[int, int]] = set()
        for down, row in enumerate(grid.rows, 1):
            across = 0
            for cell in row:
                while (down, across) in filled:
                    across += 1
                last = table.cell(down + cell.rows - 1, across + cell.columns - 1)
                place = table.cell(down, across)
                if cell.rows > 1 or cell.columns > 1:
                    place = place.merge(last)
                self.runs(place.paragraphs[0], cell.runs)
                filled |= {
                    (down + below, across + right)
                    for below in range(cell.rows)
                    for right in range(cell.columns)
                }

    def runs(self, paragraph: Any, runs: Runs) -> None:
        for run in runs:
            if run.mark == "note":
                self.notes.append(run.text)
                paragraph.add_run(str(len(self.notes))).font.superscript = True
                continue
            made = paragraph.add_run(run.text)
            made.bold = True if run.mark == "b" else None
            made.italic = True if run.mark == "i" else None
            if run.mark in ("sup", "sub"):
                setattr(made.font, "superscript" if run.mark == "sup" else "subscript", True)
            made.font.name = "DejaVu Sans Mono" if run.mark == "code" else None


def _write_openpyxl(source: Source, out: Path) -> None:
    book = importlib.import_module("openpyxl").Workbook()
    book.remove(book.active)
    for sheet in source.sheets:
        page = book.create_sheet(sheet.name)
        page.append(list(sheet.columns))
        for down, row in enumerate(sheet.rows, 2):
            for across, value in enumerate(row, 1):
                cell = page.cell(down, across, value.stored)
                if value.pattern:
                    cell.number_format = value.pattern
    book.save(out)


def _write_xlsxwriter(source: Source, out: Path) -> None:
    book = importlib.import_module("xlsxwriter").Workbook(out)
    formats: dict[str, Any] = {}
    for sheet in source.sheets:
        page = book.add_worksheet(sheet.name)
        page.write_row(0, 0, sheet.columns, book.add_format({"bold": True}))
        for down, row in enumerate(sheet.rows, 1):
            for across, value in enumerate(row):
                pattern = value.pattern
                if pattern and pattern not in formats:
                    formats[pattern] = book.add_format({"num_format": pattern})
                write = page.write_datetime if hasattr(value.stored, "isoformat") else page.write
                write(down, across, value.stored, formats.get(pattern))
    book.close()


def _write_pptx(source: Source, out: Path) -> None:
    show = importlib.import_module("pptx").Presentation()
    for slide in source.slides:
        page = show.slides.add_slide(show.slide_layouts[1])
        page.shapes.title.text = slide.title
        body = page.placeholders[1].text_frame
        first = True
        for piece in slide.pieces:
            if isinstance(piece, Grid):
                _add_table(page, piece)
                continue
            for text in _lines(piece):
                paragraph = body.paragraphs[0] if first else body.add_paragraph()
                first = False
                _add_runs(paragraph, text)
                if isinstance(piece, Listing) and piece.style:
                    _number(paragraph)
        if slide.notes:
            page.notes_slide.notes_text_frame.text = slide.notes
    show.save(str(out))


def _lines(piece: object) -> Iterable[Runs]:
    match piece:
        case Text():
            return [piece.runs]
        case Listing():
            return [item.runs for item in piece.items]
    return []


def _number(paragraph: Any) -> None:
    oxml = importlib.import_module("pptx.oxml")
    paragraph._p.get_or_add_pPr().append(
        oxml.parse_xml(
            '<a:buAutoNum xmlns:a="http://schemas.openxmlformats.org/drawingml/2006/main" '
            'type="arabicPeriod"/>'
        )
    )


def _add_table(page: Any, grid: Grid) -> None:
    inches = importlib.import_module("pptx.util").Inches
    shape = page.shapes.add_table(
        1 + len(grid.rows), len(grid.header), inches(1), inches(2), inches(8), inches(3)
    )
    rows = [list(grid.header), *([cell.runs for cell in row] for row in grid.rows)]
    for down, row in enumerate(rows):
        for across, text in enumerate(row):
            _add_runs(shape.table.cell(down, across).text_frame.paragraphs[0], text)


def _add_runs(paragraph: Any, runs: Runs) -> None:
    for run in runs:
        made = paragraph.add_run()
        made.text = run.text
        if run.mark in ("sup", "sub"):
            raised = "30000" if run.mark == "sup" else "-25000"
            made._r.get_or_add_rPr().set("baseline", raised)


_WRITERS: dict[str, Callable[[Source, Path], None]] = {
    "docx": lambda source, out: _Word().write(source, out),
    "pptx": _write_pptx,
    "openpyxl": _write_openpyxl,
    "xlsxwriter": _write_xlsxwriter,
}

if __name__ == "__main__":
    _, kind, path, target = sys.argv
    _WRITERS[kind](read_source(Path(path)), Path(target))
