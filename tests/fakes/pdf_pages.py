"""Writes small PDF files, object by object: pages of 600 by 800 points."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

FONTS: Mapping[str, str] = {
    "F1": "<</Type/Font/Subtype/Type1/BaseFont/Helvetica/Encoding/WinAnsiEncoding>>",
    "F2": "<</Type/Font/Subtype/Type1/BaseFont/Times-Bold/Encoding/WinAnsiEncoding>>",
}
Cell = tuple[float, float, str]
"""x, y and text."""


@dataclass(frozen=True)
class Page:
    """What a page draws, its annotations, and entries of its own."""

    content: str = ""
    annotations: Sequence[str] = field(default=())
    entries: str = ""


def write_pdf(
    *pages: Page | str,
    fonts: Mapping[str, str] = FONTS,
    objects: Sequence[bytes] = (),
    title: str = "",
    form: bool = False,
    catalog: str = "",
) -> bytes:
    """A PDF of these pages. `objects` are numbered from 10 on, for fonts and pages to refer to;
    `catalog` has entries of the document."""
    count = len(pages)
    first_page = 10 + len(objects)
    kids = " ".join(f"{first_page + 2 * n} 0 R" for n in range(count))
    names = " ".join(f"/{name} {font}" for name, font in fonts.items())
    found = dict.fromkeys(range(1, 10), b"null")
    annotations = [note for page in pages if isinstance(page, Page) for note in page.annotations]
    first_note = first_page + 2 * count
    notes = " ".join(f"{first_note + n} 0 R" for n in range(len(annotations)))
    acro = f"/AcroForm<</Fields[{notes}]>>" if form else catalog
    found[1] = f"<</Type/Catalog/Pages 2 0 R{acro}>>".encode()
    found[2] = (
        f"<</Type/Pages/Count {count}/Kids[{kids}]/MediaBox[0 0 600 800]"
        f"/Resources<</Font<<{names}>>>>>>"
    ).encode()
    found[3] = f"<</Title({title})>>".encode("cp1252")
    found |= dict(enumerate(objects, 10))
    noted = 0
    for at, page in enumerate(pages):
        page = page if isinstance(page, Page) else Page(page)
        number = first_page + 2 * at
        own = " ".join(f"{first_note + noted + n} 0 R" for n in range(len(page.annotations)))
        noted += len(page.annotations)
        found[number] = (
            f"<</Type/Page/Parent 2 0 R/Contents {number + 1} 0 R/Annots[{own}]{page.entries}>>"
        ).encode()
        found[number + 1] = stream(page.content.encode("cp1252"))
    found |= {first_note + n: note.encode("cp1252") for n, note in enumerate(annotations)}
    return _assemble(found)


def stream(data: bytes, entries: str = "") -> bytes:
    """A stream that is not compressed."""
    return f"<</Length {len(data)}{entries}>>".encode() + b"stream\n" + data + b"\nendstream"


def _assemble(objects: Mapping[int, bytes]) -> bytes:
    out = bytearray(b"%PDF-1.7\n")
    places = {}
    for number, inside in objects.items():
        places[number] = len(out)
        out += b"%d 0 obj\n" % number + inside + b"\nendobj\n"
    table, size = len(out), len(objects) + 1
    out += b"xref\n0 %d\n0000000000 65535 f \n" % size
    out += b"".join(b"%010d 00000 n \n" % places[number] for number in sorted(places))
    out += b"trailer\n<</Size %d/Root 1 0 R/Info 3 0 R>>\n" % size
    return bytes(out + b"startxref\n%d\n%%%%EOF\n" % table)


def show(x: float, y: float, text: str, font: str = "F1", size: float = 10) -> str:
    """Draws a text."""
    escaped = text.replace("\\", "\\\\").replace("(", "\\(").replace(")", "\\)")
    return f"BT /{font} {size} Tf {x} {y} Td ({escaped}) Tj ET\n"


def show_cells(rows: Sequence[Sequence[str]], xs: Sequence[float], top: float = 700) -> list[str]:
    """Draws each cell of a table, row by row."""
    return [
        show(x, top - 16 * at, text)
        for at, row in enumerate(rows)
        for x, text in zip(xs, row, strict=True)
        if text
    ]


def draw_lines(*lines: tuple[float, float, float, float]) -> str:
    """Draws straight lines: x, y, x, y."""
    return "".join(f"{x} {y} m {to_x} {to_y} l S\n" for x, y, to_x, to_y in lines)
