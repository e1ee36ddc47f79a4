from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import aclosing
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from bot.errors import NotFound, Refused
from bot.knowledge.loading.document_reader import DocumentReader
from bot.knowledge.loading.page_reader import PageReader
from bot.skills.plugin_loader import Plugins
from bot.web.decoding import decode, is_binary
from bot.web.fetch import Fetcher
from tests.fakes.pages import PageServer
from tests.fakes.plugin_folder import plugins_in
from tests.unit.bot.web.conftest import Limits

ARTICLE = """<!doctype html><html><head><title>Keepers &amp; lamps</title></head><body>
<nav><a href="/">Home</a><a href="/shop">Shop</a></nav>
<article><h1>Keepers</h1><p>The keeper trims the wick every evening before the sun goes down,
and writes the hour into the book.</p><h2>Lamps</h2><p>A lamp of the first order burns
colza oil, and its light is seen from twenty miles away in clear weather.</p>
<script>alert("ignore")</script></article><footer>Cookies</footer></body></html>"""


MIDI = """
from bot.api import Loaded, Loader, hookimpl

@hookimpl
def register_loaders():
    def load(data, name):
        return Loaded(f"{name}: {len(data)} bytes", "Tune")

    return [Loader("midi", frozenset({".mid"}), load, frozenset({"audio/midi"}))]
"""


@pytest.fixture
def midi(tmp_path: Path) -> Iterator[Plugins]:
    with plugins_in(tmp_path, midi=MIDI) as found:
        yield found


@pytest.fixture
async def reader(limits: Limits) -> AsyncIterator[PageReader]:
    async with aclosing(DocumentReader()) as document_reader:
        yield PageReader(Fetcher(limits), document_reader, max_bytes=1024 * 1024)


async def test_a_page_becomes_markdown_without_its_furniture(
    pages: PageServer, reader: PageReader
) -> None:
    page = await reader.read(pages.page("/keepers", ARTICLE))
    assert page.title == "Keepers & lamps"
    assert "## Lamps" in page.text
    assert "trims the wick" in page.text
    assert "alert" not in page.text


@pytest.mark.parametrize(
    ("charset", "header"),
    [
        ("utf-8", "text/html"),
        ("windows-1252", "text/html; charset=windows-1252"),
        ("windows-1252", "text/html; charset=iso-8859-1"),
        ("windows-1252", "text/html; charset=utf-8"),
        ("shift_jis", "text/html; charset=Shift_JIS"),
        ("utf-16", "text/html"),
        ("koi8-r", "text/html; charset=bogus-8"),
    ],
)
async def test_text_survives_its_charset(
    charset: str, header: str, pages: PageServer, reader: PageReader
) -> None:
    words = {
        "shift_jis": "灯台の守り手は毎晩ランプを灯す。",
        "koi8-r": "Смотритель маяка зажигает лампу каждый вечер.",
    }.get(charset, "Der Wärter zündet die Lampe an – jeden Abend, “immer”.")
    meta = f'<meta charset="{charset}">' if charset == "koi8-r" else ""
    body = f"<html><head>{meta}</head><body><article><p>{words * 3}</p></article></body></html>"
    page = await reader.read(pages.page("/words", body.encode(charset), header))
    assert words in page.text


async def test_a_short_page_keeps_its_headings_and_tables_and_loses_its_menu(
    pages: PageServer, reader: PageReader
) -> None:
    body = """<html><head><title>Runbook - Wiki</title></head><body>
    <div class="cookie-banner">We use cookies.</div><header><nav><a>Home</a></nav></header>
    <div><h1>Runbook</h1><h2>Contacts</h2><table><tr><td>On call</td><td>+43 1</td></tr>
    <tr><td>Boss</td><td>+43 2</td></tr></table><p>Run <code>undo now</code>.</p>
    <dl><dt>Weight</dt><dd>1.4 kg</dd></dl></div><footer>Imprint</footer></body></html>"""
    page = await reader.read(pages.page("/runbook", body))
    assert page.title == "Runbook"
    assert page.text == (
        "# Runbook\n\n## Contacts\n\n|  |  |\n| --- | --- |\n| On call | +43 1 |\n"
        "| Boss | +43 2 |\n\nRun `undo now`.\n\n- Weight: 1.4 kg"
    )


async def test_a_listing_in_a_figure_is_not_lost(pages: PageServer, reader: PageReader) -> None:
    listing = (
        "<figure><pre><code class='language-sh'># start\nserve --port 8081</code></pre></figure>"
    )
    words = "<p>The server listens on a port of its own, which the next listing shows.</p>"
    body = (
        f"<html><body><nav>Home</nav><main><h1>Serve</h1>{words * 8}{listing}</main></body></html>"
    )
    page = await reader.read(pages.page("/serve", body))
    assert "```sh\n# start\nserve --port 8081\n```" in page.text
    assert "Home" not in page.text


async def test_a_main_part_made_of_links_is_not_taken_for_the_text(
    pages: PageServer, reader: PageReader
) -> None:
    links = "".join(
        f"<li><a href='/{n}'>Ten tips for sailing, part {n}</a></li>" for n in range(60)
    )
    words = "<p>The keeper trims the wick every evening, and writes the hour into the book.</p>"
    page = await reader.read(
        pages.page(
            "/keeper",
            f"<html><body><main><article><h1>Keepers</h1>{words * 8}</article>"
            f"<div><ul>{links}</ul></div></main></body></html>",
        )
    )
    assert "trims the wick" in page.text
    assert "part 59" not in page.text


async def test_plain_text_and_markdown_are_taken_as_they_are(
    pages: PageServer, reader: PageReader
) -> None:
    page = await reader.read(pages.page("/notes.md", "# Notes\r\n\r\n- one", "text/markdown"))
    assert (page.title, page.text) == ("Notes", "# Notes\n\n- one")
    page = await reader.read(pages.page("/list.txt", "one\ntwo", "text/plain"))
    assert (page.title, page.text) == ("list.txt", "one\ntwo")


@pytest.mark.parametrize(
    ("body", "content_type", "why"),
    [
        (b"\x89PNG\r\n\x1a\n\0\0\0", "image/png", "of the type image/png"),
        (b"MZ\0\0\0binary", "text/plain", "not text"),
        (b"", "text/html", "is empty"),
        (b"  \n ", "text/html", "is empty"),
        (b"<html><body><script>app()</script></body></html>", "text/html", "no readable text"),
        (
            b"<html><body><h1>Sign in</h1><p>Please sign in to the wiki.</p>"
            b"<form><input name=p type='password'></form></body></html>",
            "text/html",
            "asks for a password",
        ),
    ],
)
async def test_pages_with_nothing_to_read_are_refused(
    body: bytes, content_type: str, why: str, pages: PageServer, reader: PageReader
) -> None:
    with pytest.raises(Refused, match=why):
        await reader.read(pages.page("/odd", body, content_type))


async def test_a_registered_loader_reads_its_format(
    pages: PageServer, limits: Limits, midi: Plugins
) -> None:
    async with aclosing(DocumentReader(midi)) as document_reader:
        reader = PageReader(Fetcher(limits), document_reader)
        typed = pages.page("/a.bin", b"\0\0", "audio/midi")
        assert (await reader.read(typed)).text == "a.bin: 2 bytes"
        untyped = pages.page("/b.mid", b"\0\0\0", "application/octet-stream")
        assert (await reader.read(untyped)).title == "Tune"
        assert (await reader.read_bytes("c.mid", b"\0")).text == "c.mid: 1 bytes"


async def test_files_of_this_machine(tmp_path: Path, reader: PageReader) -> None:
    file = tmp_path / "guide.md"
    file.write_text("# Guide\n\nRead me.")
    page = await reader.read_file(str(file))
    assert (page.url, page.title) == (str(file), "Guide")
    with pytest.raises(NotFound, match="There is no file"):
        await reader.read_file(str(tmp_path / "missing.md"))
    with pytest.raises(Refused, match="is not a file"):
        await reader.read_file(str(tmp_path))
    with pytest.raises(Refused, match="is not a file"):
        await reader.read_file("/dev/zero")
    with pytest.raises(Refused, match="cannot be read"):
        await reader.read_file("a\0b")
    (tmp_path / "big.txt").write_bytes(b"x" * (1024 * 1024 + 1))
    with pytest.raises(Refused, match="larger than 1 MB"):
        await reader.read_file(str(tmp_path / "big.txt"))
    with pytest.raises(Refused, match="larger than 1 MB"):
        await reader.read_bytes("big.txt", b"x" * (1024 * 1024 + 1))


def test_a_second_byte_order_mark_hid_the_first_heading() -> None:
    assert decode("\ufeff# Lamps".encode("utf-8-sig")) == "# Lamps"


@given(
    st.text().filter(lambda text: not text.startswith("\0")),  # UTF-16's mark and NUL: UTF-32's
    st.sampled_from(["utf-8", "utf-16", "utf-8-sig", "utf-32"]),
)
@example("\ufeffa", "utf-16")
def test_text_in_unicode_is_always_read_back(text: str, charset: str) -> None:
    assert decode(text.encode(charset, errors="ignore")) == text.encode(
        charset, errors="ignore"
    ).decode(charset).lstrip("\ufeff")


@given(st.binary(max_size=300), st.none() | st.text(max_size=10))
def test_any_bytes_become_some_text(data: bytes, charset: str | None) -> None:
    assert isinstance(decode(data, charset), str)
    assert is_binary(data) in (True, False)
