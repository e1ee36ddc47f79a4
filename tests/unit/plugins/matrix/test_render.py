"""How a view looks on Matrix: Markdown as plain text, HTML beside it."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from bot.api import Action, ConversationKey, Notice, Source, Status, View
from plugins.matrix.render import (
    MAX_PAGE_CHARS,
    Payload,
    edit_content,
    escape,
    kept_text,
    own_answer,
    relation,
    render,
    to_html,
)

PLACE = ConversationKey("matrix", "example.org", "!room")
VIEW = View("t1", text="It is **nine**.", pages=("It is **nine**.",))
SOURCE = Source(1, "Lamps", "https://example.org/lamps")


def only(view: View, *, private: bool = False) -> Payload:
    [payload] = render(view, private=private)
    return payload


class TestView:
    def test_status_and_buttons_are_no_part_of_the_text(self) -> None:
        view = replace(VIEW, status=Status("writing"), actions=(Action("stop", "Stop"),))
        payload = only(view)
        content = payload.content("t1", PLACE)
        assert content["body"] == "It is **nine**.\n\n⏳ Writing …\n\n❌ Stop"
        assert content["formatted_body"] == (
            "<p>It is <strong>nine</strong>.</p><p><em>⏳ Writing …</em></p><p><em>❌ Stop</em></p>"
        )
        assert kept_text(content) == "It is **nine**."
        assert own_answer(content) == ""

    def test_a_finished_answer_can_be_read_out_of_its_message(self) -> None:
        notices = (Notice("May be wrong.", "footer"),)
        view = replace(
            VIEW, state="complete", sources=(SOURCE,), notices=notices, heading="Ada *asked*: when?"
        )
        content = only(view).content("t1", PLACE)
        assert own_answer(content) == "It is **nine**."
        begin = "Ada \\*asked\\*: when?\n\nIt is **nine**.\n\n[1] [Lamps]"
        assert content["body"].startswith(begin)
        assert kept_text(content) == content["body"]

    def test_nothing_to_show_is_no_message(self) -> None:
        assert render(View("t1", state="cancelled"), private=False) == []

    def test_private_notices_are_left_out_where_they_are_shown_apart(self) -> None:
        view = View("t1", notices=(Notice("Only you.", private=True),), state="complete")
        assert render(view, private=True) == []
        assert only(view).text == "Only you."

    def test_what_does_not_fit_goes_into_the_next_message(self) -> None:
        page = "x" * MAX_PAGE_CHARS
        view = replace(VIEW, pages=(page, page), notices=(Notice("y" * 2000),), state="complete")
        first, second, third = render(view, private=False)
        assert (first.text, second.text, third.text) == (page, page, "y" * 2000)

    def test_control_characters_are_left_out(self) -> None:
        assert only(replace(VIEW, pages=("a\0b\x1b[0m\tc\nd",))).text == "ab[0m\tc\nd"

    def test_nobody_is_mentioned(self) -> None:
        content = only(replace(VIEW, pages=("@room @ada:example.org",))).content("t1", PLACE)
        assert content["m.mentions"] == {}


@pytest.mark.parametrize("character", ["x", "\N{GRINNING FACE}", '"', "<"])
def test_an_edit_of_the_longest_page_fits_into_an_event_encrypted(character: str) -> None:
    page = character * MAX_PAGE_CHARS
    payload = only(replace(VIEW, pages=(page,), notices=(Notice("y" * 900),), state="complete"))
    content = edit_content(payload.content("t" * 32, PLACE), "$" + "m" * 43)
    plain = len(json.dumps(content, ensure_ascii=False).encode())
    assert plain * 4 / 3 < 64_000


class TestHtml:
    @pytest.mark.parametrize(
        ("markdown", "html"),
        [
            ("<b>x</b> & y", "<p>&lt;b&gt;x&lt;/b&gt; &amp; y</p>"),
            ("![cat](http://a.example/c.png)", '<p><a href="http://a.example/c.png">cat</a></p>'),
            (
                '!["<x](http://a.example/?"<)',
                '<p><a href="http://a.example/?%22%3C">&quot;&lt;x</a></p>',
            ),
            ("[x](javascript:alert)", "<p>[x](javascript:alert)</p>"),
            ("one\ntwo", "<p>one<br />\ntwo</p>"),
        ],
    )
    def test_only_what_clients_show_is_written(self, markdown: str, html: str) -> None:
        assert to_html(markdown) == html

    def test_a_table_is_one(self) -> None:
        assert "<th>a</th>" in to_html("| a |\n|---|\n| 1 |")

    def test_escaped_text_has_no_markup(self) -> None:
        text = "*a* _b_ [c](d) `e` <f> # g | ~h~ \\"
        shown = to_html(escape(text))
        assert shown == "<p>*a* _b_ [c](d) `e` &lt;f&gt; # g | ~h~ \\</p>"


def test_an_edit_holds_the_new_content_and_a_short_fallback() -> None:
    content = only(replace(VIEW, pages=("x" * 1000,))).content("t1", PLACE)
    edit = edit_content(content, "$m")
    assert edit["m.relates_to"] == {"rel_type": "m.replace", "event_id": "$m"}
    assert edit["m.new_content"] == content
    assert len(edit["body"]) < 300


def test_where_a_message_stands() -> None:
    assert relation(None, None) == {}
    assert relation(None, "$q") == {"m.relates_to": {"m.in_reply_to": {"event_id": "$q"}}}
    thread = relation("$root", None)["m.relates_to"]
    assert (thread["rel_type"], thread["event_id"]) == ("m.thread", "$root")
    assert thread["m.in_reply_to"] == {"event_id": "$root"}
