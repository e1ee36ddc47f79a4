"""What a PDF looks like on paper is found again in its text: headings, tables, whole paragraphs."""

from __future__ import annotations

import io
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.knowledge.loading.document import RawDocument
from bot.knowledge.loading.pdf.layout import lines_to_blocks
from bot.knowledge.loading.pdf.lines import Cell, Line
from bot.knowledge.loading.pdf.text import join_lines
from bot.knowledge.loading.registry import LOADERS
from bot.skills.document_loader import Loaded
from tests.fakes.loaded_text import load_with_text

FONTS = {"F1": "Helvetica", "F2": "Helvetica-Bold", "F3": "Courier"}
Shown = tuple[float, float, str] | tuple[float, float, str, str, float]
"""x, y, text, and font and size where they are not those of the text."""


def pdf(*pages: Sequence[Shown], title: str = "", run: str = "1 0 0 1") -> bytes:
    """A PDF of 600 by 800 points with text at the places given; it runs to the right, or as the
    matrix `run` says."""
    from pypdf import PdfWriter
    from pypdf.generic import DecodedStreamObject, DictionaryObject, NameObject

    writer = PdfWriter()
    fonts = DictionaryObject()
    for name, base in FONTS.items():
        fonts[NameObject(f"/{name}")] = DictionaryObject(
            {
                NameObject("/Type"): NameObject("/Font"),
                NameObject("/Subtype"): NameObject("/Type1"),
                NameObject("/BaseFont"): NameObject(f"/{base}"),
                NameObject("/Encoding"): NameObject("/WinAnsiEncoding"),
            }
        )
    for shown in pages:
        page = writer.add_blank_page(600, 800)
        page[NameObject("/Resources")] = DictionaryObject({NameObject("/Font"): fonts})
        drawn = []
        for x, y, text, *look in shown:
            font, size = look or ("F1", 10)
            escaped = text.replace("\\", "\\\\").replace("(", "\\(").replace(")", "\\)")
            drawn.append(f"BT /{font} {size} Tf {run} {x} {y} Tm ({escaped}) Tj ET")
        stream = DecodedStreamObject()
        stream.set_data("\n".join(drawn).encode("cp1252"))
        page[NameObject("/Contents")] = writer._add_object(stream)
    writer.add_metadata({"/Title": title})
    out = io.BytesIO()
    writer.write(out)
    return out.getvalue()


def read(*pages: Sequence[Shown], title: str = "") -> Loaded:
    return load_with_text(RawDocument("a.pdf", pdf(*pages, title=title)), LOADERS)


def blocks(*pages: Sequence[Shown]) -> list[str]:
    return read(*pages).text.split("\n\n")


FULL = "The keeper climbs the stairs every evening before the sun has set, and he lights the lamp"


def test_larger_and_bold_lines_are_headings() -> None:
    assert blocks(
        [
            (50, 700, "Rules of the house", "F2", 20),
            (50, 670, "Lamps", "F2", 14),
            (50, 650, FULL + "."),
            (50, 620, "Oil", "F2", 10),
            (50, 605, "Oil is kept in the cellar."),
        ]
    ) == [
        "# Rules of the house",
        "## Lamps",
        FULL + ".",
        "### Oil",
        "Oil is kept in the cellar.",
    ]


def test_a_word_that_the_end_of_a_line_cut_is_whole_again() -> None:
    found = read(
        [
            (50, 700, FULL + " of the light-"),
            (50, 688, "house. Then he trims the well-known wick, which is a well-"),
            (50, 676, "known one."),
        ]
    ).text
    assert "of the lighthouse. Then" in found
    assert "a well-known one." in found


def test_soft_hyphens_are_joined_at_a_line_end_and_hyphens_within_a_line() -> None:
    found = read(
        [(50, 700, FULL + " in an organi\xad"), (50, 688, "sation of type LC\xad40.")]
    ).text
    assert found.endswith("in an organisation of type LC-40.")


def test_a_paragraph_goes_on_over_the_end_of_a_page_and_its_footer() -> None:
    pages = [
        [
            (50, 780, "House rules"),
            (50, 600, f"{FULL} on page {n}, and then"),
            (50, 588, f"{FULL} again and"),
            (280, 20, f"Page {n} of 4"),
        ]
        for n in range(1, 5)
    ]
    pages.append([(50, 600, "goes to bed.")])
    found = read(*pages).text
    assert found.count("House rules") == 1
    assert "Page 1 of 4" not in found
    assert "again and The keeper" in found or "again and\n\nThe keeper" in found
    assert found.endswith("again and goes to bed.")


def test_rows_at_the_edge_of_a_page_are_no_footers() -> None:
    """They differ in their numbers alone, as footers do."""
    pages = [
        [(50, y, f"Berth {page * 10 + row} has a depth of {page + row * 2} metres.")
         for row, y in enumerate(range(760, 40, -180))]
        for page in range(6)
    ]  # fmt: skip
    found = read(*pages).text
    for page in range(6):
        for row in range(4):
            assert f"Berth {page * 10 + row} has a depth of {page + row * 2} metres." in found


def test_page_numbers_alone_are_left_out() -> None:
    found = read(*([(50, 500, f"{FULL}."), (300, 30, str(n))] for n in range(7, 12))).text
    assert not any(line.strip().isdigit() for line in found.split("\n"))


def test_cells_beside_each_other_are_a_table() -> None:
    rows = [("Time", "Event", "Owner"), ("09:12", "Pump 4 stopped", "Ada"), ("09:40", "Spare", "")]
    rows += [("11:05", "Pump 4 repaired", "Chen")]
    shown = [
        (x, 600 - 18 * n, cell)
        for n, row in enumerate(rows)
        for x, cell in zip((50, 120, 300), row, strict=True)
        if cell
    ]
    assert read([(50, 640, "What happened"), *shown]).text == (
        "What happened\n\n| Time | Event | Owner |\n| --- | --- | --- |\n"
        "| 09:12 | Pump 4 stopped | Ada |\n| 09:40 | Spare |  |\n| 11:05 | Pump 4 repaired | Chen |"
    )


@pytest.mark.parametrize("run", ["0 1 -1 0", "0 -1 1 0", "-1 0 0 -1"])
def test_a_table_across_a_page_was_a_heap_of_cells(run: str) -> None:
    across, up = [float(n) for n in run.split()][:2]

    def place(x: float, y: float) -> tuple[float, float]:
        return (300 + across * x - up * y, 400 + up * x + across * y)

    rows = [("Lamp", "Oil", "Since"), ("A", "3 l", "1990"), ("B", "4 l", "1991"), ("C", "5 l", "2")]
    cells = [
        (*place(100 * column, -20 * line), text)
        for line, row in enumerate(rows)
        for column, text in enumerate(row)
    ]
    found = load_with_text(RawDocument("a.pdf", pdf(cells, run=run)), LOADERS).text.split("\n")
    assert found[0] == "| Lamp | Oil | Since |"
    assert found[2:] == ["| A | 3 l | 1990 |", "| B | 4 l | 1991 |", "| C | 5 l | 2 |"]


def test_a_table_over_two_pages_has_its_header_once() -> None:
    def page(start: int) -> list[Shown]:
        rows = [("Berth", "Depth"), *((f"B{n}", f"{n} m") for n in range(start, start + 20))]
        return [
            (x, 700 - 18 * n, cell)
            for n, row in enumerate(rows)
            for x, cell in zip((50, 200), row, strict=True)
        ]

    found = read(page(1), page(21)).text.split("\n\n")
    assert found == [f"Berth: B{n}; Depth: {n} m" for n in range(1, 41)]


def test_code_keeps_its_lines_and_its_comments_are_no_headings() -> None:
    found = read(
        [
            (50, 700, "Run this:"),
            (50, 680, "# deploy", "F3", 9),
            (50, 669, "./deploy.sh \\", "F3", 9),
            (60.8, 658, "--dry-run", "F3", 9),
            (50, 640, "Then look at the log."),
        ]
    ).text
    assert found == (
        "Run this:\n\n```\n# deploy\n./deploy.sh \\\n  --dry-run\n```\n\nThen look at the log."
    )


def test_the_lines_of_a_table_of_contents_are_left_out() -> None:
    found = blocks(
        [
            (50, 700, "Contents", "F2", 16),
            (50, 680, "1 Lamps . . . . . . . . . . . . . 2"),
            (50, 666, "2 Oil ............................ 3"),
        ],
        [(50, 700, "1 Lamps", "F2", 16), (50, 680, f"{FULL}.")],
    )
    assert found == ["# 1 Lamps", f"{FULL}."]


def test_bullets_are_a_list() -> None:
    assert read([(50, 700, "•"), (62, 700, "One."), (50, 688, "• Two.")]).text == ("- One.\n- Two.")


def test_a_title_page_gives_the_title() -> None:
    found = read([(50, 700, "Incident report", "F2", 24), (50, 640, "Summary", "F2", 18),
                  (50, 620, FULL + ".")])  # fmt: skip
    assert found.title == "Incident report"


@pytest.mark.parametrize("title", ["untitled", "Microsoft Word - plan.docx", "report.tex"])
def test_what_a_program_wrote_for_want_of_a_title_is_none(title: str) -> None:
    assert read([(50, 700, "Words.")], title=title).title == ""


def test_lines_of_japanese_are_joined_without_a_space() -> None:
    assert join_lines("休憩時間は正午から一時間", "とする。") == "休憩時間は正午から一時間とする。"
    assert join_lines("숙박비는 하루", "최대") == "숙박비는 하루 최대"


NUMBERS = st.floats(-2000, 2000)
LINES = st.builds(
    lambda page, y, size, cells, bold, mono, margin: Line(page, y, size, cells, bold, mono, margin),
    st.integers(0, 3),
    NUMBERS,
    st.floats(0.1, 60),
    st.lists(
        st.builds(lambda x, w, t: Cell(x, x + w, t), NUMBERS, st.floats(0, 300), st.text(
            "abc1. -•|\xad", min_size=1, max_size=12)),
        min_size=1,
        max_size=4,
    ),
    st.booleans(),
    st.booleans(),
    st.booleans(),
)  # fmt: skip


@given(st.lists(st.lists(LINES, max_size=8), max_size=4))
def test_any_arrangement_of_lines_is_read(pages: list[list[Line]]) -> None:
    assert isinstance(lines_to_blocks(pages), list)
