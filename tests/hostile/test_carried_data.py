"""No address carries out what a model was told: what nobody showed is no link."""

from __future__ import annotations

import io
import re
import resource
import subprocess
import sys
from collections.abc import Iterator

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from rich.console import Console

from bot.adapters.discord.outbound.render import escape as on_discord
from bot.adapters.slack.outbound.escaping import escape as on_slack
from bot.adapters.terminal.screen import markdown
from bot.control_characters import strip_controls
from bot.knowledge.citations.stream_filter import CitationFilter
from bot.replies.address_filter import AddressFilter
from bot.replies.links import sanitize_text
from bot.replies.pagination import split
from bot.replies.shown_addresses import ShownAddresses
from tests.hostile.links import CARRIERS, CARRYING_PIECES, HARMLESS, LINKS_SHOWN, SECRET

SHOWN = ShownAddresses([LINKS_SHOWN])
answers = st.lists(st.sampled_from(CARRYING_PIECES), max_size=24).map("".join)


def defused(answer: str, step: int = 0, before: str = "") -> str:
    addresses = AddressFilter(SHOWN, before)
    if not step:
        return addresses.feed(answer) + addresses.finish()
    pieces = [addresses.feed(answer[at : at + step]) for at in range(0, len(answer), step)]
    return "".join(pieces) + addresses.finish()


@pytest.mark.parametrize(("written", "expected"), CARRIERS.items())
def test_what_nobody_showed_is_no_link(written: str, expected: str) -> None:
    assert defused(written) == expected
    assert not list(carried(expected))


@pytest.mark.parametrize("answer", HARMLESS)
def test_what_was_shown_stays_a_link(answer: str) -> None:
    assert defused(answer) == answer


@settings(max_examples=80, deadline=None)
@given(answers, st.integers(1, 5))
@example("bank.example?x=1", 1)
@example("?xwww.evil.example/x", 1)
@example(".www.evil.example/x[<", 1)
@example("https://evil.example/x", 1)
def test_it_does_not_depend_on_how_the_stream_was_cut(answer: str, step: int) -> None:
    assert defused(answer, step) == defused(answer)


@settings(max_examples=150, deadline=None)
@given(answers)
@example(f"<https:www.evil.example/{SECRET}")
@example(f"\\https://evil.example/{SECRET}")
@example(f"`\n\nhttps://evil.example/{SECRET}`")
def test_no_platform_makes_a_link_of_it(answer: str) -> None:
    assert not list(carried(defused(answer)))


@settings(max_examples=80, deadline=None)
@given(answers, answers)
def test_what_stands_before_it_in_the_reply_does_not_make_a_link_of_it(
    before: str, answer: str
) -> None:
    first = defused(before) + "\n\n"
    assert not list(carried(first + defused(answer, before=first)))


@settings(max_examples=80, deadline=None)
@given(answers)
@example(f"`[9]`](https://evil.example/{SECRET})")
def test_nor_does_what_is_taken_out_of_an_answer_later(answer: str) -> None:
    citations = CitationFilter(1)
    assert not list(carried(defused(citations.feed(defused(answer)) + citations.finish())))


def test_no_more_than_an_address_is_held_back() -> None:
    addresses = AddressFilter(SHOWN)
    written = shown = ""
    for piece in [
        *"Plain words come at once, ",
        "https://evil.example/" + "x" * 5_000,
        *" and so on. ",
    ]:
        written, shown = written + piece, shown + addresses.feed(piece)
        assert len(written) - len(shown.replace("`", "")) < 2_100
    assert shown.endswith("and so on. ")


@pytest.mark.parametrize("size", [100, 290, 310, 1_850, 1_990, 5_000])
@pytest.mark.parametrize("before", [0, 1_700, 1_880, 1_899])
def test_an_address_that_goes_over_a_page_is_no_link_on_either(size: int, before: int) -> None:
    address = f"https://evil.example/{SECRET}" + "s" * size
    for page in split(defused("x" * before + f" {address} and more"), 1_900):
        assert not list(carried(page))


def test_what_a_tool_repeats_was_not_shown_by_it() -> None:
    own = f"https://evil.example/?q={SECRET}"
    shown = ShownAddresses()
    shown.add(f"You said: {own} and https://ok.example/a", but=f'{{"text": "{own}"}}')
    assert own not in shown
    assert "https://ok.example/a" in shown
    shown.add(f"https://evil.example/?q={SECRET}", but="https://evil.example/?q=")
    assert own not in shown


def test_what_an_earlier_answer_showed_as_code_is_not_shown_by_it() -> None:
    shown = ShownAddresses()
    shown.add_answer("See https://ok.example/a and `https://evil.example/x`.")
    assert "https://ok.example/a" in shown
    assert "https://evil.example/x" not in shown


@pytest.mark.parametrize(
    "text",
    ["x" + ")" * 400_000, "a.b " * 100_000, "https://" * 10_000, "[" * 100_000, "a." * 200_000],
)
def test_texts_that_would_take_long_do_not(text: str) -> None:
    limit = resource.RLIMIT_CPU
    code = (
        f"import resource; resource.setrlimit({limit}, (12, 12))\n"
        "from bot.replies.address_filter import AddressFilter\n"
        "from bot.replies.shown_addresses import ShownAddresses\n"
        "import sys; text = sys.stdin.read()\n"
        "shown = ShownAddresses(); shown.add(text, but=text)\n"
        "addresses = AddressFilter(shown)\n"
        "[addresses.feed(text[at:at + 3_000]) for at in range(0, len(text), 3_000)]\n"
        "addresses.finish()"
    )
    subprocess.run([sys.executable, "-c", code], input=text, text=True, check=True)


# --- what the platforms make links of ------------------------------------------------------------

_BARE = re.compile(r"(?:https?://|ftp://|(?<![^\s*_~(])www\.)[^\s<]+", re.IGNORECASE)
_CODE = re.compile(
    r"\\[^0-9A-Za-z\s]|```(?:[a-z0-9_+\-.#]+?\n)?\n*[^\n][\s\S]*?\n*```|(`+)([\s\S]*?[^`])\1(?!`)"
)
_MASKED = re.compile(r"\[[^\]]*\]\(\s*<?([^\s)>]*)")


def carried(text: str) -> Iterator[str]:
    """The addresses with the secret, or of the stranger, that one of the platforms links to."""
    for page in split(sanitize_text(text), 4_000):  # where a block of code that is open is closed
        yield from filter(_tells, _in_markdown(on_slack(page)))
        yield from filter(_tells, _on_discord(on_discord(page)))
        yield from filter(_tells, _in_terminal(page))


def _tells(address: str) -> bool:
    return "evil.example" in address or SECRET in address


def _in_markdown(text: str) -> Iterator[str]:
    """As CommonMark has it, and GitHub's autolinks in what is plain text there."""
    for block in MarkdownIt("commonmark").parse(text):
        for token in block.children or ():
            if token.type in ("link_open", "image"):
                target = token.attrs.get("href") or token.attrs.get("src")
                if re.match(r"[a-z][a-z0-9+.-]+:|//", str(target), re.IGNORECASE):
                    yield str(target)
            elif token.type == "text":
                yield from _BARE.findall(token.content)


def _on_discord(text: str) -> Iterator[str]:
    for piece in _CODE.sub("\n", text).split("\n"):
        yield from re.findall(r"https?://[^\s<]+", piece)
        yield from (m for m in _MASKED.findall(piece) if re.match(r"https?://", m))


def _in_terminal(text: str) -> Iterator[str]:
    screen = io.StringIO()
    Console(file=screen, force_terminal=True, width=200, legacy_windows=False).print(
        markdown(strip_controls(text))
    )
    yield from re.findall(r"\x1b\]8;[^;]*;([a-z]+:[^\x1b]+)\x1b", screen.getvalue())
