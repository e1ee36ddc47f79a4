"""No link shows another address than its own, and nothing is fetched to show an answer."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from bot.control_characters import strip_controls
from bot.replies.draft import Draft
from bot.replies.link_words import misleads
from bot.replies.links import LinkFilter, sanitize_text
from bot.replies.pagination import split
from bot.types import Limits, Notice, Source, Sources, Status, Text
from tests.hostile.answers import ANSWERS
from tests.hostile.links import CODE, EVIL, NO_CODE, PIECES, SHOWN

answers = st.lists(st.sampled_from(PIECES), max_size=24).map("".join)


@pytest.mark.parametrize(("written", "expected"), SHOWN.items())
def test_what_is_shown(written: str, expected: str) -> None:
    assert sanitize_text(written) == expected


@pytest.mark.parametrize("code", CODE)
def test_code_stays_as_it_is(code: str) -> None:
    assert sanitize_text(code) == code


@pytest.mark.parametrize("answer", NO_CODE)
def test_what_is_code_to_some_renderers_only_does_not_pass_for_it(answer: str) -> None:
    assert not list(lies(sanitize_text(answer)))


@given(answers, st.integers(1, 5))
def test_what_is_shown_does_not_depend_on_the_size_of_the_pieces(answer: str, step: int) -> None:
    links = LinkFilter()
    pieces = [links.feed(answer[at : at + step]) for at in range(0, len(answer), step)]
    assert "".join(pieces) + links.finish() == sanitize_text(answer)


@given(st.text())
def test_nothing_but_spaces_is_added_to_ordinary_text(text: str) -> None:
    kept = strip_controls(text)
    if "!" not in text and "@" not in text:
        assert sanitize_text(text).replace(" ", "") == kept.replace(" ", "")


@settings(max_examples=400)
@given(answers)
def test_no_renderer_shows_a_link_that_lies_or_an_image(answer: str) -> None:
    assert not list(lies(sanitize_text(answer)))


def test_the_renderers_of_this_test_find_what_lies() -> None:
    lying = f"[https://bank.example]({EVIL})"
    assert len(list(lies(lying))) == 3
    assert len(list(lies(f"![x]({EVIL}) <img src='{EVIL}'> [bank.example][1]\n\n[1]: {EVIL}"))) == 6


# --- two renderers -------------------------------------------------------------------------------


def lies(text: str) -> Iterator[str]:
    """The links that lie and the images, as CommonMark and as Discord read a text."""
    yield from _in_commonmark(text)
    for page in split(text, 4_000):  # where a block of code that is open is closed
        yield from _in_commonmark(page)
        yield from _on_discord(page)


def _in_commonmark(text: str) -> Iterator[str]:
    for block in MarkdownIt("commonmark").parse(text):
        if block.type == "html_block" and re.search(r"<\w+[\s/]", block.content):
            yield block.content
        words, target = "", None
        for token in block.children or ():
            if token.type == "image":
                yield f"image {token.attrs}"
            elif token.type == "html_inline" and re.match(r"<\w+[\s/]", token.content):
                yield token.content
            elif token.type == "link_open":
                words, target = "", str(token.attrs["href"]) if token.info != "auto" else None
            elif token.type == "link_close":
                if target is not None and misleads(words, target):
                    yield f"{words} → {target}"
                target = None
            else:
                words += token.content or " "


_ESCAPED = re.compile(r"\\[^0-9A-Za-z\s]")
_BLOCK = re.compile(r"```(?:[a-z0-9_+\-.#]+?\n)?\n*[^\n][\s\S]*?\n*```", re.IGNORECASE)
_SPAN = re.compile(r"(`+)([\s\S]*?[^`])\1(?!`)")
_LINK = re.compile(
    r"\[((?:(?!\n(?:```|\n))(?:\[(?:(?!\n\n)[^\]])*\]|[^\[\]]|\](?=[^\[]*\])))*)\]"
    r"\(\s*<?((?:\([^)]*\)|[^\s\\]|\\.)*?)>?(?:\s+['\"]([\s\S]*?)['\"])?\s*\)"
)


def _on_discord(text: str) -> Iterator[str]:
    """By the patterns of the Markdown library that its client was made from; no link goes over a
    blank line or into a block of code."""
    at = 0
    while at < len(text):
        code = next((m for p in (_ESCAPED, _BLOCK, _SPAN) if (m := p.match(text, at))), None)
        if code is not None:
            at = code.end()
        elif link := _LINK.match(text, at):
            if misleads(link[1], link[2]):
                yield link[0]
            at = link.end()
        else:
            at += 1


# --- an answer -----------------------------------------------------------------------------------


def test_an_answer_is_kept_as_written_and_shown_as_it_is() -> None:
    draft = Draft("t", Limits(2000, 1))
    for piece in ("[https://ba", "nk.example](", EVIL, ") and !", f"[x]({EVIL}) \x1b", "[2J"):
        draft.add(Text(piece))
    draft.add(Status("working", f"reading [bank.example]({EVIL})"))
    assert "] (" in (draft.view().status or Status("working")).text
    draft.add(Sources((Source(1, f"\x1b]0;x\x07[bank.example]({EVIL})", f"a]({EVIL}).md"),)))
    draft.add(Notice(f"![x]({EVIL})\x9b2J"))
    draft.end("complete", Notice(f"[bank.example]({EVIL})"))
    view = draft.view()
    expected = f"[https://bank.example] ({EVIL}) and [x]({EVIL}) [2J"
    assert view.text == expected
    assert view.pages == (expected,)
    assert view.sources[0].title == f"]0;x[bank.example] ({EVIL})"
    assert view.sources[0].location == f"a] ({EVIL}).md"
    assert [n.text for n in view.notices] == [f"[x]({EVIL})2J", f"[bank.example] ({EVIL})"]
    assert draft.text.startswith(f"[https://bank.example]({EVIL})")


def test_the_file_of_a_long_answer_is_what_is_shown() -> None:
    draft = Draft("t", Limits(2000, 1), file_over_chars=10)
    draft.add(Text(f"[https://bank.example]({EVIL}) " * 100))
    draft.end("complete")
    assert draft.view().files[0].data.decode() == f"[https://bank.example] ({EVIL}) " * 100


@given(answers)
@example("!")
def test_a_view_only_grows(answer: str) -> None:
    draft = Draft("t", Limits(2000, 1))
    before = ""
    for character in answer:
        draft.add(Text(character))
        assert draft.view().text.startswith(before)
        before = draft.view().text
    draft.end("complete")
    assert draft.view().text == sanitize_text(answer)


@pytest.mark.parametrize("text", ANSWERS.values(), ids=ANSWERS)
async def test_a_long_answer_is_the_same_however_it_was_taken_in(text: str) -> None:
    piece, word = (Draft("t1", Limits(2_000, 0.0)) for _ in range(2))
    piece.add(Text(text))
    await piece.take_in()
    for at in range(0, len(text), 11):
        word.add(Text(text[at : at + 11]))
        if at % 1_100 == 0:
            word.view()
    for draft in (piece, word):
        draft.end("complete")
    assert piece.view() == word.view()
