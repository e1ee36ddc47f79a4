"""HTML becomes blocks with all that a browser shows: each test is named for what was lost."""

from __future__ import annotations

from collections import Counter

import pytest

from bot.skills.document_tree import Block, Code, Heading, ListItem, Paragraph, Table
from bot.web.html_blocks import blocks_of_html


def texts(html: str) -> list[str]:
    return [block.text for block in blocks_of_html(html) if not isinstance(block, Table)]


def items(html: str) -> list[tuple[int, str, str]]:
    return [
        (block.depth, block.marker, block.text)
        for block in blocks_of_html(html)
        if isinstance(block, ListItem)
    ]


def table(*rows: str) -> Table:
    [found] = blocks_of_html(f"<table>{''.join(rows)}</table>")
    assert isinstance(found, Table)
    return found


@pytest.mark.parametrize(
    ("html", "text"),
    [
        ("<b>H</b>uman Re<i>sour</i>ces", "Human Resources"),
        ("5 × 10<sup>6</sup> cells", "5 × 10⁶ cells"),
        ("25<sup>1</sup> EUR for 40 m<sup>2</sup>", "25¹ EUR for 40 m²"),
        ("10<span style='vertical-align: super'>6</span>", "10⁶"),
        ("H<sub>2</sub>O on the 4<sup>th</sup>", "H₂O on the 4th"),
        ("so it is<sup><a href='#n'>[1]</a></sup>", "so it is[1]"),
        ("page 251<a epub:type='noteref' href='#n1'>1</a>.", "page 251¹."),
        ("page 251<span title='Footnote'><a href='#ftn1'>1</a></span> of", "page 251¹ of"),
        ("<a class='sdfootnotesym' href='#sdfootnote1anc'>1</a>1 year", "¹1 year"),
        ("see <a href='#fn-2'>chapter 2</a>, <a href='#s3'>3</a>", "see chapter 2, 3"),
        ("<ruby>庭師<rp>(</rp><rt>にわし</rt><rp>)</rp></ruby>は<ruby>毎朝<rt>まい</rt></ruby>",
         "庭師は毎朝"),
        ("one<br>two", "one\ntwo"),
        ("run <code>undo  now</code>, <kbd>Ctrl</kbd>+<kbd>C</kbd>", "run `undo now`, Ctrl+C"),
        ("<code>a`b</code>", "``a`b``"),
        ("he said <q>yes</q>", "he said “yes”"),
        ("<del>€ 20</del> € 15", "~~€ 20~~ € 15"),
        ("a <a href='x'>link</a>, <a href='#a'>¶</a>", "a link,"),
        ("10&nbsp;km<wbr>/h", "10 km/h"),
        ("Done 🎉<img alt='🎉' src=x>", "Done 🎉🎉"),
        ("<img class='tex' alt='E = mc^2' src=x> holds", "E = mc^2 holds"),
        ("no <span hidden>x</span><i style='Display: None'>x</i><script>x</script>", "no"),
        ("<span class=sr-only>Note:</span> mind", "mind"),
        ("<span class=offscreen>$19.99</span><span aria-hidden=true>$<b>19</b><i>99</i></span>",
         "$19.99"),
        ("<select><option>S<option selected>M</select> size", "M size"),
        ("Name: <input value='Ada'> <input type=hidden value=x>", "Name: Ada"),
    ],
)  # fmt: skip
def test_words_within_a_paragraph(html: str, text: str) -> None:
    assert texts(f"<p>{html}</p>") == [text]


def test_lists_lost_their_numbers_and_depths() -> None:
    assert items(
        "<ol start=3><li>three<li>four<ol type=a><li>aa<ul><li>deep</ul></ol><li value=9>nine</ol>"
    ) == [
        (0, "3.", "three"),
        (0, "4.", "four"),
        (1, "a.", "aa"),
        (2, "-", "deep"),
        (0, "9.", "nine"),
    ]
    assert [marker for _, marker, _ in items("<ol reversed><li>x<li>y<li>z</ol>")] == [
        *("3.", "2.", "1.")
    ]
    assert items("<ol type=I start=4><li>x</ol><ol style='list-style: upper-alpha'><li>y</ol>") == [
        (0, "IV.", "x"),
        (0, "A.", "y"),
    ]


@pytest.mark.parametrize(
    "sheet",
    [
        ".Law1 { margin: 0; list-style-type: lower-alpha } .up { vertical-align: super }",
        "p.up, span.up, a.b { vertical-align : super; } ol.Law1 { list-style: lower-alpha inside }",
        "@media all { /* } .Law1 { list-style: none } */ .Law1 { LIST-STYLE: lower-alpha }}"
        ".up{vertical-align:super}",
    ],
)
def test_a_style_sheet_letters_lists_and_raises_figures(sheet: str) -> None:
    html = f"""<style>{sheet}</style><ol class="x Law1"><li>10<span class="up">6</span> cells</li>
        <li style="vertical-align: baseline">pay</li></ol><ol class="law1"><li>keep</li></ol>"""
    assert items(html) == [(0, "a.", "10⁶ cells"), (0, "b.", "pay"), (0, "1.", "keep")]


def test_what_an_element_says_itself_goes_before_the_style_sheet() -> None:
    html = (
        "<style>.a { list-style: lower-alpha }</style>"
        "<ol class=a style='list-style: upper-roman'><li>x</ol>"
    )
    assert items(html) == [(0, "I.", "x")]


def test_the_style_sheets_of_a_book_letter_its_lists() -> None:
    [item] = blocks_of_html("<ol class=c6><li>x</ol>", sheets=[".c6 {list-style: lower-alpha}"])
    assert isinstance(item, ListItem)
    assert item.marker == "a."


def test_a_number_that_floats_beside_its_item_was_glued_to_it() -> None:
    """The numbers of LibreOffice's lists."""
    label = "<span style='display:block;float:left;min-width:0cm'>b)</span>"
    assert items(f"<ol><li><p>{label}the cellar</p></li></ol>") == [(0, "b)", "the cellar")]
    assert texts(f"<p>{label}no item</p>") == ["b)", "no item"]


def test_an_item_keeps_its_paragraphs_and_what_stands_in_it() -> None:
    assert blocks_of_html(
        "<ol><li><p>Fill.<p>Wait.<li>Run<pre>go\n</pre>then rest<li><h3>Stop</h3>At once.</ol>"
    ) == (
        ListItem("Fill.\nWait.", "1."),
        ListItem("Run", "2."),
        Code("go"),
        Paragraph("then rest"),
        Heading(3, "Stop", "3."),
        Paragraph("At once."),
    )


def test_ticked_boxes_were_lost() -> None:
    assert items(
        "<ul><li><input type=checkbox checked> lamp<li><label><input type=checkbox>oil</label></ul>"
    ) == [(0, "[x]", "lamp"), (0, "[ ]", "oil")]
    assert texts("<p><input type=checkbox checked>I agree<p><input type=radio>") == ["[x] I agree"]


def test_definitions_stand_beside_their_terms() -> None:
    assert [text for *_, text in items(
        "<dl><dt>Weight<dd>1.4 kg<div><dt>Colour</dt><dt>Color:</dt><dd>red</dd></div>"
        "<dt>Alone</dl>"
    )] == ["Weight: 1.4 kg", "Colour, Color: red", "Alone"]  # fmt: skip


def test_a_question_stands_before_its_answer() -> None:
    assert texts("<details><summary>Why?</summary>Because of rust.</details>") == [
        *("Why?", "Because of rust.")
    ]


@pytest.mark.parametrize(
    ("html", "formula"),
    [
        ("<math alttext='{\\displaystyle E=mc^{2}}'><mi>E</mi></math>", "E=mc^{2}"),
        (
            "<math><semantics><mi>x</mi><annotation encoding='application/x-tex'>x^2</annotation>"
            "</semantics></math>",
            "x^2",
        ),
        ("<math><mfrac><mi>λ</mi><mi>a</mi></mfrac></math>", r"\frac{λ}{a}"),
        ("<m:math><m:msup><m:mi>c</m:mi><m:mn>10</m:mn></m:msup></m:math>", "c^{10}"),
        ("<math><msqrt><mi>x</mi><mo>+</mo><mn>1</mn></msqrt></math>", r"\sqrt{x+1}"),
        ("<math><munderover><mo>∑</mo><mi>i</mi><mi>n</mi></munderover></math>", "∑_i^n"),
        ("<script type='math/tex'>a_1</script>", "a_1"),
        ("<span style='display:none'><math><mi>z</mi></math></span><img aria-hidden=true>", "z"),
        (
            "<span class=katex><math><mi>y</mi></math><span class=katex-html aria-hidden=true>y"
            "</span></span>",
            "y",
        ),
    ],
)
def test_formulas_were_lost(html: str, formula: str) -> None:
    assert texts(f"<p>Energy {html} holds.") == [f"Energy {formula} holds."]


def test_a_formula_in_a_line_of_its_own() -> None:
    assert blocks_of_html("<p>So<math display=block><mi>x</mi></math>holds.") == (
        Paragraph("So"),
        Paragraph("x", "formula"),
        Paragraph("holds."),
    )


def test_a_merged_cell_stands_in_every_cell_that_it_covers() -> None:
    assert table(
        "<thead><tr><th colspan=5>Table 4: Passengers</th></tr>",
        "<tr><th rowspan=2>Town</th><th colspan=2>2023</th><th colspan=2>2024</th></tr>",
        "<tr><th>in</th><th>out</th><th>in</th><th>out</th></tr></thead>",
        "<tbody><tr><td rowspan=0>Kiel</td><td>1</td><td>2</td><td colspan=2>none</td></tr>",
        "<tr><td>5</td><td>6</td><td>7</td><td>8</td></tr></tbody>",
    ) == Table(
        (
            ("Town", "2023", "2023", "2024", "2024"),
            ("Town", "in", "out", "in", "out"),
            ("Kiel", "1", "2", "none", "none"),
            ("Kiel", "5", "6", "7", "8"),
        ),
        2,
        "Table 4: Passengers",
    )


def test_cells_beside_one_that_spans_rows_stood_in_the_wrong_column() -> None:
    found = table(
        "<caption>Trams</caption><tr><th>Region</th><th>Town</th><th>Trams</th></tr>",
        "<tr><td rowspan=2>North</td><td>Kiel</td><td>0</td></tr>",
        "<tr><td>Bremen</td><td>8</td></tr>",
        "<tr><td>South</td><td>Ulm</td><td rowspan=9>2</td></tr>",
        "<tr><td>West</td><td>Trier</td></tr>",
    )
    assert (found.caption, found.header) == ("Trams", ("Region", "Town", "Trams"))
    assert found.rows[1:] == (
        ("North", "Kiel", "0"),
        ("North", "Bremen", "8"),
        ("South", "Ulm", "2"),
        ("West", "Trier", "2"),
    )


@pytest.mark.parametrize(
    ("rows", "header_rows"),
    [
        ("<tr><td><b>Town</b><td><strong>Trams</strong><tr><td>Basel<td>13", 1),
        ("<tr><td>Town<td>Trams<tr><td>Basel<td>13<tr><td>Bern<td>5", 1),
        ("<tr><td>On call<td>+43 1<tr><td>Boss<td>+43 2", 0),
        ("<tr><th>Height<td>100 m<tr><th>Built<td>280 BC", 0),
        ("<tr><td>red<td>sails<tr><td>green<td>boats", 0),
    ],
)
def test_which_rows_name_columns(rows: str, header_rows: int) -> None:
    assert table(rows).header_rows == header_rows


def test_what_stands_in_cells() -> None:
    found = table(
        "<tr><th>Lamp</th><th>Burns</th><th>Note</th></tr><tr><td>A</td>",
        "<td><table><tr><td>oil</td><td>3 l</td></tr></table></td>",
        "<td><p>one</p><ol><li>two</li></ol><pre>a\nb</pre><img alt='yes'></td></tr>",
    )
    assert found.rows[1] == ("A", "oil; 3 l", "one\n1. two\na\nb\nyes")


def test_a_page_arranged_by_tables_was_one_line() -> None:
    assert blocks_of_html(
        "<table><tr><td><h2>Lamps</h2><p>They burn oil.</p><pre>light()\nwait()</pre></td><td>"
        "<table><tr><th>Lamp</th><th>Oil</th></tr><tr><td>A</td><td>3</td></tr></table></td></tr>"
    ) == (
        Heading(2, "Lamps"),
        Paragraph("They burn oil."),
        Code("light()\nwait()"),
        Table((("Lamp", "Oil"), ("A", "3")), 1),
    )


def test_the_caption_of_a_figure_is_its_tables() -> None:
    [found] = blocks_of_html(
        "<figure><table><tr><th>A</th><th>B</th></tr><tr><td>1</td><td>2</td></tr></table>"
        "<figcaption>Table 1: numbers</figcaption></figure>"
    )
    assert isinstance(found, Table)
    assert found.caption == "Table 1: numbers"


@pytest.mark.parametrize(
    ("html", "code"),
    [
        ("<pre><code class='language-sh'># a\nserve</code></pre>", Code("# a\nserve", "sh")),
        ("<div class='highlight-python'><div class=highlight><pre>x  = 1\n</pre>",
         Code("x  = 1", "python")),
        ("<pre><div>a</div><div>b</div></pre>", Code("a\nb")),
        ("<table class=highlighttable><tr><td class=linenos><pre>1\n2</pre><td class=code><pre>a\nb"
         "</pre></table>", Code("a\nb")),
        ("<pre class='brush: java'>&lt;T&gt;<br>x</pre>", Code("<T>\nx", "java")),
    ],
)  # fmt: skip
def test_listings(html: str, code: Code) -> None:
    assert blocks_of_html(html) == (code,)


def test_headings_of_all_makes() -> None:
    assert blocks_of_html(
        "<h1><span class=section-number>2.1 </span>Pumps<a class=headerlink href=#p>¶</a></h1>"
        "<h2><div>A</div><div>B</div></h2><div role=heading aria-level=4>C</div>"
        "<h3><button>Open?</button></h3><h5></h5><h3>D <button>Copy path</button></h3>"
    ) == (
        Heading(1, "Pumps", "2.1"),
        Heading(2, "A B"),
        Heading(4, "C"),
        Heading(3, "Open?"),
        Heading(3, "D"),
    )


def test_quotations_notes_and_captions() -> None:
    kinds = [
        (block.kind, block.text)
        for block in blocks_of_html(
            "<blockquote><p>Trim it.</blockquote><aside epub:type=footnote>A note.</aside>"
            "<aside>Mind the tide.</aside><figure><img src=x><figcaption>The lamp</figcaption>"
        )
        if isinstance(block, Paragraph)
    ]
    assert kinds == [
        ("quote", "Trim it."),
        ("note", "A note."),
        ("text", "Mind the tide."),
        ("caption", "The lamp"),
    ]


def test_pictures_are_counted_and_their_descriptions_kept() -> None:
    left_out: Counter[str] = Counter()
    found = blocks_of_html(
        "<p><img alt='Plan of the harbour' src=a.png><img alt='' src=b><img src=c width=1>"
        "<img alt='DSC_1.JPG' src=d><img src=e><video src=f>old</video>",
        left_out,
    )
    assert found == (Paragraph("Plan of the harbour"),)
    assert left_out == {"picture": 3, "video": 1}


def test_elements_of_xhtml_that_close_themselves_swallowed_the_page() -> None:
    page = (
        '<?xml version="1.0"?><html xmlns="http://www.w3.org/1999/xhtml"><head><title/>'
        '<script src="a.js"/></head><body><a id="p1"/><p>One<br/>two</p></body></html>'
    )
    assert texts(page) == ["One\ntwo"]


@pytest.mark.parametrize(
    ("html", "shown"),
    [
        ("<p>x</p></body></html><p>behind", ["x", "behind"]),
        ("a\0b", ["a\ufffdb"]),
        ("<h1>never closed<p>text", ["never closed", "text"]),
        ("<p>1 < 2 &amp; 3", ["1 < 2 & 3"]),
        ("</div></p>stray<td>cell", ["stray", "cell"]),
        ("<div role=tabpanel hidden>yarn add</div>", ["yarn add"]),
        ("<svg><title>icon</title><text>Pump room</text></svg>", ["Pump room"]),
        ("", []),
    ],
)
def test_odd_pages(html: str, shown: list[str]) -> None:
    found: tuple[Block, ...] = blocks_of_html(html)
    assert [block.text for block in found if not isinstance(block, Table)] == shown
