"""A reader of a page, and not its drawing, tells what stands in its text."""

from __future__ import annotations

import random
from collections.abc import Sequence

import pytest

from bot.errors import Refused
from bot.knowledge.loading.pdf.text import write_words
from bot.knowledge.loading.pdf.words import Word
from bot.knowledge.loading.registry import PDF
from bot.skills.document_loader import Loaded
from bot.skills.document_tree import (
    Block,
    Heading,
    LeftOut,
    ListItem,
    Paragraph,
    Place,
    Table,
)
from tests.fakes.pdf_pages import (
    FONTS,
    Page,
    draw_lines,
    show,
    show_cells,
    stream,
    write_pdf,
)

LINE = "The keeper climbs the stairs every evening before the sun has set,"
TOWNS = [
    ("Aldford", "273.50", "312.50"),
    ("Birchwell", "364.50", "416.50"),
    ("Coltham", "455.50", "520.50"),
    ("Dunmere", "546.50", "624.50"),
]


def read(data: bytes) -> Loaded:
    return PDF.load(data, "a.pdf")


def blocks(*pages: str | Page, title: str = "") -> Sequence[Block]:
    return read(write_pdf(*pages, title=title)).blocks


def texts(found: Sequence[Block]) -> list[str]:
    return [block.text for block in found if not isinstance(block, Table)]


def tables(found: Sequence[Block]) -> list[Table]:
    return [block for block in found if isinstance(block, Table)]


def prose(x: float, top: float, lines: Sequence[str]) -> str:
    return "".join(show(x, top - 12 * at, line) for at, line in enumerate(lines))


# --- words --------------------------------------------------------------------------------------


def test_raised_and_lowered_figures_were_glued_to_the_number_before_them() -> None:
    drawn = "BT /F1 12 Tf 50 700 Td (5 x 10) Tj /F1 7 Tf 5 Ts (6) Tj /F1 12 Tf 0 Ts ( cells) Tj ET"
    drawn += " BT /F1 12 Tf 50 680 Td (H) Tj /F1 8 Tf -2 Ts (2) Tj /F1 12 Tf 0 Ts (O, 25) Tj"
    drawn += " /F1 7 Tf 4 Ts (1) Tj /F1 12 Tf 0 Ts ( EUR) Tj ET"
    assert texts(blocks(drawn)) == ["5 x 10⁶ cells", "H₂O, 25¹ EUR"]


def test_a_word_that_was_cut_by_kerning_is_whole() -> None:
    drawn = "BT /F1 12 Tf 50 700 Td [(They p)-150(erform)-300(daily)] TJ ET"
    assert texts(blocks(drawn)) == ["They perform daily"]


def test_figures_with_a_thin_space_stay_apart() -> None:
    assert texts(blocks("BT /F1 12 Tf 50 700 Td [(Phone 0)-167(12)-167(34)] TJ ET")) == [
        "Phone 0 12 34"
    ]


def test_a_bold_word_that_is_drawn_four_times_is_one() -> None:
    drawn = "".join(show(50 + n / 10, 700, "Warning") for n in range(4))
    assert texts(blocks(drawn)) == ["Warning"]


@pytest.mark.parametrize("seed", range(3))
def test_any_order_of_drawing_is_read_from_left_to_right(seed: int) -> None:
    cells = show_cells(TOWNS, (50, 200, 300))
    random.Random(seed).shuffle(cells)
    (table,) = tables(blocks("".join(cells)))
    assert table.rows == tuple(TOWNS)
    assert table.header_rows == 0, "values were taken for the names of the columns"


def test_the_spaces_of_a_line_that_was_set_tight_were_taken_for_kerning() -> None:
    drawn = "BT /F1 12 Tf 50 700 Td [(Germs)-165(per)-165(litre)-165(and)-165(day)] TJ ET"
    assert texts(blocks(drawn)) == ["Germs per litre and day"]


def test_arabic_that_is_drawn_letter_by_letter_was_a_heap_of_letters() -> None:
    """Browsers draw so. Numbers run to the right, and the full stop of one stands left of it."""
    letters = [
        (x, letter) for x, letter in zip(range(190, 100, -5), "تستمر 12 أسابيع 3.", strict=True)
    ]
    letters[6:8] = [(letters[7][0], "1"), (letters[6][0], "2")]
    words = [Word(x, x + 5.0, 700.0, 10.0, letter) for x, letter in letters if letter != " "]
    assert write_words(sorted(words, key=lambda word: word.x)) == "تستمر 12 أسابيع 3."


def test_a_letter_that_leans_into_a_space_took_it_away() -> None:
    drawn = "BT /F1 12 Tf 50 700 Td [(At)-250(end)-250(of)-160(Post)-250(and)-250(day)] TJ ET"
    assert texts(blocks(drawn)) == ["At end of Post and day"]


def test_a_note_mark_after_a_full_stop_was_a_line_of_its_own() -> None:
    drawn = "BT /F1 11 Tf 50 700 Td (He climbs the stairs.) Tj /F1 8 Tf 5 Ts (1) Tj "
    drawn += "/F1 11 Tf 0 Ts ( Then he rests.) Tj ET"
    assert texts(blocks(drawn)) == ["He climbs the stairs.¹ Then he rests."]


@pytest.mark.parametrize("size", [9.2, 10.7])
def test_a_raised_minus_was_cut_from_its_number(size: float) -> None:
    """Browsers draw letter by letter, and some raise numbers in letters of the same size."""
    drawn = show(50, 700, "1", size=11) + show(56.1, 700, "0", size=11)
    drawn += show(62.2, 705, "-4" if size > 10 else "-", size=size)
    drawn += show(65.3, 705, "4", size=size) if size < 10 else ""
    assert texts(blocks(drawn)) == ["10⁻⁴"]


def test_what_is_drawn_in_a_gap_of_a_line_stands_in_it() -> None:
    drawn = "BT /F1 12 Tf 50 700 Td [(H)-400(O is)-300(water)] TJ ET " + show(
        58.7, 698, "2", size=7
    )
    assert texts(blocks(drawn)) == ["H ₂O is water"]


def test_cells_that_touch_are_two() -> None:
    drawn = show(50, 700, "Alpha") + show(70.4, 700, "27.5")
    assert texts(blocks(drawn)) == ["Alpha 27.5"]


def test_columns_that_are_as_near_as_words_were_one() -> None:
    rows = [("Lamp", "3", "Needs a wick"), ("Bell", "1", ""), ("Rope", "17", "Sold by the metre")]
    rows += [("Anchor", "2", "Heavy"), ("Wick", "120", "Of cotton"), ("Oil", "9", "In barrels")]
    drawn = "".join(
        show(50, 700 - 13 * at, name)
        + show(120 - 5.56 * len(count), 700 - 13 * at, count)
        + show(123, 700 - 13 * at, note)
        for at, (name, count, note) in enumerate(rows)
    )
    (table,) = tables(blocks(drawn))
    assert table.rows == tuple(rows)


def test_predefined_cmaps_were_not_known() -> None:
    def font(cmap: str, order: str) -> str:
        return (
            f"<</Type/Font/Subtype/Type0/BaseFont/Foo/Encoding/{cmap}/DescendantFonts[<</Type/Font"
            f"/Subtype/CIDFontType0/BaseFont/Foo/CIDSystemInfo<</Registry(Adobe)/Ordering({order})"
            "/Supplement 2>>/FontDescriptor<</Type/FontDescriptor/FontName/Foo/Flags 4"
            "/FontBBox[0 0 1000 1000]/ItalicAngle 0/Ascent 800/Descent -200/StemV 80>>>>]>>"
        )

    fonts = {"J": font("EUC-H", "Japan1"), "K": font("KSCms-UHC-H", "Korea1")}
    drawn = f"BT /J 12 Tf 50 700 Td <{'東京都'.encode('euc-jp').hex()}> Tj ET"
    drawn += f" BT /K 12 Tf 50 600 Td <{'서울'.encode('cp949').hex()}> Tj ET"
    assert texts(read(write_pdf(drawn, fonts=fonts)).blocks) == ["東京都", "서울"]


UNDECODABLE = (
    "<</Type/Font/Subtype/Type0/BaseFont/ABCDEF+Foo/Encoding/Identity-H/DescendantFonts[<</Type"
    "/Font/Subtype/CIDFontType2/BaseFont/ABCDEF+Foo/CIDSystemInfo<</Registry(Adobe)/Ordering"
    "(Identity)/Supplement 0>>/FontDescriptor<</Type/FontDescriptor/FontName/ABCDEF+Foo/Flags 4"
    "/FontBBox[0 0 1000 1000]/ItalicAngle 0/Ascent 800/Descent -200/StemV 80>>>>]>>"
)


def test_text_that_cannot_be_decoded_was_stored_as_nonsense() -> None:
    codes = "".join(f"{ord(letter) - 29:04x}" for letter in "Thelampsarelitateight")
    drawn = f"BT /X 12 Tf 50 700 Td <{codes}> Tj ET"
    fonts = {**FONTS, "X": UNDECODABLE}
    with pytest.raises(Refused, match=r"^The text of a\.pdf cannot be decoded, "):
        read(write_pdf(drawn, fonts=fonts))
    found = read(write_pdf(drawn, show(50, 700, LINE), fonts=fonts))
    assert found.blocks == (Paragraph(LINE, place=Place(page=2)),)
    assert found.left_out == (LeftOut("page whose text cannot be decoded"),)


def test_a_line_that_cannot_be_decoded_was_stored_as_nonsense() -> None:
    codes = "".join(f"{ord(letter) - 29:04x}" for letter in "Thelampsarelitateight")
    drawn = show(50, 700, LINE) + f"BT /X 12 Tf 50 680 Td <{codes}> Tj ET"
    found = read(write_pdf(drawn, fonts={**FONTS, "X": UNDECODABLE}))
    assert texts(found.blocks) == [LINE]
    assert found.left_out == (LeftOut("page of whose text a part cannot be decoded"),)


def test_characters_beyond_16_bits_are_whole() -> None:
    unicode_map = stream(
        b"/CIDInit /ProcSet findresource begin begincmap 1 begincodespacerange <00> <ff> "
        b"endcodespacerange 2 beginbfchar <41> <D835DC65> <42> <D83DDE80> endbfchar endcmap end"
    )
    font = FONTS["F1"].replace("/Encoding", "/ToUnicode 10 0 R/Encoding")
    data = write_pdf(show(50, 700, "go B A now"), fonts={"F1": font}, objects=[unicode_map])
    assert texts(read(data).blocks) == ["go 🚀 𝑥 now"]


def test_the_lines_of_a_form_stay_lines() -> None:
    drawn = "".join(
        show(50, 700 - 14 * at, label) + show(150, 700 - 14 * at, value)
        for at, (label, value) in enumerate([("Date:", "5 May 2021"), ("Total:", "12.50 EUR")])
    )
    assert texts(blocks(drawn)) == ["Date: 5 May 2021\nTotal: 12.50 EUR"]


def test_a_korean_word_that_the_end_of_a_line_cuts_is_whole() -> None:
    """The program that wrote this ends a line with a space where a word ends."""
    wide = "<</Type/Font/Subtype/Type0/BaseFont/Foo/Encoding/UniKS-UCS2-H/DescendantFonts[<</Type/"
    wide += "Font/Subtype/CIDFontType0/BaseFont/Foo/CIDSystemInfo<</Registry(Adobe)/Ordering(Korea1"
    wide += ")/Supplement 1>>/FontDescriptor<</Type/FontDescriptor/FontName/Foo/Flags 4/FontBBox"
    wide += "[0 0 1000 1000]/ItalicAngle 0/Ascent 800/Descent -200/StemV 80>>>>]>>"
    lines = [
        "등대지기는 매일 저녁 해가 지기 전",
        "에 계단을 올라가서 등불을 켜고 밤새 ",
        "불을 지킨다 그리고 아침이 되면 내려온다",
    ]
    drawn = "".join(
        f"BT /K 12 Tf 50 {700 - 15 * at} Td <{line.encode('utf-16-be').hex()}> Tj ET\n"
        for at, line in enumerate(lines)
    )
    found = texts(read(write_pdf(drawn, fonts={"K": wide})).blocks)
    assert " ".join(found[0].split()) == "".join(lines)


# --- columns, headings, margins -----------------------------------------------------------------


def test_who_wrote_a_paper_and_when_were_headings() -> None:
    def centred(y: float, text: str, size: float) -> str:
        return show(300 - 0.25 * size * len(text), y, text, "C", size)

    mono = FONTS["F1"].replace("Helvetica", "Foo").replace(
        "/Encoding", f"/FirstChar 32/LastChar 126/Widths[{' 500' * 95}]/Encoding"
    )  # fmt: skip
    drawn = centred(740, "On lamps", 18) + centred(710, "A. Keeper and B. Warden", 12)
    drawn += centred(696, "University of Piers", 12) + centred(670, "1 May 2021", 12)
    drawn += prose(50, 640, [LINE, "and lights the lamps."]) + show(50, 600, "1 Oil", "F2", 14)
    drawn += prose(50, 580, [LINE, "and fills them."])
    found = read(write_pdf(drawn, fonts={**FONTS, "C": mono})).blocks
    assert [block.text for block in found if isinstance(block, Heading)] == ["On lamps", "Oil"]


def test_a_bold_heading_right_below_another_was_none() -> None:
    drawn = show(50, 700, "1 Data", "F2") + show(50, 676, "1.1 Output", "F2")
    drawn += prose(50, 656, [LINE, "and lights the lamps."])
    found = [block for block in blocks(drawn) if isinstance(block, Heading)]
    assert [(block.level, block.text) for block in found] == [(1, "Data"), (2, "Output")]


def test_a_number_that_stands_higher_than_its_item_was_a_paragraph() -> None:
    found = blocks(show(50, 705.2, "1.") + show(62, 700, "Fill in 0.75 l of oil."))
    assert found == (ListItem("Fill in 0.75 l of oil.", "1.", place=Place(page=1)),)


def test_a_number_of_a_list_was_glued_to_that_of_its_item() -> None:
    found = blocks(show(50, 700, "3.", size=20) + show(67, 700, "8 % fewer lamps", size=20))
    assert [block.text for block in found if isinstance(block, ListItem)] == ["8 % fewer lamps"]


def test_lists_with_small_roman_numbers() -> None:
    found = blocks(prose(50, 700, ["i. the lamp", "ii. the bell", "iii. the rope"]))
    assert [block.marker for block in found if isinstance(block, ListItem)] == ["i.", "ii.", "iii."]


def test_columns_are_read_one_after_the_other() -> None:
    left = [f"{LINE[:40]} {n} left" for n in range(8)]
    right = [f"{LINE[:40]} {n} right" for n in range(5)]
    rows = "".join(prose(x, 700 - 12 * n, [side[n]]) for n in range(8)
                   for x, side in ((50, left), (310, right)) if n < len(side))  # fmt: skip
    found = " ".join(texts(blocks(rows))).replace("\n", " ")
    assert found == " ".join(left + right)


def test_text_that_is_turned_stands_in_no_sentence_and_is_no_heading() -> None:
    stamp = "BT /F1 20 Tf 0 1 -1 0 30 300 Tm (Archive 2101.00001 [hydro]) Tj ET\n"
    found = blocks(
        stamp + prose(50, 700, [LINE, "and he lights the lamp, which is not harmful but"]),
        prose(50, 700, ["noisy for those who sleep below."]),
    )
    assert [type(block) for block in found] == [Paragraph, Paragraph]
    assert texts(found)[0].endswith("not harmful but noisy for those who sleep below.")
    assert texts(found)[1] == "Archive 2101.00001 [hydro]"


@pytest.mark.parametrize(
    "font", ["Times-Bold", "ABCDEF+CMBX12", "SFBX1000", "Foo-SemiBold", "GillSans-Heavy"]
)
def test_numbered_headings_of_the_size_of_the_text(font: str) -> None:
    bold = f"<</Type/Font/Subtype/Type1/BaseFont/{font}/Encoding/WinAnsiEncoding>>"
    drawn = show(50, 700, "5.1", "B") + show(75, 700, "Winter service", "B")
    drawn += prose(50, 680, [LINE, "and lights the lamps."]) + show(50, 640, "5.1.1  Oil", "B")
    drawn += prose(50, 620, [LINE, "and fills them."])
    found = read(write_pdf(drawn, fonts={**FONTS, "B": bold})).blocks
    assert [block for block in found if isinstance(block, Heading)] == [
        Heading(2, "Winter service", "5.1", Place(page=1)),
        Heading(3, "Oil", "5.1.1", Place(page=1)),
    ]


def test_a_whole_paragraph_in_large_or_bold_letters_is_no_heading() -> None:
    large = "".join(show(50, 700 - 18 * n, LINE, "F1", 13) for n in range(5))
    bold = "".join(show(50, 560 - 12 * n, LINE, "F2") for n in range(4))
    found = blocks(large + bold + prose(50, 480, [LINE] * 20))
    assert not [block for block in found if isinstance(block, Heading)]


@pytest.mark.parametrize("title", ["(anonymous)", "10811.exe", "Untitled", "c:/a/b.doc"])
def test_what_is_no_title(title: str) -> None:
    title = title.replace("(", "\\(").replace(")", "\\)")
    assert read(write_pdf(show(50, 700, LINE), title=title)).title == ""


# --- tables -------------------------------------------------------------------------------------


def test_a_header_of_two_lines_names_the_columns() -> None:
    rows = [("Town", "Permits", "Permits"), ("", "new", "renewed"), *TOWNS]
    caption = show(50, 730, "Table 2: Permits by town")
    (table,) = tables(blocks(caption + "".join(show_cells(rows, (50, 200, 300)))))
    assert table.header == ("Town", "Permits new", "Permits renewed")
    assert (table.header_rows, table.caption) == (2, "Table 2: Permits by town")
    assert table.rows[2:] == tuple(TOWNS)


def test_columns_that_are_drawn_at_once_and_near_to_each_other_were_one() -> None:
    rows = [("Müll", "1,50 €", "2,50 €"), ("Öl", "3,50 €", "4,50 €"), ("Käse", "5,50 €", "6,50 €")]
    drawn = "".join(
        show(50, 700 - 14 * at, name)
        + f"BT /F1 10 Tf 150 {700 - 14 * at} Td [({one})-1090({two})] TJ ET\n"
        for at, (name, one, two) in enumerate(rows)
    )
    (table,) = tables(blocks(drawn))
    assert table.rows == tuple(rows)


@pytest.mark.parametrize(
    "rows",
    [
        [("Nutrient", "Per 100 g", "Each"), ("Energy", "231 kcal", "347 kcal"),
         ("Fat", "9.8 g", "14.7 g"), ("Sugar", "17.4 g", "26.1 g")],
        [("Branch", "1 Q", "2 Q"), ("Lamps", "312.4", "355.9"), ("Oil", "188.0", "171.2"),
         ("Rope", "120.7", "135.8")],
        [("Sign", "Cause", "Action"), ("Pump is dry", "Air in the pipe", "Open the valve"),
         ("Louder than 72 dB", "Bearing 6205", "Replace"), ("Above 4.8 A", "Worn", "Measure")],
    ],
)  # fmt: skip
def test_names_with_figures_and_rows_with_few_of_them_are_told_apart(
    rows: list[tuple[str, ...]],
) -> None:
    (table,) = tables(blocks("".join(show_cells(rows, (50, 200, 300)))))
    assert table.header == rows[0]
    assert table.header_rows == 1


def test_a_cell_over_two_columns_made_them_one() -> None:
    rows = [("Hour", "Monday", "Tuesday"), ("8:15", "Algebra", "Physics")]
    rows += [("9:05", "Spelling", "Chemistry"), ("10:50", "Music", "Gymnastics")]
    drawn = "".join(show_cells(rows, (50, 100, 150)))
    drawn += show(50, 636, "11:40") + show(100, 636, "Workshop of many years")
    (table,) = tables(blocks(drawn))
    assert table.rows == (*rows, ("11:40", *["Workshop of many years"] * 2))


def test_a_ruled_table_has_its_merged_cells_and_wrapped_lines() -> None:
    rules = draw_lines(
        *((50, y, 350, y) for y in (720, 680, 640, 600)),
        *((x, 600, x, 720) for x in (50, 350)),
        *((150, 600, 150, 720), (250, 600, 250, 680)),
    )
    drawn = show(55, 700, "Lamp") + show(220, 700, "Sales") + show(55, 665, "North pier")
    drawn += show(155, 665, "1.50") + show(255, 665, "left") + show(255, 653, "open")
    drawn += show(55, 625, "South pier") + show(155, 625, "2.50") + show(255, 625, "shut")
    (table,) = tables(blocks(rules + drawn))
    assert table.rows == (
        ("Lamp", "Sales", "Sales"),
        ("North pier", "1.50", "left open"),
        ("South pier", "2.50", "shut"),
    )
    assert table.header_rows == 1


def test_a_frame_around_a_text_is_no_table() -> None:
    frame = draw_lines(
        (40, 720, 560, 720), (40, 640, 560, 640), (40, 640, 40, 720), (560, 640, 560, 720)
    )
    found = blocks(frame + prose(50, 700, [LINE, "and he lights the lamp."]))
    assert [type(block) for block in found] == [Paragraph]


def test_a_table_over_two_pages_knows_the_page_of_its_rows() -> None:
    header = [("Town", "New", "Renewed")]
    pages = ["".join(show_cells(header + TOWNS, (50, 200, 300)))] * 2
    (table,) = tables(blocks(*pages))
    assert table.rows == (*header, *TOWNS, *TOWNS)
    assert [place.page for place in table.places] == [1] * 5 + [2] * 4


# --- forms, comments ----------------------------------------------------------------------------


def test_the_values_of_a_form_stand_beside_their_labels() -> None:
    def field(kind: str, box: str, more: str) -> str:
        return f"<</Type/Annot/Subtype/Widget/FT/{kind}/T({box})/Rect[{box}]{more}>>"

    ticked = "/V/Yes/AS/Yes/AP<</N<</Yes 10 0 R/Off 10 0 R>>>>"
    fields = [
        field("Tx", "150 690 350 710", "/V(Grace Example)"),
        field("Tx", "150 660 350 680", "/V(AB-123-CD)"),
        field("Btn", "130 636 144 650", ticked),
        field("Btn", "230 636 244 650", ticked.replace("/V/Yes/AS/Yes", "/V/Off/AS/Off")),
    ]
    drawn = show(72, 694, "Name:") + show(72, 664, "Licence plate:")
    drawn += show(72, 640, "Approved") + show(172, 640, "Rejected")
    empty = stream(b"", "/Type/XObject/Subtype/Form/BBox[0 0 14 14]")
    data = write_pdf(Page(drawn, fields), objects=[empty], form=True)
    assert read(data).blocks == (
        Paragraph("Name: Grace Example", place=Place(page=1)),
        Paragraph("Licence plate: AB-123-CD", place=Place(page=1)),
        ListItem("Approved", "[x]", place=Place(page=1)),
        ListItem("Rejected", "[ ]", place=Place(page=1)),
    )


def test_the_values_of_an_xfa_form_were_lost() -> None:
    data = b"<xfa:datasets xmlns:xfa='http://www.xfa.org/schema/xfa-data/1.0/'><xfa:data><form>"
    data += b"<Name>Grace Example</Name><Plate> AB-123 </Plate><Empty/></form></xfa:data>"
    packets = "/AcroForm<</Fields[]/XFA[(datasets) 10 0 R]>>/NeedsRendering true"
    written = write_pdf(
        show(50, 700, "Please open this form with another program."),
        objects=[stream(data + b"</xfa:datasets>")],
        catalog=packets,
    )
    found = read(written)
    assert texts(found.blocks)[1:] == ["Name: Grace Example", "Plate: AB-123"]
    assert found.left_out == ()


@pytest.mark.parametrize(
    "data", [b"<a><b>", b"", b"<!DOCTYPE a [<!ENTITY b SYSTEM 'file:///etc/passwd'>]><a>&b;</a>"]
)
def test_an_xfa_form_that_is_no_xml_is_left_alone(data: bytes) -> None:
    packets = "/AcroForm<</Fields[]/XFA[(datasets) 10 0 R]>>"
    written = write_pdf(show(50, 700, "Oil."), objects=[stream(data)], catalog=packets)
    assert texts(read(written).blocks) == ["Oil."]


def test_what_people_wrote_on_a_page_are_comments() -> None:
    notes = [
        "<</Type/Annot/Subtype/FreeText/Rect[300 500 400 520]/Contents(Ask Ada first)>>",
        "<</Type/Annot/Subtype/Text/Rect[300 400 320 420]/Contents(Price is out of date)>>",
    ]
    found = blocks(Page(show(50, 700, "Oil."), notes), show(50, 700, "The second page."))
    assert found == (
        Paragraph("Oil.", place=Place(page=1)),
        Paragraph("Ask Ada first", "comment", Place(page=1)),
        Paragraph("Price is out of date", "comment", Place(page=1)),
        Paragraph("The second page.", place=Place(page=2)),
    )


# --- what is left out ---------------------------------------------------------------------------


def test_what_is_left_out_is_said() -> None:
    picture = stream(
        bytes(3),
        "/Type/XObject/Subtype/Image/Width 1/Height 1/ColorSpace/DeviceRGB/BitsPerComponent 8",
    )
    draw = "q 100 0 0 100 300 300 cm /I Do Q\n"
    resources = "/Resources<</XObject<</I 10 0 R>>/Font<</F1 " + FONTS["F1"] + ">>>>"
    found = read(
        write_pdf(
            Page(draw + show(50, 700, LINE), entries=resources),
            Page(draw, entries=resources),
            "",
            objects=[picture],
        )
    )
    assert found.left_out == (LeftOut("page without text"), LeftOut("picture"))


def test_one_broken_page_was_the_end_of_all() -> None:
    data = write_pdf(
        show(50, 700, "The first."), show(50, 700, "The second."), show(50, 700, "The third.")
    )
    broken = data.replace(b"12 0 obj\n<<", b"12 0 obj\n((")
    assert broken != data
    found = read(broken)
    assert texts(found.blocks) == ["The first.", "The third."]
    assert found.left_out == (LeftOut("damaged page"),)
