"""Pages: within the limit, cut where people would cut, and never changing once closed."""

from __future__ import annotations

import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from wcwidth import iter_graphemes

from bot.replies.fences import Fence
from bot.replies.pagination import MIN_PAGE_CHARACTERS, Splitter, split

PIECES = [
    "word ", "a longer sentence. ", "\n", "\n\n", "```\n", "```python\n", "~~~\n", "````md\n",
    "    indented\n", "- item\n", "x" * 45, "👨‍👩‍👧", "e\u0301", "🇩🇪", " \u0301", "。", "日本語",
    "``", "`", "\t",
    "> ", "> ```\n", "- ```sh\n", "| a | b |\n", "|---|---|\n", "> | a |\n", "> |---|\n", "**",
    "||", "[link](https://example.org/?a=b) ", "  ", "\r\n", "# Heading\n", "क्षि",
]  # fmt: skip
documents = st.lists(st.one_of(st.sampled_from(PIECES), st.text(max_size=12)), max_size=60).map(
    "".join
)
limits = st.integers(MIN_PAGE_CHARACTERS, 120)


def squeezed(text: str) -> str:
    return re.sub(r"\s", "", text)


@given(documents, limits)
def test_no_page_is_longer_than_the_limit_or_blank(text: str, limit: int) -> None:
    for page in split(text, limit):
        assert len(page) <= limit
        assert page.strip()


@given(st.lists(st.sampled_from(PIECES), max_size=50), limits)
def test_a_page_before_the_last_never_changes(pieces: list[str], limit: int) -> None:
    splitter = Splitter(limit)
    before: tuple[str, ...] = ()
    for piece in pieces:
        splitter.append(piece)
        pages = splitter.pages
        kept = before[:-1]
        assert pages[: len(kept)] == kept
        before = pages


@given(documents, limits, st.integers(1, 7))
def test_pages_do_not_depend_on_the_size_of_the_pieces(text: str, limit: int, step: int) -> None:
    splitter = Splitter(limit)
    for at in range(0, len(text), step):
        splitter.append(text[at : at + step])
        assert all(len(page) <= limit for page in splitter.pages)
    before = splitter.pages[:-1]
    splitter.finish()
    assert splitter.pages[: len(before)] == before
    assert splitter.pages == split(text, limit)


@given(documents, limits)
def test_nothing_but_blanks_is_lost(text: str, limit: int) -> None:
    plain = text.replace("`", "").replace("~", "").replace("|", "")
    assert squeezed("".join(split(plain, limit))) == squeezed(plain)


@given(documents, limits)
def test_characters_as_people_see_them_stay_whole(text: str, limit: int) -> None:
    plain = text.replace("`", "").replace("~", "").replace("\r", "")
    whole = {cluster.strip() for cluster in iter_graphemes(plain)}
    for page in split(plain, limit):
        for cluster in iter_graphemes(page):
            assert cluster.strip() in whole


@given(st.lists(st.sampled_from(["code line\n", "\n", "y = 'x'  \n", "z" * 70 + "\n"]), min_size=1))
def test_every_page_of_code_is_a_whole_fence_with_its_language(lines: list[str]) -> None:
    code = "".join(lines)
    pages = split(f"```python\n{code}```\nafter", 40)
    inside = [page for page in pages if "```" in page]
    for page in inside:
        assert page.startswith("```python\n")
        assert page.count("```") == 2
    assert squeezed("".join(pages)).replace("```python", "").replace("```", "") == squeezed(
        code + "after"
    )


def test_a_short_text_is_one_page() -> None:
    assert split("Hello.", 2000) == ("Hello.",)


@pytest.mark.parametrize("text", ["", "   ", "\n\n \n"])
def test_a_blank_text_has_no_pages(text: str) -> None:
    assert split(text, 2000) == ()


def test_paragraphs_come_first() -> None:
    one, two = "One. " * 5 + "one", "Two. " * 5 + "two"
    assert split(f"{one}\n\n{two}", 40) == (one, two)


def test_then_lines_then_sentences_then_words() -> None:
    assert split("- first item here\n- second item here", 34) == (
        "- first item here",
        "- second item here",
    )
    assert split("A first sentence here. And a second one.", 32) == (
        "A first sentence here.",
        "And a second one.",
    )
    assert split("words words words words words words words", 32) == (
        "words words words words words",
        "words words",
    )


def test_then_characters() -> None:
    family = "👨‍👩‍👧‍👦"
    pages = split(family * 20, 32)
    assert "".join(pages) == family * 20
    assert all(len(page) % len(family) == 0 for page in pages)


def test_a_character_that_is_longer_than_a_page_is_still_sent() -> None:
    zalgo = "a" + "\u0301" * 100
    assert "".join(split(zalgo, 32)) == zalgo


def test_a_code_fence_is_closed_and_opened_again_with_its_language() -> None:
    text = "Look:\n\n```python\n" + "print('hello')\n" * 4 + "```\nDone."
    assert split(text, 60) == (
        "Look:\n\n```python\nprint('hello')\nprint('hello')\n```",
        "```python\nprint('hello')\nprint('hello')\n```\nDone.",
    )


def test_a_longer_fence_holds_a_shorter_one() -> None:
    inner = "```\ncode\n```\n"
    pages = split("````markdown\n" + inner * 6 + "````", 48)
    assert len(pages) > 1
    for page in pages:
        assert page.startswith("````markdown\n")
        assert page.endswith("\n````")


def test_tildes_are_a_fence_and_backticks_in_it_are_text() -> None:
    pages = split("~~~\n" + "```\n" * 12 + "~~~", 32)
    assert len(pages) > 1
    assert all(page.startswith("~~~\n") and page.endswith("\n~~~") for page in pages)


def test_the_last_page_of_a_growing_fence_is_closed() -> None:
    splitter = Splitter(100)
    splitter.append("```sh\nls -l")
    assert splitter.pages == ("```sh\nls -l\n```",)
    splitter.append("\n``")
    assert splitter.pages == ("```sh\nls -l\n```",)
    splitter.append("`\nThen.")
    assert splitter.pages == ("```sh\nls -l\n```\nThen.",)


def test_indentation_survives_a_cut_in_code() -> None:
    pages = split("```\nif x:\n" + "    return 1\n" * 6 + "```", 40)
    assert all("    return 1" in page for page in pages)


def test_an_info_string_as_long_as_a_page_is_text() -> None:
    text = "```" + "a" * 100 + "\ncode\n```"
    assert all(len(page) <= 40 for page in split(text, 40))


def test_halves_of_a_surrogate_pair_are_joined_and_lone_ones_replaced() -> None:
    splitter = Splitter(100)
    splitter.append("a\ud83d")
    splitter.append("\ude00b\udc00c")
    assert splitter.pages == ("a😀b\ufffdc",)


def test_a_limit_too_small_for_a_fence_is_refused() -> None:
    with pytest.raises(ValueError, match="at least 32"):
        Splitter(8)


PARTS = (
    "[the long label of this link here](https://example.com/a/b/c?d=e)",
    "![a picture of it](https://example.com/a(b).png 'its title')",
    "`inline code here and there`",
    "``code with a ` tick``",
    "**bold words here and there**",
    "__bold *and [a link](https://x.example) in* it__",
    "~~struck out words~~",
    "||a spoiler here and there||",
    "<@123456789012345678>",
    "</model list:123456789>",
    "<https://example.com/a/b/c>",
    "[a remark in brackets]",
)


@pytest.mark.parametrize("part", PARTS)
def test_a_page_was_cut_within_a_link_code_or_a_spoiler(part: str) -> None:
    words = "lorem ipsum dolor " * 20
    for length in range(100, 201):
        text = f"{words[:length].rstrip()} {part} {words}"
        pages = split(text, 200)
        assert any(part in page for page in pages), pages
        assert min(map(len, pages[:-1])) >= 100


@pytest.mark.parametrize("part", [part for part in PARTS if not part.startswith("__")])
def test_where_there_are_no_spaces_the_cut_is_before_it_too(part: str) -> None:
    for length in range(101, 200):
        pages = split("漢" * length + part + "漢" * 100, 200)
        assert any(part in page for page in pages), pages


@pytest.mark.parametrize("mark", ["[", "`", "**", "||", "<@", "*", "[a](", "_"])
def test_what_is_never_closed_does_not_make_pages_short(mark: str) -> None:
    pages = split(f"{mark}word " + "word " * 200, 100)
    assert all(len(page) > 50 for page in pages[:-1])


def _in_quotation(lines: str) -> str:
    return "".join(f"> {line}" for line in lines.splitlines(keepends=True))


@pytest.mark.parametrize(
    ("opening", "body", "closing"),
    [
        ("> ```python\n", "> line = compute()\n", "> ```"),
        (">```\n", ">x = 1\n", ">```"),
        ("> > ~~~\n", "> > x = 1\n", "> > ~~~"),
        ("- ```python\n", "  line = compute()\n", "  ```"),
        ("10. ```sh\n", "    ls -l\n", "    ```"),
        ("> - ```\n", ">   a b c\n", ">   ```"),
        ("    ```js\n", "    a();\n", "    ```"),
        ("\t* ```js\n", "\t  a();\n", "\t  ```"),
    ],
)
def test_a_fence_in_a_quotation_or_list_lost_its_balance(
    opening: str, body: str, closing: str
) -> None:
    run = closing.strip(" \t>")
    pages = split(f"Look:\n\n{opening}{body * 90}{closing}\nDone.", 200)
    assert len(pages) > 3
    for page in pages:
        assert page.count(run) == 2
        assert len(page) <= 200
    assert pages[-1].endswith(f"{run}\nDone.")
    assert "".join(pages).count(body.strip()) == 90


def test_a_quotation_that_ends_ends_its_fence() -> None:
    text = "> ```\n> code\nword " + "word " * 30
    assert all("```" not in page for page in split(text, 64)[1:])


TABLE_HEAD = "| Name | Age |\n|------|----:|\n"


@pytest.mark.parametrize("prefix", ["", "> ", "  "])
def test_a_table_that_went_on_had_no_head(prefix: str) -> None:
    rows = "".join(f"{prefix}| person {n} | {n} |\n" for n in range(60))
    head = "".join(prefix + line for line in TABLE_HEAD.splitlines(keepends=True))
    pages = split(f"They are:\n\n{head}{rows}\nAfter the table. " + "Words. " * 40, 200)
    with_rows = [page for page in pages if "person" in page]
    assert len(with_rows) > 5
    assert all(head.strip() in page for page in with_rows)
    assert not any("Age" in page for page in pages if "person" not in page)
    assert re.findall(r"person (\d+)", "".join(pages)) == [str(n) for n in range(60)]


def test_a_table_is_not_cut_between_its_names_and_its_rows() -> None:
    for words in range(1, 40):
        pages = split("word " * words + f"\n{TABLE_HEAD}| Ada | 36 |\n", 120)
        assert any(f"{TABLE_HEAD}| Ada | 36 |" in page for page in pages), pages


def test_a_head_as_wide_as_a_page_is_not_repeated() -> None:
    names = "| " + "name " * 10 + "|"
    pages = split(f"{names}\n|---|\n" + "| row |\n" * 40, 100)
    assert "".join(pages).count("name name") < 10


def test_a_last_line_within_a_longer_fence_was_dropped() -> None:
    splitter = Splitter(100)
    splitter.append("````md\ncode\n```")
    assert splitter.pages == ("````md\ncode\n````",)
    splitter.finish()
    assert splitter.pages == ("````md\ncode\n```\n````",)


@pytest.mark.parametrize(
    ("text", "pages"),
    [
        ("````", ()), ("one\n\n```py", ("one",)), ("> ```", ()), ("> ```\n\n", ()),
        ("> ```\n> code\n\n", ("> ```\n> code\n> ```",)),
        ("> ```\n> code\n\nafter", ("> ```\n> code\n\nafter",)),
    ],
)  # fmt: skip
def test_a_fence_that_the_last_line_opened_stayed_open(text: str, pages: tuple[str, ...]) -> None:
    assert split(text, 60) == pages


@given(documents, limits)
@example("````", 32)
@example("> ```\n\n", 40)
def test_every_page_has_balanced_fences(text: str, limit: int) -> None:
    for page in split(text, limit):
        assert not _open_fence(page, limit), page


def _open_fence(page: str, limit: int) -> Fence | None:
    fence: Fence | None = None
    for line in page.split("\n"):
        if fence is not None and fence.left_by(line):
            fence = None
        if fence is None:
            fence = Fence.parse(line)
            if fence is not None and (len(line) > limit // 4 or len(fence.closer) > limit // 8):
                return None  # too long to be repeated: it is taken as text
        elif fence.closed_by(line):
            fence = None
    return fence
