"""A presentation is read slide by slide; what cannot be read of it is said."""

from __future__ import annotations

import pytest

from bot.errors import Refused
from bot.knowledge.loading.registry import PPTX
from bot.skills.document_loader import Loaded
from bot.skills.document_tree import Block, Heading, LeftOut, ListItem, Paragraph, Place, Table
from tests.fakes.office_files import pptx, shape, tree

_ONE = Place(slide=1)
_CHART = "http://schemas.openxmlformats.org/drawingml/2006/chart"
_DIAGRAM = "http://schemas.openxmlformats.org/drawingml/2006/diagram"
_SHAPES = "http://schemas.openxmlformats.org/drawingml/2006/main"


def load(data: bytes) -> Loaded:
    return PPTX.load(data, "a.pptx")


def blocks(shapes: str) -> tuple[Block, ...]:
    return load(pptx(shapes)).blocks[1:]


def test_slides_are_known_by_title_and_number() -> None:
    notes = tree("notes", shape("Promised to Norway.", kind="body") + shape("7", kind="sldNum"))
    found = load(
        pptx(
            shape("Roadmap", kind="ctrTitle") + shape("Product team", kind="subTitle"),
            shape("Ship it.") + shape("2", kind="sldNum"),
            others={"notesSlide.xml": notes},
        )
    )
    assert found.title == "Roadmap"
    assert found.blocks == (
        Heading(1, "Roadmap (slide 1)", place=_ONE),
        Paragraph("Product team", place=_ONE),
        Heading(2, "Notes", place=_ONE),
        Paragraph("Promised to Norway.", place=_ONE),
        Heading(1, "Slide 2", place=Place(slide=2)),
        Paragraph("Ship it.", place=Place(slide=2)),
    )


def test_lists_have_their_bullets_numbers_and_levels() -> None:
    number = '<a:pPr{}><a:buAutoNum type="arabicPeriod"/></a:pPr><a:r><a:t>{}</a:t></a:r>'
    plain = "<a:pPr><a:buNone/></a:pPr><a:r><a:t>Then:</a:t></a:r>"
    found = blocks(
        shape("One", plain, kind="body")
        + shape(number.format("", "Open"), number.format(' lvl="1"', "Turn"))
        + shape(number.format("", "Wait"), number.format("", "Close"))
    )
    assert found == (
        ListItem("One", "-", 0, _ONE),
        Paragraph("Then:", place=_ONE),
        ListItem("Open", "1.", 0, _ONE),
        ListItem("Turn", "1.", 1, _ONE),
        ListItem("Wait", "1.", 0, _ONE),
        ListItem("Close", "2.", 0, _ONE),
    )


def test_raised_figures_and_lines_of_a_paragraph() -> None:
    line = (
        '<a:r><a:t>10</a:t></a:r><a:r><a:rPr baseline="30000"/><a:t>6</a:t></a:r><a:br/>'
        '<a:r><a:t>CO</a:t></a:r><a:r><a:rPr baseline="-25000"/><a:t>2</a:t></a:r>'
    )
    assert blocks(shape(line)) == (Paragraph("10⁶\nCO₂", place=_ONE),)


def test_symbols_of_a_font_are_read() -> None:
    sign = '<a:r><a:rPr><a:sym typeface="Wingdings"/></a:rPr><a:t>A \uf0e0 B</a:t></a:r>'
    assert blocks(shape(sign)) == (Paragraph("A → B", place=_ONE),)


def test_groups_are_read() -> None:
    assert blocks(f"<p:grpSp><p:grpSp>{shape('Deep.')}</p:grpSp></p:grpSp>") == (
        Paragraph("Deep.", place=_ONE),
    )


def test_a_merged_cell_says_its_text_in_all_that_it_covers() -> None:
    def cell(text: str, look: str = "") -> str:
        words = f"<a:txBody><a:p><a:r><a:t>{text}</a:t></a:r></a:p></a:txBody>" if text else ""
        return f"<a:tc {look}>{words}</a:tc>"

    def row(*cells: str) -> str:
        return f"<a:tr>{''.join(cells)}</a:tr>"

    made = (
        '<p:graphicFrame><a:tbl><a:tblPr firstRow="1"/>'
        + row(cell("Region"), cell("Sales"))
        + row(cell("North", 'rowSpan="2"'), cell("10"))
        + row(cell("", 'vMerge="1"'), cell("12"))
        + "</a:tbl></p:graphicFrame>"
    )
    [found] = blocks(made)
    assert isinstance(found, Table)
    assert (found.header, found.place) == (("Region", "Sales"), _ONE)
    assert found.rows[1:] == (("North", "10"), ("North", "12"))


def test_charts_and_diagrams_are_read() -> None:
    chart = (
        f'<c:chartSpace xmlns:c="{_CHART}"><c:chart><c:ser><c:tx><c:v>2023</c:v></c:tx><c:cat>'
        '<c:pt idx="0"><c:v>East</c:v></c:pt></c:cat><c:val><c:pt idx="0"><c:v>0.30000000000000004'
        "</c:v></c:pt></c:val></c:ser></c:chart></c:chartSpace>"
    )
    diagram = (
        f'<d:dataModel xmlns:d="{_DIAGRAM}" xmlns:a="{_SHAPES}"><d:pt><d:t><a:p><a:r><a:t>Plan'
        "</a:t></a:r></a:p></d:t></d:pt></d:dataModel>"
    )
    shapes = (
        f'<p:graphicFrame><c:chart xmlns:c="{_CHART}" r:id="chart"/></p:graphicFrame>'
        f'<p:graphicFrame><d:relIds xmlns:d="{_DIAGRAM}" r:dm="data"/></p:graphicFrame>'
        f'<p:graphicFrame><c:chart xmlns:c="{_CHART}" r:id="gone"/></p:graphicFrame>'
    )
    found = load(pptx(shapes, others={"chart.xml": chart, "data.xml": diagram}))
    _, first, second = found.blocks
    assert isinstance(first, Table)
    assert first.rows == (("", "2023"), ("East", "0.3"))
    assert second == ListItem("Plan", place=_ONE)
    assert found.left_out == (LeftOut("chart"),)


def test_an_unknown_shape_refused_the_whole_presentation() -> None:
    found = load(pptx(shape("Read.") + "<p:contentPart/><p:pic/><p:graphicFrame/>"))
    assert found.blocks[1:] == (Paragraph("Read.", place=_ONE),)
    assert found.left_out == (
        LeftOut("unknown shape"),
        LeftOut("picture"),
        LeftOut("embedded object"),
    )


def test_hidden_and_damaged_slides_are_left_out() -> None:
    import io
    import zipfile

    from tests.fakes.office_files import zipped

    with zipfile.ZipFile(io.BytesIO(pptx(*(shape(f"Slide {n}.") for n in "abc")))) as archive:
        members: dict[str, str | bytes] = {name: archive.read(name) for name in archive.namelist()}
    members["ppt/slides/s1.xml"] = b"<p:sld"
    hidden = bytes(members["ppt/slides/s2.xml"]).replace(b"<p:sld ", b'<p:sld show="0" ')  # type: ignore[arg-type]
    members["ppt/slides/s2.xml"] = hidden
    found = load(zipped(members))
    assert found.blocks[1:] == (Paragraph("Slide c.", place=Place(slide=3)),)
    assert found.left_out == (LeftOut("damaged slide"), LeftOut("hidden slide"))


def test_what_is_on_every_slide_is_said_once() -> None:
    slide = shape("Read.") + shape("Lamp & Co", kind="ftr").replace("&", "&amp;")
    found = load(pptx(slide, slide)).blocks
    assert [one.text for one in found if isinstance(one, Paragraph)] == [
        *("Read.", "Read.", "Lamp & Co")
    ]


def test_what_is_no_presentation_is_refused() -> None:
    with pytest.raises(Refused, match=r"a\.pptx is damaged or not a PPTX"):
        load(b"PK nothing")
    with pytest.raises(Refused, match=r"a\.pptx has no text\."):
        load(pptx())
