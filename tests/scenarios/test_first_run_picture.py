"""The README's recording shows the program as it is."""

from __future__ import annotations

import re
from pathlib import Path
from xml.etree import ElementTree

import pytest
import yaml

from bot.adapters.terminal.adapter import EXAMPLE_LINES, GREETING
from tests.fakes.terminal_screen import TerminalScreen
from tests.scenarios.first_run_picture import COLUMNS, PROMPT, draw, rows_of

ROOT = Path(__file__).parents[2]
PICTURE = ROOT / "docs" / "images" / "first-run.svg"
AGAIN = "run `make picture`"


@pytest.fixture(scope="module")
def rows() -> list[str]:
    return rows_of(PICTURE.read_text("utf-8"))


def test_it_begins_as_a_chat_does_and_shows_what_a_newcomer_types(rows: list[str]) -> None:
    assert rows[0] == GREETING, AGAIN
    typed = [row.removeprefix(f"{PROMPT} ") for row in rows if row.startswith(f"{PROMPT} ")]
    assert tuple(typed) == EXAMPLE_LINES, AGAIN
    assert rows[-1] == PROMPT


def test_what_it_answers_is_what_would_be_answered_today(rows: list[str]) -> None:
    shown = " ".join(" ".join(row.strip("▌ ") for row in rows).split())
    sentences = (ROOT / "bot" / "catalogue" / "parlance.pot").read_text("utf-8")
    for sentence in ("I run on a very small model, which is often wrong;", "← answers here,"):
        assert sentence in shown
        assert sentence in sentences.replace('"\n"', ""), AGAIN
    quoted = re.search(r"To write a skill, .*?\.(?= \[\d\])", shown)
    assert quoted is not None
    page = (ROOT / "docs" / "plugins.md").read_text("utf-8")
    assert quoted[0] in " ".join(page.replace("`", "").split()), AGAIN
    source = re.search(r"\[\d\] ([^\[\]]*?) › (.*?) · \d+ \w{3}", shown)
    assert source is not None, AGAIN
    assert f"# {source[1]}\n" in page, AGAIN
    assert f"## {source[2]}\n" in page, AGAIN
    config = yaml.safe_load((ROOT / "config.yaml").read_text("utf-8"))
    for name, model in config["models"].items():
        assert f"{name} ({model['backend']}, " in shown, AGAIN


def test_it_moves_only_for_those_who_want_it_and_is_whole_as_a_still() -> None:
    svg = PICTURE.read_text("utf-8")
    ElementTree.fromstring(svg)
    before, wanted, inside = svg.partition("@media (prefers-reduced-motion: no-preference) {")
    assert wanted
    assert "animation:" not in before
    assert "opacity: 0" not in inside
    assert "<script" not in svg
    assert "http" not in svg.replace("http://www.w3.org/2000/svg", "").replace(
        "https://example.com/article", ""
    )


def test_what_is_drawn_is_what_stood_on_the_screen() -> None:
    asked: list[str] = []
    screen = TerminalScreen(COLUMNS, asked.append)
    screen.feed(b"\x1b[6n\x1b[1mHi\x1b[0m you \x1b[31mred\x1b[0m\r\nold\r\n", 1.0)
    screen.feed("\x1b[A\x1b[2Knew › “x”\r\ngone\x1b[1A\x1b[J".encode()[:-1], 2.0)
    screen.feed(b"J\r\n> done", 4.0)
    texts = [screen.text(n) for n in range(len(screen.rows))]
    assert asked == ["\x1b[1;1R"]
    assert texts == ["Hi you red", "new", "> done"]
    assert screen.since == [1.0, 4.0, 4.0]
    picture = draw([(screen.styled(n), screen.since[n]) for n in range(3)])
    assert rows_of(picture) == texts
