"""Office documents keep what their programs show: titles, notes, slides, tables."""

from __future__ import annotations

import io
import zipfile

from bot.knowledge.loading.document import RawDocument, load_document
from bot.knowledge.loading.registry import LOADERS
from bot.skills.document_loader import Loaded

_MAIN = "http://schemas.openxmlformats.org/wordprocessingml/2006/main"
_PACKAGE = "http://schemas.openxmlformats.org/package/2006"
_OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_KIND = "application/vnd.openxmlformats-officedocument.wordprocessingml"


def docx(body: str, **parts: str) -> bytes:
    """A document with this body, and parts such as `styles` and `footnotes`."""
    types = "".join(
        f'<Override PartName="/word/{name}.xml" ContentType="{_KIND}.{name}+xml"/>'
        for name in parts
    )
    relations = "".join(
        f'<Relationship Id="{name}" Type="{_OFFICE}/{name}" Target="{name}.xml"/>' for name in parts
    )
    members = {
        "[Content_Types].xml": f'<Types xmlns="{_PACKAGE}/content-types">'
        '<Default Extension="xml" ContentType="application/xml"/><Default Extension="rels" '
        'ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
        f'<Override PartName="/word/document.xml" ContentType="{_KIND}.document.main+xml"/>'
        f"{types}</Types>",
        "_rels/.rels": f'<Relationships xmlns="{_PACKAGE}/relationships"><Relationship Id="r1" '
        f'Type="{_OFFICE}/officeDocument" Target="word/document.xml"/></Relationships>',
        "word/_rels/document.xml.rels": f'<Relationships xmlns="{_PACKAGE}/relationships">'
        f"{relations}</Relationships>",
        "word/document.xml": f'<w:document xmlns:w="{_MAIN}"><w:body>{body}</w:body></w:document>',
        **{f"word/{name}.xml": part for name, part in parts.items()},
    }
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return out.getvalue()


def paragraph(text: str, inside: str = "", style: str = "") -> str:
    look = f'<w:pPr><w:pStyle w:val="{style}"/></w:pPr>' if style else ""
    return f"<w:p>{look}<w:r><w:t>{text}</w:t></w:r>{inside}</w:p>"


def read(name: str, data: bytes) -> Loaded:
    return load_document(RawDocument(name, data), LOADERS)


def test_the_title_of_a_document_is_its_title() -> None:
    styles = "".join(
        f'<w:style w:type="paragraph" w:styleId="{name}"><w:name w:val="{name}"/></w:style>'
        for name in ("Title", "heading 1")
    )
    found = read(
        "a.docx",
        docx(
            paragraph("Travel policy", style="Title")
            + paragraph("Booking", style="heading 1")
            + paragraph("Go by train."),
            styles=f'<w:styles xmlns:w="{_MAIN}">{styles}</w:styles>',
        ),
    )
    assert found.text == "# Travel policy\n\n# Booking\n\nGo by train."
    assert found.title == "Travel policy"


def test_footnotes_are_no_links_into_nowhere() -> None:
    reference = '<w:r><w:footnoteReference w:id="2"/></w:r>'
    note = f'<w:footnote w:id="2">{paragraph("Except in fog.")}</w:footnote>'
    found = read(
        "a.docx",
        docx(
            paragraph("Dogs are allowed on deck.", reference),
            footnotes=f'<w:footnotes xmlns:w="{_MAIN}">{note}</w:footnotes>',
        ),
    )
    assert found.text == "Dogs are allowed on deck.¹\n\n¹ Except in fog."


def comment(number: int, text: str) -> str:
    return f'<w:comment w:id="{number}" w:initials="AL">{paragraph(text)}</w:comment>'


def mark(number: int) -> str:
    return f'<w:r><w:commentReference w:id="{number}"/></w:r>'


def test_comments_were_lost() -> None:
    comments = comment(0, "At 7 bar.") + comment(4, "Ask Ada.") + comment(5, "Which oil?")
    found = read(
        "a.docx",
        docx(
            paragraph("The valve closes.", mark(0) + mark(4)) + paragraph("Use oil.", mark(5)),
            comments=f'<w:comments xmlns:w="{_MAIN}">{comments}</w:comments>',
        ),
    )
    assert found.text.split("\n\n") == [
        "The valve closes.",
        "Comment (AL): At 7 bar.",
        "Comment (AL): Ask Ada.",
        "Use oil.",
        "Comment (AL): Which oil?",
    ]


def test_a_mark_of_a_comment_that_is_gone_does_no_harm() -> None:
    assert read("a.docx", docx(paragraph("The valve closes.", mark(3)))).text == "The valve closes."


def test_names_with_underscores_had_backslashes() -> None:
    assert read("a.docx", docx(paragraph("Set max_lamps to 2*3."))).text == "Set max_lamps to 2*3."


def test_links_within_a_document_lead_nowhere() -> None:
    link = '<w:hyperlink w:anchor="top"><w:r><w:t>above</w:t></w:r></w:hyperlink>'
    assert read("a.docx", docx(paragraph("See ", link))).text == "See above"


def test_cells_of_a_document_that_span_rows_moved_those_beside_them() -> None:
    def row(first: str, *cells: str) -> str:
        kept = "".join(f"<w:tc>{paragraph(cell)}</w:tc>" for cell in cells)
        return f"<w:tr>{first}{kept}</w:tr>"

    start = f'<w:tc><w:tcPr><w:vMerge w:val="restart"/></w:tcPr>{paragraph("North")}</w:tc>'
    more = "<w:tc><w:tcPr><w:vMerge/></w:tcPr><w:p/></w:tc>"
    table = row("", "Region", "Town", "Trams") + row(start, "Kiel", "0") + row(more, "Bremen", "8")
    assert read("a.docx", docx(f"<w:tbl>{table}</w:tbl>")).text.split("\n")[2:] == [
        "| North | Kiel | 0 |",
        "| North | Bremen | 8 |",
    ]


def test_the_header_of_a_table_is_its_first_row() -> None:
    def row(*cells: str) -> str:
        return f"<w:tr>{''.join(f'<w:tc>{paragraph(cell)}</w:tc>' for cell in cells)}</w:tr>"

    table = f"<w:tbl>{row('Country', 'Limit')}{row('Austria', '52 EUR')}</w:tbl>"
    assert read("a.docx", docx(table)).text == (
        "| Country | Limit |\n| --- | --- |\n| Austria | 52 EUR |"
    )


def test_slides_are_known_by_title_and_number() -> None:
    from pptx import Presentation

    show = Presentation()
    first = show.slides.add_slide(show.slide_layouts[0])
    first.shapes.title.text = "Roadmap"
    first.placeholders[1].text = "Product team"
    second = show.slides.add_slide(show.slide_layouts[1])
    second.shapes.title.text = "Goals"
    second.placeholders[1].text = "Ship it."
    second.notes_slide.notes_text_frame.text = "Promised to Norway."
    out = io.BytesIO()
    show.save(out)
    found = read("a.pptx", out.getvalue())
    assert found.title == "Roadmap"
    assert [line for line in found.text.split("\n") if line] == [
        "# Roadmap (slide 1)",
        "Product team",
        "# Goals (slide 2)",
        "Ship it.",
        "## Notes",
        "Promised to Norway.",
    ]
