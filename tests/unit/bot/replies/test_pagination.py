"""Pages: within the limit, cut where people would cut, and never changing once closed."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from wcwidth import iter_graphemes

from bot.replies.pagination import MIN_PAGE_CHARACTERS, Splitter, split

PIECES = [
    "word ", "a longer sentence. ", "\n", "\n\n", "```\n", "```python\n", "~~~\n", "````md\n",
    "    indented\n", "- item\n", "x" * 45, "👨‍👩‍👧", "e\u0301", "🇩🇪", " \u0301", "。", "日本語",
    "``", "`", "\t",
    "[link](https://example.org/?a=b) ", "  ", "\r\n", "# Heading\n", "क्षि",
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
    assert splitter.pages == split(text, limit)


@given(documents, limits)
def test_nothing_but_blanks_is_lost(text: str, limit: int) -> None:
    plain = text.replace("`", "").replace("~", "")
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
