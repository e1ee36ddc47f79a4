"""Markdown and plain text as blocks."""

from __future__ import annotations

from bot.knowledge.loading.document import RawDocument, find_title
from bot.knowledge.loading.markup.markdown import parse_markdown, read_markdown
from bot.knowledge.loading.registry import LOADERS
from bot.skills.document_loader import Loaded
from bot.skills.document_tree import Block, Code, Heading, LeftOut, ListItem, Paragraph, Table
from tests.fakes.loaded_text import load_with_text


def texts(markdown: str) -> list[str]:
    return [block.text for block in read_markdown(markdown) if not isinstance(block, Table)]


def items(blocks: tuple[Block, ...]) -> list[tuple[int, str, str]]:
    return [(b.depth, b.marker, b.text) for b in blocks if isinstance(b, ListItem)]


def load(name: str, text: str) -> Loaded:
    return load_with_text(RawDocument(name, text.encode()), LOADERS)


def test_a_bold_letter_cut_the_word() -> None:
    assert texts("**H**uman **R**esources is on the *fourth* floor") == [
        "Human Resources is on the fourth floor"
    ]


def test_links_keep_their_text_and_code_its_backticks() -> None:
    text = "Run `make *all*`, see [the guide](https://x.example/a_b_c) or [this][r].\n\n"
    assert texts(f"{text}[r]: https://y.example") == ["Run `make *all*`, see the guide or this."]


def test_raised_figures_in_tags_stood_with_the_number_before_them() -> None:
    assert texts(
        "5 × 10<sup>6</sup> cells, 25<sup>1</sup> EUR, H<sub>2</sub>O, 1<sup>st</sup>"
    ) == ["5 × 10⁶ cells, 25¹ EUR, H₂O, 1st"]


def test_ordered_lists_keep_their_numbers() -> None:
    found = read_markdown("3. Close the valve.\n4. Sign the sheet.\n   Twice.\n\n   In blue.\n\n"
                          "Then:\n\n1) a\n   - [x] done\n   - [ ] open\n2) b")  # fmt: skip
    assert items(found) == [
        (0, "3.", "Close the valve."),
        (0, "4.", "Sign the sheet.\nTwice.\nIn blue."),
        (0, "1)", "a"),
        (1, "[x]", "done"),
        (1, "[ ]", "open"),
        (0, "2)", "b"),
    ]


def test_an_item_that_begins_with_code_keeps_its_number() -> None:
    assert read_markdown("1. ```sh\n   make\n   ```\n2. ok") == (
        ListItem("", "1."),
        Code("make", "sh"),
        ListItem("ok", "2."),
    )


def test_a_comment_in_code_was_the_title() -> None:
    found = load("a.md", "```sh\n# not a heading\nls\n```\n\n# Real title\n\nWear coats.\n")
    assert found.title == "Real title"
    assert found.blocks[0] == Code("# not a heading\nls", "sh")


def test_a_text_with_old_line_ends_was_one_line() -> None:
    assert load("a.md", "# Title\r\rFirst.\r\r- item\r").blocks == (
        Heading(1, "Title"),
        Paragraph("First."),
        ListItem("item"),
    )


def test_html_in_markdown_is_read_as_a_browser_shows_it() -> None:
    found = read_markdown(
        "<details>\n<summary>Why is it red?</summary>\n\nBecause of **rust**.\n\n</details>\n\n"
        "<!-- a comment -->\n\nA <b>b</b>old<br>word, `<b>` and <name>.\n\n"
        "<table>\n<tr><th>Item</th><th>Fee</th></tr>\n<tr><td>Oil</td><td>3</td></tr>\n</table>\n"
    )
    assert found == (
        Paragraph("Why is it red?"),
        Paragraph("Because of rust."),
        Paragraph("A bold\nword, `<b>` and <name>."),
        Table((("Item", "Fee"), ("Oil", "3")), 1),
    )


def test_footnotes_of_one_word_were_lost() -> None:
    assert read_markdown("The fee is 25[^1] EUR.\n\n[^1]: plus\n[^note]: VAT of\n  20 %") == (
        Paragraph("The fee is 25¹ EUR."),
        Paragraph("¹ plus", "note"),
        Paragraph("[note] VAT of\n20 %", "note"),
    )


def test_tables_keep_the_bars_and_all_cells() -> None:
    found = read_markdown("| Sign | Means |\n|---|---|\n| a \\| b | **either** | or both |\n")
    assert found == (Table((("Sign", "Means"), ("a | b", "either", "or both")), 1),)


def test_an_empty_header_is_filled_by_the_first_row() -> None:
    assert read_markdown("|  |  |\n| --- | --- |\n| Country | Limit |\n| Austria | 52 |") == (
        Table((("Country", "Limit"), ("Austria", "52")), 1),
    )


def test_quotations_are_marked_and_headings_in_them_are_none() -> None:
    assert read_markdown("> # Note\n> Do it.\n>\n> 1. first") == (
        Paragraph("Note", "quote"),
        Paragraph("Do it.", "quote"),
        ListItem("first", "1."),
    )


def test_what_a_file_says_of_itself_names_it() -> None:
    found = load("a.md", "---\ntitle: 'The title'\ntags: x\n---\n\n# Heading\n\nText")
    assert (found.title, found.blocks[1]) == ("The title", Heading(1, "Heading"))
    assert found.blocks[0] == Paragraph("title: 'The title'\ntags: x")


def test_pictures_are_counted_and_described() -> None:
    found = load("a.md", "Look: ![a pump](p.png) and <img src='q.png' alt='a hose'>.")
    assert found.left_out == (LeftOut("picture", 2),)
    assert found.blocks == (Paragraph("Look: a pump and a hose."),)


def test_plain_text_keeps_its_characters() -> None:
    text = "2*3*4 and __init__ of <name> &amp; `x`\n\n    indented line\n\n- an *item*"
    blocks, _ = parse_markdown(text, plain=True)
    assert blocks == (
        Paragraph("2*3*4 and __init__ of <name> &amp; `x`"),
        Paragraph("indented line"),
        ListItem("an *item*"),
    )
    assert load("a.txt", "Title\n=====\n\nText of 2*3*4").blocks[0] == Heading(1, "Title")


def test_what_is_nested_too_deeply_is_kept() -> None:
    for mark in ("> ", "- ", "1. "):
        found = " ".join(texts(mark * 500 + "the end\n\nafter it"))
        assert "the end" in found
        assert "after it" in found


def test_a_rule_below_several_lines_is_no_underline() -> None:
    assert read_markdown("One line\nand another\n---\n\nText") == (
        Paragraph("One line\nand another"),
        Paragraph("Text"),
    )


def test_titles_that_programs_write_are_none() -> None:
    for title in ("(anonymous)", "untitled", "10811.exe", "  ", "Untitled-1", "Document1"):
        assert find_title(title, (Heading(1, "Real"),)) == "Real"
        assert find_title(title, (Paragraph("x"),)) == ""
    assert find_title("Documents of 2024", ()) == "Documents of 2024"


def test_paragraphs_in_a_piece_of_html_stay_apart() -> None:
    assert texts("<div>\n<p>One <!-- hidden --></p>\n<p>Two\nlines<br>end</p>\n</div>") == [
        "One",
        "Two lines\nend",
    ]
