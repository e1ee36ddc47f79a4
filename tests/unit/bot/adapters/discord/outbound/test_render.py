"""From a view to messages: nothing forged, nothing too long, nothing lost."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.adapters.discord.inbound.command_tree import MAX_CHOICES
from bot.adapters.discord.outbound.render import (
    MAX_MESSAGE_CHARS,
    MAX_PAGE_CHARS,
    escape,
    render,
    render_ephemeral,
    source_lines,
)
from bot.adapters.discord.transport.payloads import thread_title
from bot.replies.pages import split_text
from bot.replies.pagination import split
from bot.replies.wording import status_text
from bot.types import Action, File, Notice, Source, State, Status, View

FORGED = re.compile(
    r"<@[!&]?\d+>|<#\d+>|</[\w -]+:\d+>|<t:-?\d+(:\w)?>|<a?:\w+:\d+>|<id:\w+>|@everyone|@here"
)

WRITTEN = re.compile(
    r"^```[^`\n]*\n.*?(?:^```$|\Z)|(?<!`)(`+)(?!`).*?(?<!`)\1(?!`)|[\w.+-]@(?:everyone|here)[\w-]*\.\w",
    re.DOTALL | re.MULTILINE,
)
"""What is shown as it is written: code and e-mail addresses."""


class TestEscape:
    @pytest.mark.parametrize(
        "text",
        [
            "<@1>",
            "<@!1>",
            "<@&1>",
            "<#1>",
            "</ask:1>",
            "</model list:1>",
            "<t:1700000000:R>",
            "<:tea:1>",
            "<a:tea:1>",
            "<id:browse>",
            "@everyone",
            "@here",
            "@EVERYONE",
            "<<@1>>",
            "x@everyone",
        ],
    )
    def test_markup_loses_its_meaning_and_stays_readable(self, text: str) -> None:
        shown = escape(text)
        assert not FORGED.search(shown)
        assert shown.replace("\u200b", "") == text

    @pytest.mark.parametrize(
        "text",
        [
            "a < b", "<b>", "#1", "<https://a.org>", "x@y.org", "**b**", "support@here.com",
            "a.b+c@everyone-else.example", "`<@1>`", "``@everyone ` @here``",
            "```java\nList<@NonNull String> names = load();\n```",
            '```python\nawait ctx.send("@everyone")\n```', "```haml\n-# a comment\n%p hello\n```",
            "> ```\n> @here\n> ```", "- ~~~\n  <@1>\n  ~~~", "a `b`-# c",
        ],
    )  # fmt: skip
    def test_other_text_is_left_alone(self, text: str) -> None:
        assert escape(text) == text

    def test_small_print_is_ours_alone(self) -> None:
        assert escape("a\n-# [1] A forged source") == "a\n\\-# [1] A forged source"

    @given(st.text(st.sampled_from("<@!&#/:>1a -\neveryoneht\u200b`."), max_size=80))
    def test_nothing_gets_through(self, text: str) -> None:
        shown = WRITTEN.sub("", escape(text))
        assert not FORGED.search(shown)
        assert not re.search(r"^-# ", shown, re.MULTILINE)


def page_view(text: str, state: State = "complete", **more: object) -> View:
    return View("t", text, split(text, MAX_PAGE_CHARS), state=state, **more)  # type: ignore[arg-type]


class TestPages:
    @given(st.text(st.sampled_from("ab <@1>\n.`@here-#"), max_size=6000))
    def test_no_message_is_too_long_or_empty(self, text: str) -> None:
        payloads = render(page_view(text))
        assert all(0 < len(p.content) <= MAX_MESSAGE_CHARS for p in payloads)
        assert all(p.content.strip() for p in payloads)

    @given(st.text(max_size=300), st.integers(5, 60))
    def test_chunks_are_the_text(self, text: str, limit: int) -> None:
        parts = list(split_text(text, limit))
        assert "".join(parts) == text
        assert all(len(p) <= limit for p in parts)

    def test_a_page_that_is_complete_never_changes(self) -> None:
        text = "<@1> word " * 800
        now: list[str] = []
        for end in range(0, len(text), 97):
            before, now = now, [p.content for p in render(page_view(text[:end], "working"))]
            assert now[: len(before) - 1] == before[:-1]

    def test_buttons_and_files_stand_under_the_last(self) -> None:
        view = page_view(
            "word " * 800,
            actions=(Action("regenerate", "Regenerate"),),
            files=(File("a.md", b"x"),),
        )
        payloads = render(view)
        assert len(payloads) == 3
        assert [len(p.buttons) for p in payloads] == [0, 0, 1]
        assert [len(p.files) for p in payloads] == [0, 0, 1]

    def test_a_file_alone_needs_no_text(self) -> None:
        (payload,) = render(View("t", files=(File("a.md", b"x"),), state="complete"))
        assert payload.files
        assert payload.content == ""

    def test_an_answer_that_was_taken_back_is_nothing(self) -> None:
        assert render(View("t", state="cancelled")) == []


TABLE = """\
Before it:

| Name | **Age** | Note |
|:--|--:|:-:|
| Ada | 36 | `a` |
| 日本 | 7 | 😀😀 |

After it."""


class TestTables:
    def test_a_table_was_raw_pipes(self) -> None:
        (payload,) = render(page_view(TABLE))
        assert payload.content == (
            "Before it:\n\n```\nName  Age  Note\n----  ---  ----\n"
            "Ada    36   a\n日本    7  😀😀\n```\n\nAfter it."
        )

    def test_a_table_that_is_too_wide_is_a_list(self) -> None:
        row = "| Ada | " + "word " * 20 + "| [x](https://x.example) |"
        (payload,) = render(page_view(f"| Name | Notes | |\n|---|---|---|\n{row}\n{row}"))
        words = ("word " * 20).strip()
        item = f"**Ada**\n- Notes: {words}\n- [x](https://x.example)"
        assert payload.content == f"{item}\n{item}"

    def test_links_stay_links(self) -> None:
        (payload,) = render(page_view("| a | b |\n|---|---|\n| 1 | https://x.example |"))
        assert payload.content == "**1**\n- b: https://x.example"

    @pytest.mark.parametrize(
        "text",
        [
            "```\n| a |\n|---|\n| 1 |\n```", "a | b\nc | d", "| a | b |\n|---|\n| 1 | 2 |",
            "| a |\n", "text\n|---|\nmore", "> ```\n> | a |\n> |---|\n> ```",
        ],
    )  # fmt: skip
    def test_what_is_no_table_is_left_alone(self, text: str) -> None:
        assert render(page_view(text))[0].content == text.strip()

    def test_a_table_of_many_pages_has_its_names_on_each(self) -> None:
        rows = "".join(f"| {n} | a longer cell, {n} | x |\n" for n in range(400))
        payloads = render(page_view(f"| No | What | |\n|--:|---|---|\n{rows}\nAfter it."))
        assert len(payloads) > 5
        for payload in payloads:
            assert re.match(r"```\n *No  What\n-+  ---", payload.content)
            assert payload.content.count("```") == 2
            assert len(payload.content) <= MAX_MESSAGE_CHARS
        shown = "\n".join(p.content for p in payloads)
        assert re.findall(r"a longer cell, (\d+)", shown) == [str(n) for n in range(400)]
        assert payloads[-1].content.endswith("```\n\nAfter it.")

    @given(
        st.lists(st.sampled_from(["| a ", "|", "---", ":-:|", "\n", "x", "\\", "`", "> ", "é日"]))
    )
    def test_no_cell_is_lost(self, pieces: list[str]) -> None:
        text = "".join(pieces)
        shown = "".join(p.content for p in render(page_view(text)))
        assert [c for c in shown if c in "ax日"] == [c for c in text if c in "ax日"]


class TestSmallPrint:
    @pytest.mark.parametrize("status", [None, Status("thinking"), Status("reading", tokens=61)])
    def test_a_notification_spoke_of_tokens(self, status: Status | None) -> None:
        (payload,) = render(View("t", status=status))
        assert payload.content == "⏳ Thinking …"

    @pytest.mark.parametrize("status", [Status("thinking", elapsed_s=12), Status("writing")])
    def test_a_status_was_hidden_by_text(self, status: Status) -> None:
        view = page_view("so far", "working", status=status)
        assert render(view)[0].content == f"so far\n-# ⏳ {status_text(status)}"

    def test_sources_stand_in_one_quiet_line(self) -> None:
        at = datetime(2024, 11, 12, tzinfo=UTC)
        logs = Source(1, "Logs [old]", "https://docs.example/a(b)", "Rotation", at=at)
        sources = (
            logs,
            Source(2, "notes.md", "/srv/secret/notes.md", "Notes"),
            replace(logs, number=3, at=at - timedelta(days=90)),
            Source(4, "/srv/secret/plan.md", "/srv/secret/plan.md"),
            Source(5, "bank.example", "https://evil.example"),
        )
        assert list(source_lines(sources)) == [
            "-# [1, 3] [Logs (old) › Rotation](<https://docs.example/a%28b%29>) · 12 Nov 2024"
            " · [2] notes.md › Notes · [4] plan.md · [5] <https://evil.example>"
        ]

    def test_the_year_of_a_source_is_said_where_it_is_another(self) -> None:
        now = datetime.now(UTC)
        (line,) = source_lines([Source(1, "a", "a", at=now)])
        assert re.fullmatch(r"-# \[1\] a · \d{1,2} [A-Z][a-z]{2}", line)

    def test_a_title_from_right_to_left_does_not_turn_the_line(self) -> None:
        (line,) = source_lines([Source(1, "שלום", "a.md"), Source(2, "<@1>" + "x" * 500, "b.md")])
        assert line.startswith("-# [1] \u2068שלום\u2069 · [2] <\u200b@1>xxx")
        assert len(line) < 200

    def test_many_sources_go_on_in_the_next_message(self) -> None:
        sources = tuple(Source(n, f"{n} " + "t" * 80, "l" * 120) for n in range(40))
        payloads = render(page_view("text", sources=sources))
        assert len(payloads) > 1
        assert all(len(p.content) <= MAX_MESSAGE_CHARS for p in payloads)
        shown = "\n".join(p.content for p in payloads)
        assert re.findall(r"\[(\d+)\]", shown) == [str(n) for n in range(40)]

    def test_buttons_are_one_row(self) -> None:
        actions = tuple(Action("source", f"[{n}]", str(n)) for n in range(7))
        assert len(render(page_view("text", actions=actions))[0].buttons) == 5
        choices = tuple(Action("resume", f"{n}", str(n)) for n in range(7))
        (payload,) = render(page_view("Which?", "waiting", actions=choices))
        assert len(payload.buttons) == 7

    def test_an_error_names_its_id_once(self) -> None:
        view = View("t", notices=(Notice("It failed.", "error", error_id="ab12"),), state="failed")
        assert render(view)[0].content == "⚠️ It failed. (error ab12)"

    def test_private_words_are_left_out_where_they_can_be_whispered(self) -> None:
        view = page_view("text", notices=(Notice("secret", private=True), Notice("open")))
        assert render(view, private=True)[0].content == "text\nopen"
        assert "secret" in render(view)[0].content

    def test_long_whispers_are_cut_at_lines_and_the_last_has_the_buttons(self) -> None:
        lines = [f"- a line of a long explanation, number {n}" for n in range(120)]
        judge = Action("wrong", "Wrong", "1@t")
        payloads = render_ephemeral([Notice("\n".join(lines), private=True, actions=(judge,))])
        assert len(payloads) == 3
        assert all(len(p.content) <= MAX_MESSAGE_CHARS for p in payloads)
        assert "\n".join(p.content.strip() for p in payloads).split("\n") == lines
        assert [p.buttons for p in payloads] == [(), (), (judge,)]


@pytest.mark.parametrize(
    ("text", "title"),
    [("", "Question"), ("  a\n b ", "a b"), ("word " * 40, "word " * 15 + "word…")],
)
def test_a_thread_is_named_after_its_question(text: str, title: str) -> None:
    assert thread_title(text) == title
    assert len(thread_title("x" * 300)) <= 100


def test_the_bounds_are_discords() -> None:
    assert (MAX_MESSAGE_CHARS, MAX_CHOICES) == (2000, 25)
