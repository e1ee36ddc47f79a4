"""No secret in what is shown of an answer, however it comes, and whichever part it stands in."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from bot.config import Secrets
from bot.config.secrets import find_secret_variables
from bot.observability.redaction import MAX_SHAPED_FILE_BYTES, REDACTED, Redactor
from bot.replies.draft import Draft
from bot.types import (
    Action,
    Actions,
    Explanation,
    File,
    Limits,
    Notice,
    Part,
    Source,
    Sources,
    Status,
    Text,
)
from tests.hostile.tokens import TOKENS

KEY = "hunter2swordfish"
WORDS = st.sampled_from(
    [*TOKENS.values(), KEY, "hunter2", "hunt", " ", "\n", "x", "://a:b@c/", "ü"]
)


def draft() -> Draft:
    return Draft("t1", Limits(200, 0.0), model=True, redact=Redactor({KEY}))


class TestGrowing:
    @given(st.lists(WORDS, max_size=8).map("".join), st.lists(st.integers(1, 12), min_size=1))
    @example("hunter2swordfish", [3])
    @example("abcabcx", [1])
    def test_in_pieces_it_is_what_it_is_at_once(self, text: str, sizes: list[int]) -> None:
        redact = Redactor({KEY, "abcabc", "abcx"})
        growing, shown, at = redact.growing(), "", 0
        for turn in range(len(text)):
            size = sizes[turn % len(sizes)]
            shown += growing.take(text[at : at + size])
            at += size
            assert KEY not in shown
        shown += growing.take(text[at:], whole=True)
        assert shown == redact(text)

    def test_a_key_that_comes_in_two_pieces(self) -> None:
        reply = draft()
        seen = []
        for delta in ("The key is hun", "ter2sword", "fish", "."):
            reply.add(Text(delta))
            seen.append(reply.view().text)
        assert seen == [
            "The key is ",
            "The key is ",
            f"The key is {REDACTED}".removesuffix("]"),  # it may still become a link
            f"The key is {REDACTED}.",
        ]

    def test_an_end_that_is_no_secret_after_all_is_shown_and_stored(self) -> None:
        reply = draft()
        reply.add(Text("They go to hunt"))
        assert reply.view().text == "They go to "
        assert reply.whole_text == "They go to hunt"
        reply.end("complete")
        assert reply.view().text == "They go to hunt"
        assert reply.view().pages == ("They go to hunt",)

    def test_an_ordinary_word_is_not_held_back(self) -> None:
        reply = draft()
        for word in ("One", " Monday", " No", " Mr", " Oxford", " skis", " github-like", " NASA"):
            reply.add(Text(word))
            assert reply.view().text.endswith(word)

    def test_an_answer_that_is_held_back_whole_is_not_an_empty_one(self) -> None:
        reply = draft()
        reply.add(Text("hunt"))
        assert not reply.empty


PARTS: list[Part] = [
    Status("working", f"with {KEY}"),
    Sources((Source(1, f"a {KEY}", f"http://host/{KEY}", f"b {KEY}", passage=f"c {KEY}"),)),
    Actions((Action("source", f"[{KEY}]", "1"),)),
    File(f"{KEY}.txt", f"the key {KEY}".encode()),
    File("large.txt", b"x" * MAX_SHAPED_FILE_BYTES + KEY.encode()),
    Notice(f"it said {KEY}", "error", actions=(Action("why", KEY),)),
    Text(f"it is {KEY}"),
]


@pytest.mark.parametrize("part", PARTS, ids=lambda part: type(part).__name__)
def test_no_part_of_a_reply_shows_a_key(part: Part) -> None:
    reply = Draft("t1", Limits(200, 0.0, 10**7), model=True, redact=Redactor({KEY}))
    reply.add(part)
    views = [reply.view()]
    reply.end("complete", Notice(f"after {KEY}"))
    views.append(reply.view())
    for view in views:
        shown = f"{view!r} {view.text} {view.pages} {view.sources}"
        shown += "".join(source.passage for source in view.sources)
        assert KEY not in shown
        assert not any(KEY.encode() in file.data for file in view.files)


def test_what_is_no_text_is_not_touched() -> None:
    data = b"PK\x03\x04" + KEY.encode()
    assert Redactor({KEY}).part(File("a.zip", data, "application/zip")).data == data
    odd = b"\xff\xfe" + KEY.encode()
    assert Redactor({KEY}).part(File("a.txt", odd)).data == b"\xff\xfe" + REDACTED.encode()


def test_why_shows_no_key() -> None:
    why = Explanation(
        model="m", passages=(Source(1, KEY, KEY),), left_out=(KEY,), searched=(f"q {KEY}",)
    )
    assert KEY not in repr(Redactor({KEY}).part(why))


class TestWhatIsKnown:
    def test_a_variable_that_the_configuration_names_is_a_secret(self) -> None:
        environ = {"TEAM_ENTRY": "abcdef123", "HOME": "/home/ada", "OPENAI_API_KEY": "0123456789"}
        named = find_secret_variables({"models": [{"api_key_env": "TEAM_ENTRY", "model": "HOME"}]})
        assert Secrets.load(None, environ, named).known() == {"abcdef123", "0123456789"}

    @pytest.mark.parametrize(
        "settings",
        [
            {"plugin": {"key_env": "TEAM_ENTRY"}},
            {"plugin": {"deep": [{"token": "TEAM_ENTRY"}]}},
            {"plugin": {"headers_env": ["OTHER", "TEAM_ENTRY"]}},
        ],
    )
    def test_wherever_it_names_it(self, settings: dict[str, Any]) -> None:
        assert "TEAM_ENTRY" in set(find_secret_variables(settings))

    @pytest.mark.parametrize("value", ["abc12", "ollama", "not-needed", "Password"])
    def test_words_and_stubs_stay_readable(self, value: str) -> None:
        secrets = Secrets({"OPENAI_API_KEY": value})
        assert secrets.known() == frozenset()
        assert secrets.find_short_secrets() == (["OPENAI_API_KEY"] if len(value) < 6 else [])
