"""Controls of the writing direction: none in words, none unseen in code."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.adapters.discord.transport.payloads import thread_title
from bot.adapters.slack.outbound.escaping import to_single_line
from bot.replies.bidi import DirectionControls
from bot.replies.draft import Draft
from bot.types import Action, Actions, File, Limits, Notice, Source, Sources, Status, Text, View

CONTROLS = "\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"
RIGHT_TO_LEFT = "שלום \u200fעולם، مرحبا"


def shown(*parts: Text | Notice | Sources | Actions | File | Status) -> View:
    draft = Draft("t", Limits(2000, 1.0), model=True)
    for part in parts:
        draft.add(part)
    return draft.view()


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("a\u202eb\u202c c", "ab c"),
        (RIGHT_TO_LEFT, RIGHT_TO_LEFT),
        ("`a\u202eb` c\u202ed", "`a\\u202eb` cd"),
        ("``a ` \u2066b``\u2066", "``a ` \\u2066b``"),
        ("```py\nx = '\u202e'\n```\ny\u202ez", "```py\nx = '\\u202e'\n```\nyz"),
        ("> ~~~\n> \u2067a\n> ~~~\n\u2067b", "> ~~~\n> \\u2067a\n> ~~~\nb"),
        ("```\n`\u202e\n```\n[a]\u202e(https://x.example)", None),
        ("] \u202e(", "] ("),
    ],
)
def test_direction_controls_are_removed_from_words_and_written_out_in_code(
    written: str, read: str | None
) -> None:
    view = shown(Text(written + "\n"))
    if read is not None:
        assert view.text == read + "\n"
    assert not set(view.text) & set(CONTROLS)


PIECES = st.lists(st.sampled_from(["`", "``", "```\n", "~~~\n", "a", "\n", "> ", *CONTROLS[3:6]]))


@given(PIECES, st.integers(1, 5))
def test_the_size_of_the_pieces_makes_no_difference(pieces: list[str], size: int) -> None:
    text = "".join(pieces)
    whole, cut = DirectionControls(), DirectionControls()
    steps = [cut.feed(text[at : at + size]) for at in range(0, len(text), size)]
    assert "".join(steps) == whole.feed(text)


def test_names_titles_labels_and_files_have_none() -> None:
    view = shown(
        Status("working", f"reading {CONTROLS}a"),
        Sources((Source(1, f"t{CONTROLS}", "a.md", heading=f"h{CONTROLS}"),)),
        Actions((Action("resume", f"yes{CONTROLS}", "1"),)),
        Notice(f"n{CONTROLS}", actions=(Action("resume", f"no{CONTROLS}", "1"),)),
        File(f"gpj.{CONTROLS}exe", b""),
    )
    assert not set(repr(view)) & set(CONTROLS)
    assert not set(thread_title(f"a{CONTROLS}b") + to_single_line(f"a{CONTROLS}b", 9)) & set(
        CONTROLS
    )


def test_an_answer_that_fits_one_message_was_attached_as_a_file_too() -> None:
    for limit, attached in ((11_000, False), (1_900, True)):
        draft = Draft("t", Limits(limit, 1.0), model=True, file_over_chars=6_000)
        draft.add(Text("word " * 1_400))
        draft.end("complete")
        assert bool(draft.view().files) == attached


def test_the_end_of_an_answer_within_a_longer_fence_was_dropped() -> None:
    draft = Draft("t", Limits(2_000, 1.0), model=True)
    draft.add(Text("````md\ncode\n```"))
    draft.end("complete")
    assert draft.view().pages == ("````md\ncode\n```\n````",)
