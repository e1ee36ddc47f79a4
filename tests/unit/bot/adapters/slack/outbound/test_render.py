"""What is shown on Slack, and that it can neither ping anybody nor be taken for Slack's markup."""

from __future__ import annotations

import html
import re
from dataclasses import replace
from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from bot.adapters.slack.outbound.escaping import (
    escape,
    escape_markup,
    format_link,
    stable_prefix,
    to_single_line,
)
from bot.adapters.slack.outbound.render import (
    MAX_ELEMENT_CHARS,
    MAX_MARKDOWN_CHARS,
    Payload,
    render,
    render_pages,
)
from bot.replies.draft import AFTER_ANSWER
from bot.types import Action, Notice, Source, Status, View
from tests.fakes.slack.rules import check_call

PIECES = (
    "<", ">", "&", ";", "|", "!", "@", "#", "\\", ":", "/", " ", "\n", "`", "```\n", "> ", "*",
    "&lt;", "&gt;",
    "&amp;", "&#60;", "&#x3c;", "&#33;", "&excl;", "&commat;", "&num;", "&#64;", "&vert;", "&#124;",
    "channel", "here", "everyone", "subteam", "^S1", "date", "U123", "C123", "https", "mailto", "a",
)  # fmt: skip
HOSTILE = st.lists(st.sampled_from(PIECES) | st.text(max_size=3), max_size=14).map("".join)
CONTROL = re.compile(
    r"<(!(channel|here|everyone|group|subteam|date)|(?-i:[@#][A-Z0-9]+[|>])|[a-z][a-z0-9+.-]*:[^\s<>|]*\|)",
    re.IGNORECASE,
)

COMMON_MARK = MarkdownIt("commonmark").enable("table")
CODE = (
    re.compile(r"```[^`\n]*\n.*?(?:```|\Z)|(?<!`)(`+)(?!`)(?:(?!\1).)*?[^`]\1(?!`)", re.DOTALL),
    re.compile(r"^(?:> |- |  )?```[^`\n]*\n.*?(?:^(?:> |  )?```$|\Z)|`[^`\n]+`", re.DOTALL | re.M),
)
"""What simple renderers take for code."""

OURS = re.compile(r"<https://x\.example/[^<>|\s]*\|[^<>|\n]*>")


def readings(text: str) -> list[str]:
    """What Slack may make of Markdown: as it is, with entities and backslashes taken away."""
    found = [text]
    for _ in range(4):
        found.append(html.unescape(found[-1]))
    return found + [reading.replace("\\", "") for reading in found]


def outside_code(text: str) -> list[str]:
    """What renderers take for words rather than code, by a parser of CommonMark and by patterns."""
    inline = (token for token in COMMON_MARK.parse(text) if token.type in ("inline", "html_block"))
    words = (
        "".join("" if one.type == "code_inline" else one.content or "\n" for one in token.children)
        if token.children
        else token.content
        for token in inline
    )
    return ["\n".join(words), *(pattern.sub("\0", text) for pattern in CODE)]


def harmful(text: str) -> list[str]:
    return [found[0] for reading in readings(text) if (found := CONTROL.search(reading))]


def pinging(text: str) -> list[str]:
    return [found for words in outside_code(text) for found in harmful(words)]


class TestMarkup:
    @given(HOSTILE)
    def test_nothing_written_can_ping_or_pass_for_markup(self, text: str) -> None:
        assert pinging(escape(text)) == []
        assert harmful(to_single_line(text, 50)) == []

    @given(HOSTILE)
    def test_fields_of_slacks_own_markup_show_text_as_it_is(self, text: str) -> None:
        shown = escape_markup(text)
        assert "<" not in shown
        assert ">" not in shown
        assert html.unescape(shown) == text

    @given(HOSTILE, HOSTILE)
    def test_a_stream_never_has_to_take_anything_back(self, begun: str, more: str) -> None:
        first = stable_prefix(escape(begun))
        assert escape(begun + more).startswith(first)
        assert pinging(first) == []

    @given(HOSTILE)
    def test_what_is_held_back_of_a_stream_comes_in_the_end(self, text: str) -> None:
        assert stable_prefix(text + "\n") == text + "\n"

    def test_the_usual_ways_to_ping(self) -> None:
        for said in (
            "<!channel>", "<!here|here>", "<@U123>", "<#C123|general>", "<!subteam^S1>",
            "&lt;!channel&gt;", "&amp;lt;!channel&amp;gt;", "<\\!channel>", "<&#33;everyone>",
            "<https://evil.example|https://bank.example>",
        ):  # fmt: skip
            assert escape(said) != said
            assert harmful(escape(said)) == []

    def test_code_and_addresses_were_changed_without_need(self) -> None:
        for said in (
            "<!DOCTYPE html>", "<!-- a remark -->", "vector<int>& v", "<https://x.example>",
            "if a < b | c", "sed 's/<\\/b>//'", "List<#>", "AT&T", "List<@NonNull String> names",
            "<#if user??>Hello <@greet name=user/></#if>", "`<!channel>`", "``<@U123> ` <#C1>``",
            "```\n<!here> and <@U123>\n```\nafter", "> ```py\n> <!here>\n> ```",
            "- ```\n  <!here>\n  ```", "```\n<@U123>",
        ):  # fmt: skip
            assert escape(said) == said

    def test_what_only_some_take_for_code_is_no_excuse(self) -> None:
        for said in (
            "` <!channel>", "`a <!channel>\nb`", "\\`<!channel>`", "~~~\n<!channel>\n~~~",
            "```a`b\n<!channel>\n```", "```\na```\n<!channel>\n```", "<a href=`<!channel>`>",
            "> ```\n<!channel>\n> ```", "- ```\n<!channel>\n  ```", "```\n```\n<!channel>\n```",
            "[a `<!channel>](x)`", "| a `b | <!channel>` |", "<!-- `<!channel>` -->",
            "````\n<!channel>\n````",
        ):  # fmt: skip
            assert escape(said) != said

    def test_a_link_stays_one(self) -> None:
        made = format_link("https://x.example/a|b<c>?q=1&r=2", "A | <title> & more")
        assert made == "<https://x.example/a%7Cb%3Cc%3E?q=1&amp;r=2|A ¦ &lt;title&gt; &amp; more>"


def _checked(payloads: list[Payload]) -> list[Payload]:
    for payload in payloads:
        for feedback in (False, True):
            blocks = payload.blocks("t1", feedback=feedback)
            check_call("chat.postMessage", {"channel": "C1", "text": "x", "blocks": blocks})
    return payloads


def _view(**more: object) -> View:
    return View("t1", text="Answer.", pages=("Answer.",), state="complete", **more)  # type: ignore[arg-type]


class TestSmallPrint:
    def test_many_sources_were_cut_off(self) -> None:
        sources = tuple(
            Source(n, f"Title {n}", f"docs/{'long/' * 40}{n}.md", heading="Rotation & <more>")
            for n in range(1, 60)
        )
        payloads = _checked(render(_view(sources=sources), private=True))
        small = "\n".join(text for p in payloads for text in p.small)
        assert [f"[{n}] Title {n} › Rotation" in small for n in range(1, 60)] == [True] * 59
        assert "docs/" not in small
        assert max(len(text) for p in payloads for text in p.small) <= MAX_ELEMENT_CHARS
        assert "&lt;more&gt;" in small

    def test_buttons_stand_under_the_last_of_it(self) -> None:
        sources = tuple(Source(n, f"{n} " + "T" * 80, f"{n}") for n in range(1, 200))
        payloads = _checked(render(_view(sources=sources, actions=AFTER_ANSWER), private=True))
        assert len(payloads) > 1
        assert [bool(p.buttons) for p in payloads] == [False] * (len(payloads) - 1) + [True]

    def test_a_message_is_not_made_longer_than_slack_takes(self) -> None:
        page = "Words. " * 1700
        sources = tuple(Source(n, f"{n} " + "T" * 80, f"{n}") for n in range(1, 30))
        view = View("t1", text=page, pages=(page,), sources=sources, state="complete")
        payloads = _checked(render(view, private=True))
        sizes = [len(p.text) + sum(map(len, p.small)) for p in payloads]
        assert len(payloads) > 1
        assert max(sizes) <= MAX_MARKDOWN_CHARS
        assert payloads[0].text == page

    def test_a_source_on_the_web_is_a_link(self) -> None:
        source = Source(1, "Logs", "https://x.example/logs?a=1&b=2", heading="Rotation")
        (payload,) = render(_view(sources=(source,)), private=True)
        assert payload.small == ("[1] <https://x.example/logs?a=1&amp;b=2|Logs › Rotation>",)

    def test_a_document_cannot_forge_markup_by_its_name(self) -> None:
        source = Source(1, "<!channel>", "<@U123>|x", heading="<https://evil.example|bank>")
        (payload,) = render(_view(sources=(source,)), private=True)
        assert "<" not in payload.small[0]

    @given(HOSTILE, HOSTILE, HOSTILE)
    def test_small_print_holds_no_markup_but_our_links(
        self, title: str, place: str, words: str
    ) -> None:
        for location in (place, f"https://x.example/{place}"):
            sources = (Source(1, title, location, heading=words),)
            view = _view(sources=sources, notices=(Notice(words, "footer"),))
            for payload in _checked(render(view, private=True)):
                for text in payload.small:
                    rest = OURS.sub("", text)
                    assert "<" not in rest
                    assert ">" not in rest
                assert "<" not in payload.notification(words)

    def test_an_escaped_text_was_escaped_again_for_the_notification(self) -> None:
        view = View(
            "t1", status=Status("working", "reading <b>"), actions=(Action("stop", "Stop"),)
        )
        (payload,) = render(view, private=True)
        assert payload.notification() == "Reading &lt;b&gt; …"
        assert payload.small == ("⏳ Reading &lt;b&gt; …",)

    def test_a_notification_spoke_of_tokens(self) -> None:
        (payload,) = render(View("t1", status=Status("reading", tokens=61)), private=True)
        asked = "How do I\nrotate <!channel> the logs? " + "And more. " * 20
        said = payload.notification(asked)
        assert said.startswith("How do I rotate &lt;!channel&gt; the logs? And more.")
        assert said.endswith("… — Thinking …")
        assert len(said) < 120
        assert render(_view(), private=True)[0].notification("Why?") == "Why? — Answer."

    def test_a_status_was_hidden_by_text(self) -> None:
        view = View("t1", text="So far", pages=("So far",), status=Status("thinking", elapsed_s=9))
        (payload,) = _checked(render(view, private=True))
        assert payload.small == ("⏳ Thinking …, 9 s",)

    def test_a_source_stood_there_twice(self) -> None:
        at = datetime(2024, 11, 12, tzinfo=UTC)
        source = Source(1, "Logs", "https://x.example/logs", at=at)
        sources = (source, Source(2, "plan.md", "/srv/secret/plan.md"), replace(source, number=3))
        (payload,) = _checked(render(_view(sources=sources), private=True))
        assert payload.small == (
            "[1, 3] <https://x.example/logs|Logs> · 12 Nov 2024 · [2] plan.md",
        )


class TestPages:
    def test_a_long_answer_is_whole(self) -> None:
        page = "<!channel> " * 1000
        pages = render_pages(View("t1", text=page * 2, pages=(page, page)))
        assert max(map(len, pages)) <= MAX_MARKDOWN_CHARS
        assert "".join(pages).replace("\u200b", "") == page * 2

    def test_notices_follow_the_text(self) -> None:
        notice = Notice("The model could not answer.", "error", error_id="abc")
        (payload,) = _checked(render(_view(notices=(notice,)), private=True))
        assert payload.text == "Answer.\n\n⚠️ The model could not answer. (error abc)"

    def test_where_slack_stumbles_over_markdown_the_text_stays_as_written(self) -> None:
        page = "| a | b |\n" * 1000
        view = View("t1", text=page, pages=(page,), actions=AFTER_ANSWER, state="complete")
        (payload,) = render(view, private=True)
        blocks = payload.plain_blocks("t1")
        check_call("chat.postMessage", {"channel": "C1", "text": "x", "blocks": blocks})
        assert "".join(b["text"]["text"] for b in blocks if b["type"] == "section") == page
        assert {b["type"] for b in blocks} == {"section", "actions"}


class TestButtons:
    def test_they_carry_their_turn(self) -> None:
        (payload,) = _checked(render(_view(actions=AFTER_ANSWER), private=True))
        elements = payload.blocks("t1")[-1]["elements"]
        assert [e["action_id"] for e in elements] == [
            "parlance:regenerate:0", "parlance:good:1", "parlance:bad:2", "parlance:why:3",
        ]  # fmt: skip
        assert {e["value"] for e in elements} == {"t1|"}

    def test_feedback_is_slacks_own_where_it_may_be(self) -> None:
        (payload,) = render(_view(actions=AFTER_ANSWER), private=True)
        *_, others, feedback = payload.blocks("t1", feedback=True)
        assert [e["action_id"].split(":")[1] for e in others["elements"]] == ["regenerate", "why"]
        (element,) = feedback["elements"]
        assert element["positive_button"]["value"] == "t1|good"
        assert element["negative_button"]["value"] == "t1|bad"
