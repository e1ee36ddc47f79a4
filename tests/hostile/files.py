"""Small files that ask for far more than a document would: time, memory, text.

Each is made here, so that nothing of the kind lies about. `HOSTILE` has them all by name.
"""

from __future__ import annotations

import io
import zipfile
import zlib
from collections.abc import Callable, Mapping

from pypdf import PdfWriter

from tests.fakes.office_files import xlsx

_WORD = "http://schemas.openxmlformats.org/wordprocessingml/2006/main"
_SHEET = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
_RELATIONS = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_PACKAGE = "http://schemas.openxmlformats.org/package/2006"


def _zipped(members: Mapping[str, str]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in members.items():
            archive.writestr(name, text)
    return out.getvalue()


def _package(main: str, kind: str, members: Mapping[str, str]) -> bytes:
    """An office document with these parts, the `main` one among them."""
    return _zipped(
        {
            "[Content_Types].xml": f'<Types xmlns="{_PACKAGE}/content-types">'
            '<Default Extension="xml" ContentType="application/xml"/><Default Extension="rels" '
            'ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
            f'<Override PartName="/{main}" ContentType="application/vnd.openxmlformats-'
            f'officedocument.{kind}.main+xml"/><Override PartName="/xl/sharedStrings.xml" '
            'ContentType="application/vnd.openxmlformats-officedocument.spreadsheetml.'
            'sharedStrings+xml"/></Types>',
            "_rels/.rels": f'<Relationships xmlns="{_PACKAGE}/relationships"><Relationship Id="r1" '
            f'Type="{_RELATIONS}/officeDocument" Target="{main}"/></Relationships>',
            **members,
        }
    )


def xlsx_of_one_long_string() -> bytes:
    """30,000 characters, kept once and shown in 20,000 rows: 600 MB of text."""
    rows = "".join(f'<row r="{n}"><c r="A{n}" t="s"><v>0</v></c></row>' for n in range(1, 20_001))
    text = "lamp " * 6_000
    return _package(
        "xl/workbook.xml",
        "spreadsheetml.sheet",
        {
            "xl/workbook.xml": f'<workbook xmlns="{_SHEET}" xmlns:r="{_RELATIONS}"><sheets>'
            '<sheet name="Lamps" sheetId="1" r:id="r1"/></sheets></workbook>',
            "xl/_rels/workbook.xml.rels": f'<Relationships xmlns="{_PACKAGE}/relationships">'
            f'<Relationship Id="r1" Type="{_RELATIONS}/worksheet" Target="worksheets/sheet1.xml"/>'
            f'<Relationship Id="r2" Type="{_RELATIONS}/sharedStrings" Target="sharedStrings.xml"/>'
            f'<Relationship Id="r3" Type="{_RELATIONS}/styles" Target="styles.xml"/>'
            "</Relationships>",
            "xl/styles.xml": f'<styleSheet xmlns="{_SHEET}"><cellXfs count="1"><xf/></cellXfs>'
            "</styleSheet>",
            "xl/worksheets/sheet1.xml": f'<worksheet xmlns="{_SHEET}"><sheetData>{rows}'
            "</sheetData></worksheet>",
            "xl/sharedStrings.xml": f'<sst xmlns="{_SHEET}"><si><t>{text}</t></si></sst>',
        },
    )


def csv_of_long_names() -> bytes:
    """A CSV whose columns have long names and short cells: each row says all the names again."""
    width, height = 400, 20_000
    name = "a name of a column that is about as long as a name of one can be, and no longer"
    text = [",".join(f"{name}" for _ in range(width))]
    text += [",".join("7" for _ in range(width))] * height
    return "\n".join(text).encode()


def docx_of_nested_controls() -> bytes:
    """20,000 content controls, each within another."""
    inner = "<w:p><w:r><w:t>The lamp is lit at dusk.</w:t></w:r></w:p>"
    opening, closing = "<w:sdt><w:sdtContent>", "</w:sdtContent></w:sdt>"
    body = f"<w:body>{opening * 20_000}{inner}{closing * 20_000}</w:body>"
    return _package(
        "word/document.xml",
        "wordprocessingml.document",
        {"word/document.xml": f'<w:document xmlns:w="{_WORD}">{body}</w:document>'},
    )


def docx_of_nested_formulas() -> bytes:
    """A fraction within a fraction, 20,000 times, and one of 100,000 letters."""
    math = "http://schemas.openxmlformats.org/officeDocument/2006/math"
    nested = "<m:f><m:num>" * 20_000 + "</m:num></m:f>" * 20_000
    long = "<m:r><m:t>x</m:t></m:r>" * 100_000
    body = f"<w:p><m:oMath>{long}</m:oMath><m:oMath>{nested}</m:oMath></w:p>"
    return _package(
        "word/document.xml",
        "wordprocessingml.document",
        {
            "word/document.xml": f'<w:document xmlns:w="{_WORD}" xmlns:m="{math}"><w:body>{body}'
            "</w:body></w:document>"
        },
    )


def xlsx_of_merged_cells() -> bytes:
    """A text in a merged cell that covers 16,384 columns of 5,000 rows."""
    cells = "".join(f'<row r="{n}"><c r="XFD{n}"><v>1</v></c></row>' for n in range(2, 5_001))
    text = f'<row r="1"><c r="A1" t="inlineStr"><is><t>{"lamp " * 20}</t></is></c></row>'
    return xlsx(
        {"Lamps": f'<sheetData>{text}{cells}</sheetData><mergeCell ref="A1:XFC5000"/>'},
    )


def epub_of_one_chapter() -> bytes:
    """A spine that names one chapter 3,000 times."""
    spine = "<itemref idref='one'/>" * 3_000
    chapter = "<p>The keeper trims the wick every evening before the sun goes down.</p>" * 300
    return _zipped(
        {
            "META-INF/container.xml": "<container><rootfiles>"
            '<rootfile full-path="book.opf"/></rootfiles></container>',
            "book.opf": "<package><manifest>"
            '<item id="one" href="one.xhtml"/></manifest>'
            f"<spine>{spine}</spine></package>",
            "one.xhtml": f"<html><body><h1>Keepers</h1>{chapter}</body></html>",
        }
    )


def pdf(*objects: bytes) -> bytes:
    """A PDF of these objects, numbered from 1; the first one is its catalogue."""
    out = bytearray(b"%PDF-1.7\n")
    places = []
    for number, inside in enumerate(objects, 1):
        places.append(len(out))
        out += b"%d 0 obj\n" % number + inside + b"\nendobj\n"
    table = len(out)
    out += b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1)
    out += b"".join(b"%010d 00000 n \n" % place for place in places)
    out += b"trailer\n<</Size %d/Root 1 0 R>>\nstartxref\n%d\n%%%%EOF\n" % (len(objects) + 1, table)
    return bytes(out)


def stream(data: bytes, *, times: int = 1) -> bytes:
    """A stream, compressed so many times."""
    for _ in range(times):
        data = zlib.compress(data, 9)
    filters = b"/FlateDecode" * times
    return b"<</Length %d/Filter[%s]>>stream\n" % (len(data), filters) + data + b"\nendstream"


def _pages(streams: list[bytes], contents: list[bytes]) -> bytes:
    """A PDF with a page for each of `contents`, which refer to `streams` (from object 4 on)."""
    first = 4 + len(streams)
    kids = b" ".join(b"%d 0 R" % (first + n) for n in range(len(contents)))
    return pdf(
        b"<</Type/Catalog/Pages 2 0 R>>",
        b"<</Type/Pages/Count %d/Kids[%s]/MediaBox[0 0 612 792]"
        b"/Resources<</Font<</F 3 0 R>>>>>>" % (len(contents), kids),
        b"<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>",
        *streams,
        *(b"<</Type/Page/Parent 2 0 R/Contents %s>>" % one for one in contents),
    )


_LINE = b"BT /F 12 Tf 72 700 Td (The keeper trims the wick.) Tj ET\n"


def pdf_that_unfolds() -> bytes:
    """113 KB of pages whose contents have been compressed twice: 6.5 GB of blanks."""
    blanks = stream(_LINE + b" " * 74_000_000, times=2)
    return _pages([blanks] * 88, [b"%d 0 R" % (4 + n) for n in range(88)])


def pdf_of_one_stream() -> bytes:
    """3,000 pages that share one stream."""
    shared = stream(b"".join(b"BT /F 9 Tf 72 %d Td (Wick) Tj ET\n" % n for n in range(700)))
    return _pages([shared], [b"4 0 R"] * 3_000)


def pdf_of_one_long_page() -> bytes:
    """One page of 40 MB of operators."""
    return _pages([stream(b"q 1 0 0 1 0 0 cm Q\n" * 2_000_000)], [b"4 0 R"])


def html_of_wide_cells() -> bytes:
    """2 KB of cells that span everything."""
    cell = "<td rowspan=9999 colspan=9999>lamp</td>"
    rows = f"<tr>{cell * 19}</tr>" + f"<tr>{cell}" * 20
    return f"<html><body><main><table>{rows}</table></main></body></html>".encode()


def pdf_encrypted(algorithm: str, password: str) -> bytes:
    """A PDF with a text, which opens with this password; also without one where it is empty."""
    writer = PdfWriter(clone_from=io.BytesIO(_pages([stream(_LINE)], [b"4 0 R"])))
    writer.encrypt(password, "owner", algorithm=algorithm)
    out = io.BytesIO()
    writer.write(out)
    return out.getvalue()


HOSTILE: Mapping[str, Callable[[], bytes]] = {
    "blanks.pdf": pdf_that_unfolds,
    "chapters.epub": epub_of_one_chapter,
    "controls.docx": docx_of_nested_controls,
    "formulas.docx": docx_of_nested_formulas,
    "merged.xlsx": xlsx_of_merged_cells,
    "names.csv": csv_of_long_names,
    "operators.pdf": pdf_of_one_long_page,
    "pages.pdf": pdf_of_one_stream,
    "rows.xlsx": xlsx_of_one_long_string,
    "wide.html": html_of_wide_cells,
}
"""By the name of the file."""
