"""A workbook is read as its program shows it: formats, merged cells, nothing that is hidden."""

from __future__ import annotations

import pytest

from bot.errors import Refused
from bot.knowledge.loading.registry import XLSX
from bot.skills.document_loader import Loaded, TooLong
from bot.skills.document_tree import Block, Heading, LeftOut, Paragraph, Place, Table
from tests.fakes.office_files import RELATIONS, relations, rows, xlsx

_DRAWING = "http://schemas.openxmlformats.org/drawingml/2006/spreadsheetDrawing"
_SHAPES = "http://schemas.openxmlformats.org/drawingml/2006/main"
_CHART = "http://schemas.openxmlformats.org/drawingml/2006/chart"
_ALTERNATIVES = "http://schemas.openxmlformats.org/markup-compatibility/2006"
_SHEET = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"


def load(data: bytes) -> Loaded:
    return XLSX.load(data, "a.xlsx")


def table(inside: str, formats: tuple[str, ...] = ()) -> Table:
    [_, found] = load(xlsx({"Oil": inside}, formats=formats)).blocks
    assert isinstance(found, Table)
    return found


def texts(blocks: tuple[Block, ...]) -> list[str]:
    return [block.text for block in blocks if isinstance(block, Paragraph)]


def test_numbers_are_as_their_format_shows_them() -> None:
    found = table(
        rows("Zip|Article|Price|Warmth", "1:1234|2:42|3:1234.5|4:5"),
        formats=("00000", "&quot;ART-&quot;0000", "#,##0.00 [$€-407]", "0&quot; °C&quot;"),
    )
    assert found.rows[1] == ("01234", "ART-0042", "1,234.50 €", "5 °C")


def test_each_sheet_is_a_heading_and_each_row_knows_its_place() -> None:
    book = xlsx({"Oil": rows("Kind|Litres", "", "Lamp|3"), "Empty": rows(), "Wicks": rows("Cut.")})
    heading, found, *others = load(book).blocks
    assert heading == Heading(1, "Oil", place=Place(sheet="Oil"))
    assert isinstance(found, Table)
    assert found.places == (Place(sheet="Oil", row=1), Place(sheet="Oil", row=3))
    assert others == [
        Heading(1, "Wicks", place=Place(sheet="Wicks")),
        Paragraph("Cut.", place=Place(sheet="Wicks", row=1)),
    ]


def test_a_row_below_a_merged_cell_had_no_region() -> None:
    merged = '<mergeCells><mergeCell ref="A2:A3"/></mergeCells>'
    found = table(rows("Region|Quarter|Sales", "North|Q1|10", "|Q2|20", after=merged))
    assert found.rows[2] == ("North", "Q2", "20")


def test_a_title_over_all_columns_is_a_caption() -> None:
    merged = '<mergeCells><mergeCell ref="A1:C1"/></mergeCells>'
    found = table(rows("Sales of May", "Region|Quarter|Sales", "North|Q1|10", after=merged))
    assert (found.caption, found.header) == ("Sales of May", ("Region", "Quarter", "Sales"))


def test_a_hidden_sheet_answered() -> None:
    found = load(
        xlsx(
            {"Open": rows("Seen"), "Salaries": rows("Unseen"), "Deep": rows("Unseen")},
            states={"Salaries": "hidden", "Deep": "veryHidden"},
        )
    )
    assert texts(found.blocks) == ["Seen"]
    assert found.left_out == (LeftOut("hidden sheet", 2),)


def test_hidden_rows_and_columns_are_left_out_and_told() -> None:
    inside = rows("Name|Place|Salary", "Ada|Basel|900", "Bob|Kiel|800", "Cyd|Lund|700")
    inside = inside.replace('<row r="3">', '<row r="3" hidden="1">')
    columns = '<cols><col min="3" max="3" width="0"/></cols>'
    found = load(xlsx({"Staff": columns + inside}))
    shown = found.blocks[1]
    assert isinstance(shown, Table)
    assert shown.rows == (("Name", "Place"), ("Ada", "Basel"), ("Cyd", "Lund"))
    assert found.left_out == (LeftOut("hidden row"), LeftOut("hidden column"))


def test_comments_and_text_boxes_were_not_read() -> None:
    box = (
        f'<x:wsDr xmlns:x="{_DRAWING}" xmlns:a="{_SHAPES}"><x:twoCellAnchor><x:from>'
        "<x:row>4</x:row></x:from><x:sp><x:txBody><a:p><a:r><a:t>Order </a:t></a:r>"
        "<a:r><a:t>in May.</a:t></a:r>"
        "</a:p></x:txBody></x:sp><x:pic><a:blip/></x:pic></x:twoCellAnchor></x:wsDr>"
    )
    said = (
        f'<comments xmlns="{_SHEET}"><authors><author>Ada</author></authors><commentList>'
        '<comment ref="B2" authorId="0"><text><r><t>Ada:</t></r><r><t>\nToo dear.</t></r></text>'
        "</comment></commentList></comments>"
    )
    found = load(
        xlsx(
            {"Oil": rows("Kind|Price", "Lamp|9")},
            others={"drawing.xml": box, "comments.xml": said},
        )
    )
    assert found.blocks[2:] == (
        Paragraph("Order in May.", place=Place(sheet="Oil", row=5)),
        Paragraph("Comment on B2 (Ada): Too dear.", "comment", Place(sheet="Oil", row=2)),
    )
    assert found.left_out == (LeftOut("picture"),)


def test_charts_and_the_words_for_pictures_were_not_read() -> None:
    names = (
        f'xmlns:x="{_DRAWING}" xmlns:a="{_SHAPES}" xmlns:c="{_CHART}" xmlns:r="{RELATIONS}" '
        f'xmlns:mc="{_ALTERNATIVES}"'
    )
    drawing = (
        f"<x:wsDr {names}><x:twoCellAnchor><x:from><x:row>6</x:row></x:from>"
        '<x:graphicFrame><a:graphic><a:graphicData><c:chart r:id="chart"/></a:graphicData>'
        "</a:graphic></x:graphicFrame></x:twoCellAnchor><x:oneCellAnchor><x:from><x:row>0</x:row>"
        '</x:from><x:pic><x:nvPicPr><x:cNvPr id="2" name="Picture 1" descr="The  plan"/>'
        "</x:nvPicPr><x:blipFill><a:blip/></x:blipFill></x:pic></x:oneCellAnchor>"
        '<x:oneCellAnchor><x:pic><x:nvPicPr><x:cNvPr id="3" descr="logo.png"/></x:nvPicPr></x:pic>'
        "</x:oneCellAnchor>"
        "<x:twoCellAnchor><mc:AlternateContent><mc:Choice><x:graphicFrame><c:chart r:id='gone'/>"
        "</x:graphicFrame></mc:Choice><mc:Fallback><x:sp><x:txBody><a:p><a:r><a:t>Your program is "
        "too old.</a:t></a:r></a:p></x:txBody></x:sp></mc:Fallback></mc:AlternateContent>"
        "</x:twoCellAnchor></x:wsDr>"
    )
    chart = (
        f'<c:chartSpace xmlns:c="{_CHART}" xmlns:a="{_SHAPES}"><c:chart><c:title><c:tx><c:rich>'
        "<a:p><a:r><a:t>Oil sold</a:t></a:r></a:p></c:rich></c:tx></c:title><c:ser><c:tx><c:v>2023"
        '</c:v></c:tx><c:cat><c:pt idx="0"><c:v>East</c:v></c:pt></c:cat><c:val><c:pt idx="0">'
        "<c:v>12</c:v></c:pt></c:val></c:ser></c:chart></c:chartSpace>"
    )
    others = {
        "drawing.xml": drawing,
        "chart.xml": chart,
        "_rels/drawing.xml.rels": relations({"chart": "chart.xml"}),
    }
    found = load(xlsx({"Oil": rows("Kind|Price", "Lamp|9")}, others=others))
    assert found.blocks[2:] == (
        Table(
            (("", "2023"), ("East", "12")),
            header_rows=1,
            caption="Oil sold",
            place=Place(sheet="Oil", row=7),
        ),
        Paragraph("The plan", place=Place(sheet="Oil", row=1)),
    )
    assert found.left_out == (LeftOut("picture"), LeftOut("chart"))


def test_texts_with_parts_that_look_different() -> None:
    raised = '<r><t>10</t></r><r><rPr><vertAlign val="superscript"/></rPr><t>6</t></r>'
    reading = "<t>東京</t><rPh sb='0' eb='2'><t>トウキョウ</t></rPh>"
    cells = "".join(
        f'<row r="{at + 1}"><c r="A{at + 1}" t="s"><v>{at}</v></c></row>' for at in range(2)
    )
    found = load(xlsx({"Oil": f"<sheetData>{cells}</sheetData>"}, texts=(raised, reading)))
    assert texts(found.blocks) == ["10⁶", "東京"]


def test_characters_that_a_workbook_escapes() -> None:
    found = load(xlsx({"Oil": rows("a_x000D__xD800__x0009_b _x005F_x0041_")}))
    assert texts(found.blocks) == ["a b _x0041_"]


def test_formulas_that_nobody_calculated_show_themselves() -> None:
    cells = (
        '<row r="1"><c r="A1"><v>3</v></c><c r="B1"><f>A1*2</f></c><c r="C1"><f>A1</f><v>3</v></c>'
        "</row>"
    )
    found = load(xlsx({"Oil": f"<sheetData>{cells}</sheetData>"}))
    assert texts(found.blocks) == ["3; =A1*2; 3"]


def test_a_sheet_with_a_cell_in_its_last_row_is_read() -> None:
    far = '<row r="1048576"><c r="XFD1048576"><v>7</v></c></row></sheetData>'
    inside = rows("Kind|Price", "Lamp|9").replace("</sheetData>", far)
    found = load(xlsx({"Oil": inside})).blocks
    assert found[-1] == Paragraph("7", place=Place(sheet="Oil", row=1_048_576))


def test_a_strict_workbook_had_no_text() -> None:
    import io
    import zipfile

    from tests.fakes.office_files import zipped

    members = {}
    with zipfile.ZipFile(io.BytesIO(xlsx({"Oil": rows("Lamp|1:2")}, formats=("000",)))) as archive:
        for name in archive.namelist():
            data = archive.read(name)
            for kind in (b"spreadsheetml", b"officeDocument"):
                old = b"http://schemas.openxmlformats.org/" + kind + b"/2006/"
                data = data.replace(old, b"http://purl.oclc.org/ooxml/" + kind + b"/")
            members[name] = data
    assert texts(load(zipped(members)).blocks) == ["Lamp: 002"]


def test_merged_cells_over_everything_are_refused() -> None:
    merged = '<mergeCell ref="A1:XFD1048576"/>' * 60
    far = '<c r="XFD1"><v>7</v></c></row>'
    inside = rows("Lamp" * 100).replace("</row>", far)
    with pytest.raises(TooLong):
        load(xlsx({"Oil": f"{inside}<mergeCells>{merged}</mergeCells>"}))


def test_a_workbook_without_a_cell_is_refused() -> None:
    with pytest.raises(Refused, match=r"a\.xlsx has no text\."):
        load(xlsx({"Oil": rows()}))


def test_a_damaged_sheet_refused_the_others() -> None:
    found = load(xlsx({"Oil": rows("Seen"), "Wicks": "<sheetData><row>"}))
    assert texts(found.blocks) == ["Seen"]
    assert found.left_out == (LeftOut("damaged sheet"),)


def test_what_is_no_workbook_is_refused() -> None:
    with pytest.raises(Refused, match=r"a\.xlsx is damaged or not an XLSX"):
        load(xlsx({"Oil": "<sheetData><row>"}))
