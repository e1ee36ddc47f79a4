"""Office documents keep what their programs show: titles, notes, slides, tables."""

from __future__ import annotations

from bot.knowledge.loading.document import RawDocument
from bot.knowledge.loading.registry import LOADERS
from bot.skills.document_loader import Loaded
from tests.fakes.loaded_text import load_with_text
from tests.fakes.office_files import docx, paragraph


def read(name: str, data: bytes) -> Loaded:
    return load_with_text(RawDocument(name, data), LOADERS)


def test_the_title_of_a_document_is_its_title() -> None:
    looks = "".join(
        f'<w:style w:type="paragraph" w:styleId="{name}"><w:name w:val="{name}"/></w:style>'
        for name in ("Title", "heading 1")
    )
    found = read(
        "a.docx",
        docx(
            paragraph("Travel policy", style="Title")
            + paragraph("Booking", style="heading 1")
            + paragraph("Go by train."),
            styles=looks,
        ),
    )
    assert found.text == "# Travel policy\n\n# Booking\n\nGo by train."
    assert found.title == "Travel policy"


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
            comments=comments,
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
