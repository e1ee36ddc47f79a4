"""A DOCX is read as Word shows it: words whole, figures raised, lists and headings numbered."""

from __future__ import annotations

import pytest

from bot.errors import Refused
from bot.knowledge.loading.registry import DOCX
from bot.skills.document_loader import Loaded
from bot.skills.document_tree import Block, Code, Heading, LeftOut, ListItem, Paragraph, Table
from tests.fakes.office_files import (
    cell,
    docx,
    listed,
    numbering,
    paragraph,
    run,
    styles,
    table,
    zipped,
)

_RAISED = '<w:vertAlign w:val="superscript"/>'
_LOWERED = '<w:vertAlign w:val="subscript"/>'


def load(data: bytes) -> Loaded:
    return DOCX.load(data, "a.docx")


def blocks(body: str, **parts: str) -> tuple[Block, ...]:
    return load(docx(body, None, **parts)).blocks


def text(body: str, **parts: str) -> str:
    [found] = blocks(body, **parts)
    assert isinstance(found, Paragraph)
    return found.text


def markers(body: str, **parts: str) -> list[str]:
    return [one.marker for one in blocks(body, **parts) if isinstance(one, ListItem)]


def test_runs_do_not_cut_a_word() -> None:
    found = text(paragraph("", run("H", "<w:b/>") + run("uman Resources")))
    assert found == "Human Resources"


def test_a_drop_cap_was_a_word_of_its_own() -> None:
    frame = '<w:framePr w:dropCap="drop"/>'
    assert text(paragraph("O", look=frame) + paragraph("nce upon a time")) == "Once upon a time"


@pytest.mark.parametrize(
    ("runs", "shown"),
    [
        (run("10") + run("6", _RAISED) + run(" cells"), "10⁶ cells"),
        (run("CO") + run("2", _LOWERED), "CO₂"),
        (run("the 4") + run("th", _RAISED), "the 4th"),
        (run("m") + run("-2", _RAISED), "m⁻²"),
        (run("2") + run("x+y", _RAISED), "2^x+y"),
        (run("km") + run("2", '<w:position w:val="8"/>'), "km²"),
        (run("A") + run("ha", '<w:position w:val="8"/>'), "Aha"),
    ],
)
def test_raised_figures_were_part_of_the_number(runs: str, shown: str) -> None:
    assert text(paragraph("", runs)) == shown


def test_figures_raised_by_a_style_are_raised() -> None:
    style = (
        '<w:style w:type="character" w:styleId="Power"><w:name w:val="Power"/>'
        f"<w:rPr>{_RAISED}</w:rPr></w:style>"
    )
    inside = run("10") + run("6", '<w:rStyle w:val="Power"/>')
    assert text(paragraph("", inside), styles=style) == "10⁶"


def test_a_list_goes_on_below_a_paragraph() -> None:
    body = listed("Open.") + listed("Wait.") + paragraph("Meanwhile.") + listed("Close.")
    assert markers(body, numbering=numbering(("decimal", "%1."))) == ["1.", "2.", "3."]


def test_a_list_begins_anew_where_word_says_so() -> None:
    again = (
        '<w:num w:numId="2"><w:abstractNumId w:val="0"/><w:lvlOverride w:ilvl="0">'
        '<w:startOverride w:val="1"/></w:lvlOverride></w:num>'
    )
    body = listed("One.") + listed("Two.") + listed("Anew.", 2) + listed("Next.", 2)
    found = markers(body, numbering=numbering(("decimal", "%1)"), more=again))
    assert found == ["1)", "2)", "1)", "2)"]


def test_letters_and_numbers_of_several_levels() -> None:
    levels = numbering(("decimal", "%1."), ("decimal", "%1.%2"), ("lowerLetter", "(%3)"))
    body = (
        listed("Terms")
        + listed("Rent", level=1)
        + listed("monthly", level=2)
        + listed("yearly", level=2)
        + listed("Term", level=1)
        + listed("months", level=2)
        + listed("Costs")
        + listed("Water", level=1)
    )
    found = [one for one in blocks(body, numbering=levels) if isinstance(one, ListItem)]
    assert [one.marker for one in found] == [
        *("1.", "1.1", "(a)", "(b)", "1.2", "(a)", "2.", "2.1")
    ]
    assert [one.depth for one in found] == [0, 1, 2, 2, 1, 2, 0, 1]


@pytest.mark.parametrize(
    ("form", "shown"),
    [
        ("upperRoman", ["I.", "II.", "III.", "IV."]),
        ("upperLetter", ["A.", "B.", "C.", "D."]),
        ("decimalZero", ["01.", "02.", "03.", "04."]),
        ("ordinal", ["1st.", "2nd.", "3rd.", "4th."]),
        ("chineseCounting", ["一.", "二.", "三.", "四."]),
        ("bullet", ["-", "-", "-", "-"]),
    ],
)
def test_formats_of_numbers(form: str, shown: list[str]) -> None:
    body = "".join(listed("Step.") for _ in range(4))
    assert markers(body, numbering=numbering((form, "%1."))) == shown


def test_a_blank_bullet_is_none() -> None:
    assert markers(listed("Goes on."), numbering=numbering(("bullet", " "))) == []


def test_boxes_to_tick_may_be_bullets() -> None:
    assert markers(listed("Done."), numbering=numbering(("bullet", "☒"))) == ["[x]"]


def test_numbered_headings_had_no_number() -> None:
    levels = (
        '<w:abstractNum w:abstractNumId="0">'
        '<w:lvl w:ilvl="0"><w:numFmt w:val="decimal"/><w:pStyle w:val="H1"/>'
        '<w:lvlText w:val="%1"/></w:lvl>'
        '<w:lvl w:ilvl="1"><w:numFmt w:val="decimal"/><w:pStyle w:val="H2"/>'
        '<w:lvlText w:val="%1.%2"/></w:lvl></w:abstractNum>'
        '<w:num w:numId="7"><w:abstractNumId w:val="0"/></w:num>'
    )
    numbers = '<w:pPr><w:numPr><w:numId w:val="7"/></w:numPr></w:pPr>'
    looks = styles(H1=f"heading 1: {numbers}", H2=f"heading 2: {numbers}")
    found = blocks(
        paragraph("Scope", style="H1")
        + paragraph("Terms", style="H1")
        + paragraph("Rent", style="H2")
        + paragraph("Term", style="H2"),
        styles=looks,
        numbering=levels,
    )
    assert found == (
        Heading(1, "Scope", "1"),
        Heading(1, "Terms", "2"),
        Heading(2, "Rent", "2.1"),
        Heading(2, "Term", "2.2"),
    )


def test_a_style_based_on_a_heading_is_a_heading() -> None:
    looks = styles(
        H2='heading 2: <w:pPr><w:outlineLvl w:val="1"/></w:pPr>', Own='Own: <w:basedOn w:val="H2"/>'
    )
    assert blocks(paragraph("Rent", style="Own"), styles=looks) == (Heading(2, "Rent"),)


def test_ticked_boxes_were_lost() -> None:
    def box(on: int) -> str:
        return (
            f'<w:sdt><w:sdtPr><w14:checkbox><w14:checked w14:val="{on}"/></w14:checkbox></w:sdtPr>'
            "<w:sdtContent><w:r><w:t>?</w:t></w:r></w:sdtContent></w:sdt>"
        )

    def old(inside: str) -> str:
        return (
            f'<w:r><w:fldChar w:fldCharType="begin"><w:ffData><w:checkBox>{inside}</w:checkBox>'
            "</w:ffData></w:fldChar></w:r><w:r><w:instrText>FORMCHECKBOX</w:instrText></w:r>"
            '<w:r><w:fldChar w:fldCharType="end"/></w:r>'
        )

    assert text(paragraph("", box(1) + run(" Approved ") + box(0) + run(" Rejected"))) == (
        "[x] Approved [ ] Rejected"
    )
    inside = old("<w:default w:val='1'/>") + run(" Yes ") + old("<w:default w:val='0'/>")
    assert text(paragraph("", inside + run(" No"))) == "[x] Yes [ ] No"


def test_a_chosen_line_of_a_form_is_read() -> None:
    lines = "".join(f'<w:listEntry w:val="{one}"/>' for one in ("red", "green"))
    begin = (
        '<w:r><w:fldChar w:fldCharType="begin"><w:ffData><w:ddList><w:result w:val="1"/>'
        f"{lines}</w:ddList></w:ffData></w:fldChar></w:r>"
    )
    assert text(paragraph("Colour: ", begin)) == "Colour: green"


def test_the_words_below_readings_vanished() -> None:
    def ruby(base: str, reading: str) -> str:
        parts = f"<w:rt>{run(reading)}</w:rt><w:rubyBase>{run(base)}</w:rubyBase>"
        return f"<w:r><w:ruby>{parts}</w:ruby></w:r>"

    inside = ruby("東", "とう") + ruby("京", "きょう") + run("へ行く")
    assert text(paragraph("", inside)) == "東京(とうきょう)へ行く"


def test_a_formula_is_latex_and_one_that_is_not_known_loses_nothing_else() -> None:
    def letters(text: str) -> str:
        return f"<m:r><m:t>{text}</m:t></m:r>"

    fraction = f"<m:f><m:num>{letters('λ')}</m:num><m:den>{letters('a')}</m:den></m:f>"
    odd = f"<m:unheard><m:e>{letters('xy')}</m:e></m:unheard>"
    first = f"<m:oMath>{fraction}</m:oMath>"
    found = blocks(
        paragraph("The width is ", first + run("."))
        + paragraph("Odd: ", f"<m:oMath>{odd}</m:oMath>")
        + f"<w:p><m:oMathPara>{first}</m:oMathPara></w:p>"
    )
    assert found == (
        Paragraph("The width is $\\frac{\\lambda}{a}$."),
        Paragraph("Odd: $xy$"),
        Paragraph("\\frac{\\lambda}{a}", "formula"),
    )


def test_the_sign_of_a_sum_that_is_not_written_is_an_integral() -> None:
    def part(name: str, letter: str) -> str:
        return f"<m:{name}><m:r><m:t>{letter}</m:t></m:r></m:{name}>"

    operator = f"<m:nary><m:naryPr/>{part('sub', 'i')}{part('sup', 'n')}{part('e', 'x')}</m:nary>"
    assert text(paragraph("", f"<m:oMath>{operator}</m:oMath>{run('.')}")) == "$\\int_{i}^{n} x$."


def test_a_document_within_a_document_is_read() -> None:
    page = "<html><body><h2>Rules</h2><p>No smoking on deck.</p></body></html>"
    found = load(
        docx(
            paragraph("Before.") + '<w:altChunk r:id="aFChunk"/>' + '<w:altChunk r:id="gone"/>',
            {"aFChunk.html": page},
        )
    )
    assert found.blocks == (
        Paragraph("Before."),
        Heading(2, "Rules"),
        Paragraph("No smoking on deck."),
    )
    assert found.left_out == (LeftOut("inserted document"),)


def test_the_text_of_a_shape_is_read_once() -> None:
    inside = f"<w:txbxContent>{paragraph('Mind the step.')}</w:txbxContent>"
    shape = (
        "<w:r><mc:AlternateContent><mc:Choice Requires='wps'><w:drawing><wp:inline><a:graphic>"
        f"<wps:wsp><wps:txbx>{inside}</wps:txbx></wps:wsp></a:graphic></wp:inline></w:drawing>"
        f"</mc:Choice><mc:Fallback><w:pict><v:textbox>{inside}</v:textbox></w:pict></mc:Fallback>"
        "</mc:AlternateContent></w:r>"
    )
    found = blocks(paragraph("At the door.", shape))
    assert found == (Paragraph("At the door."), Paragraph("Mind the step."))


def test_headers_and_footers_are_read_once_without_page_numbers() -> None:
    def field(name: str) -> str:
        return f'<w:fldSimple w:instr=" {name} ">{run("3")}</w:fldSimple>'

    foot = paragraph("Manual of May – Page ", field("PAGE") + run(" of ") + field("NUMPAGES"))
    ends = (
        '<w:sectPr><w:headerReference r:id="header"/><w:footerReference r:id="footer"/></w:sectPr>'
    )
    found = blocks(
        paragraph("One.", look=ends) + paragraph("Two.") + ends,
        header=paragraph("Confidential"),
        footer=foot,
    )
    assert [one.text for one in found if isinstance(one, Paragraph)] == [
        *("Confidential", "One.", "Two.", "Manual of May")
    ]


def test_notes_and_comments_stand_below_what_they_are_about() -> None:
    def mark(kind: str) -> str:
        return f'<w:r><w:{kind}Reference w:id="2"/></w:r>'

    found = blocks(
        paragraph("25", mark("footnote") + run(" EUR")) + paragraph("Oil.", mark("comment")),
        footnotes=f'<w:footnote w:id="2">{paragraph("Without tax.")}</w:footnote>',
        comments=f'<w:comment w:id="2" w:initials="AL">{paragraph("Which?")}</w:comment>',
    )
    assert found == (
        Paragraph("25¹ EUR"),
        Paragraph("¹ Without tax.", "note"),
        Paragraph("Oil."),
        Paragraph("Comment (AL): Which?", "comment"),
    )


def test_changes_are_read_as_accepted() -> None:
    inside = (
        "<w:del><w:r><w:delText>ten</w:delText></w:r></w:del>"
        f"<w:ins>{run('twelve')}</w:ins>{run(' days')}"
        f"<w:moveFrom>{run(' or so')}</w:moveFrom>"
    )
    gone = "<w:rPr><w:del/></w:rPr>"
    assert text(paragraph("Within ", inside, look=gone) + paragraph(", then.")) == (
        "Within twelve days, then."
    )


def test_hidden_text_is_not_read() -> None:
    assert text(paragraph("Seen.", run(" Unseen.", "<w:vanish/>"))) == "Seen."


def test_a_merged_cell_says_its_text_in_all_that_it_covers() -> None:
    start, more = '<w:vMerge w:val="restart"/>', "<w:vMerge/>"
    [found] = blocks(
        table(
            cell("Region") + cell("Sales", '<w:gridSpan w:val="2"/>'),
            cell("Region") + cell("Q1") + cell("Q2"),
            cell("North", start) + cell("1,000") + cell("2,000"),
            cell("", more) + cell("3,000") + cell("4,000"),
        )
    )
    assert isinstance(found, Table)
    assert found.header == ("Region", "Sales Q1", "Sales Q2")
    assert found.rows[3] == ("North", "3,000", "4,000")


def test_the_caption_of_a_table_belongs_to_it() -> None:
    looks = styles(Caption="caption")
    small = table(cell("Town") + cell("Trams"), cell("Basel") + cell("13"))
    above = blocks(paragraph("Table 1: Trams", style="Caption") + small, styles=looks)
    below = blocks(small + paragraph("Table 1: Trams", style="Caption"), styles=looks)
    assert [getattr(one, "caption", "") for one in above] == ["Table 1: Trams"]
    assert [getattr(one, "caption", "") for one in below] == ["Table 1: Trams"]
    figure = blocks(paragraph("Figure 1: Bell", style="Caption") + small, styles=looks)
    assert figure[0] == Paragraph("Figure 1: Bell", "caption")


def test_a_table_of_one_column_is_what_it_frames() -> None:
    looks = styles(H="heading 2")
    notice = f"<w:tc>{paragraph('Notice', style='H')}{paragraph('Mind the step.')}</w:tc>"
    assert blocks(table(notice), styles=looks) == (
        Heading(2, "Notice"),
        Paragraph("Mind the step."),
    )


def test_code_is_kept_as_written() -> None:
    body = paragraph("if lamp:", style="C") + paragraph("    light()", style="C")
    assert blocks(body, styles=styles(C="Source Code")) == (Code("if lamp:\n    light()"),)


def test_symbols_of_a_font_are_read() -> None:
    sign = '<w:r><w:sym w:font="Symbol" w:char="F0B0"/></w:r>'
    assert text(paragraph("20 ", sign + run("C"))) == "20 °C"


def test_pictures_are_counted() -> None:
    picture = (
        "<w:r><w:drawing><wp:inline><a:graphic><a:blip/></a:graphic></wp:inline></w:drawing></w:r>"
    )
    found = load(docx(paragraph("A lamp.", picture * 2)))
    assert found.left_out == (LeftOut("picture", 2),)


def test_values_of_a_chart_are_read() -> None:
    space = "http://schemas.openxmlformats.org/drawingml/2006/chart"

    def points(name: str, *values: str) -> str:
        listed = "".join(
            f'<c:pt idx="{at}"><c:v>{value}</c:v></c:pt>' for at, value in enumerate(values)
        )
        return f"<c:{name}><c:cache>{listed}</c:cache></c:{name}>"

    chart = (
        f'<c:chartSpace xmlns:c="{space}"><c:chart><c:ser><c:tx><c:v>2023</c:v></c:tx>'
        f"{points('cat', 'East', 'West')}{points('val', '1.5', '2')}"
        "</c:ser></c:chart></c:chartSpace>"
    )
    mark = '<w:r><w:drawing><a:graphic><c:chart r:id="chart"/></a:graphic></w:drawing></w:r>'
    [found] = load(docx(paragraph("", mark), {"chart.xml": chart})).blocks
    assert isinstance(found, Table)
    assert found.rows == (("", "2023"), ("East", "1.5"), ("West", "2"))


def test_a_strict_document_is_read() -> None:
    import io
    import zipfile

    members = {}
    with zipfile.ZipFile(io.BytesIO(docx(paragraph("The lamp.")))) as archive:
        for name in archive.namelist():
            data = archive.read(name)
            for kind in (b"wordprocessingml", b"officeDocument"):
                old = b"http://schemas.openxmlformats.org/" + kind + b"/2006/"
                data = data.replace(old, b"http://purl.oclc.org/ooxml/" + kind + b"/")
            members[name] = data
    assert load(zipped(members)).blocks == (Paragraph("The lamp."),)


def test_damaged_notes_are_told() -> None:
    mark = '<w:r><w:footnoteReference w:id="2"/></w:r>'
    found = load(docx(paragraph("Oil.", mark), None, footnotes="<w:footnote>"))
    assert found.blocks == (Paragraph("Oil.¹"),)
    assert found.left_out == (LeftOut("damaged part"),)


@pytest.mark.parametrize("data", [b"PK nothing", zipped({"a.txt": "a"}), docx("<w:broken>")])
def test_what_is_no_document_is_refused(data: bytes) -> None:
    with pytest.raises(Refused, match=r"a\.docx is damaged or not a DOCX, and cannot be read\."):
        load(data)


def test_a_document_without_text_is_refused() -> None:
    with pytest.raises(Refused, match=r"a\.docx has no text\."):
        load(docx(paragraph("")))
