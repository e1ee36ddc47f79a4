"""Files, folders, pages and sitemaps, with everything that can be wrong with them."""

from __future__ import annotations

import asyncio
import gzip
import os
import stat
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from bot.errors import Failed, NotFound, Refused
from bot.knowledge.loading.document import RawDocument
from bot.knowledge.loading.registry import LOADERS
from bot.knowledge.loading.sources import FolderItems, SourceItem, file_item, is_gone, upload_item
from bot.knowledge.loading.web import MAX_PAGES
from bot.knowledge.service import KnowledgeService
from bot.web.validators import NOTHING_KNOWN
from tests.unit.bot.knowledge.conftest import Drain, Room

PAGE = """<html><head><title>{0}</title></head><body><main><h1>{0}</h1>
<p>The {0} is described here at some length, so that there is something to read.</p>
</main></body></html>"""


def sitemap(*urls: str, index: bool = False) -> str:
    outer, inner = ("sitemapindex", "sitemap") if index else ("urlset", "url")
    items = "".join(f"<{inner}><loc>{url}</loc></{inner}>" for url in urls)
    return f'<{outer} xmlns="http://www.sitemaps.org/schemas/sitemap/0.9">{items}</{outer}>'


async def read(item: SourceItem) -> RawDocument:
    raw = await item.read(NOTHING_KNOWN)
    assert raw is not None
    return raw


async def test_a_page_of_the_web_is_read_in(
    room: Room, service: KnowledgeService, drain: Drain
) -> None:
    room.web.page("/lamp", PAGE.format("lamp"))
    url = room.web.url("/lamp")
    assert [e.state for e in await drain(service.add(url))] == ["added"]
    (document,) = await service.list()
    assert (document.title, document.location) == ("lamp", url)
    assert [e.state for e in await drain(service.add(url))] == ["unchanged"]
    room.web.page("/lamp", PAGE.format("bulb"))
    assert [e.state for e in await drain(service.sync())] == ["changed"]


async def test_a_page_behind_a_login_is_refused(
    room: Room, service: KnowledgeService, drain: Drain
) -> None:
    room.web.page("/wiki", "Log in", status=401)
    with pytest.raises(Refused, match="does not show this page without a login"):
        await drain(service.add(room.web.url("/wiki")))
    assert await service.list() == []
    assert await service.unfinished() == []


async def test_an_empty_page_is_refused(
    room: Room, service: KnowledgeService, drain: Drain
) -> None:
    room.web.page("/empty", "<html><body></body></html>")
    with pytest.raises(Refused, match="has no readable text"):
        await drain(service.add(room.web.url("/empty")))


async def test_a_sitemap_brings_its_pages_and_takes_away_those_that_left_it(
    room: Room, service: KnowledgeService, drain: Drain
) -> None:
    for name in ("lamp", "door", "roof"):
        room.web.page(f"/{name}", PAGE.format(name))
    urls = [room.web.url(f"/{name}") for name in ("lamp", "door", "missing")]
    room.web.page("/sitemap.xml", sitemap(*urls), "application/xml")
    events = await drain(service.add(room.web.url("/sitemap.xml")))
    assert [e.state for e in events] == ["refused", "added", "added"]
    urls = [room.web.url(f"/{name}") for name in ("lamp", "roof")]
    room.web.page("/sitemap.xml", sitemap(*urls), "application/xml")
    await drain(service.sync())
    assert {d.title for d in await service.list()} == {"lamp", "roof"}


async def test_a_loop_of_sitemaps_ends(room: Room, service: KnowledgeService, drain: Drain) -> None:
    room.web.page("/lamp", PAGE.format("lamp"))
    here, there = room.web.url("/sitemap.xml"), room.web.url("/other-sitemap.xml")
    room.web.page("/sitemap.xml", sitemap(there, here, index=True), "application/xml")
    inner = sitemap(here, there, room.web.url("/pages.xml"), index=True)
    room.web.page("/other-sitemap.xml", inner, "application/xml")
    packed = gzip.compress(sitemap(room.web.url("/lamp")).encode())
    room.web.page("/pages.xml", packed, "application/gzip")
    assert [e.state for e in await drain(service.add(here))] == ["added"]
    assert len([seen for seen in room.web.seen if seen.path == "/sitemap.xml"]) == 1


async def test_a_sitemap_does_not_lead_to_other_sites_and_is_bounded(
    room: Room, service: KnowledgeService, drain: Drain
) -> None:
    far = sitemap("https://elsewhere.example/page", "file:///etc/passwd")
    room.web.page("/sitemap.xml", far, "application/xml")
    with pytest.raises(Refused, match="names no page of its own site"):
        await drain(service.add(room.web.url("/sitemap.xml")))
    many = sitemap(*(room.web.url(f"/page{n}") for n in range(MAX_PAGES + 20)))
    room.web.page("/sitemap.xml", many, "application/xml")
    events = await drain(service.add(room.web.url("/sitemap.xml")))
    assert len(events) == MAX_PAGES


async def test_a_sitemap_with_entities_is_refused(
    room: Room, service: KnowledgeService, drain: Drain
) -> None:
    bomb = '<!DOCTYPE x [<!ENTITY a "aaaa">]>' + sitemap(room.web.url("/&a;"))
    room.web.page("/sitemap.xml", bomb, "application/xml")
    with pytest.raises(Refused, match="declares entities"):
        await drain(service.add(room.web.url("/sitemap.xml")))


async def test_xml_that_is_no_sitemap_is_a_page(
    room: Room, service: KnowledgeService, drain: Drain
) -> None:
    room.web.page("/feed.xml", "<feed><entry>The lamp is lit at dusk.</entry></feed>", "text/xml")
    assert [e.state for e in await drain(service.add(room.web.url("/feed.xml")))] == ["added"]


async def test_a_server_that_fails_is_said(
    room: Room, service: KnowledgeService, drain: Drain
) -> None:
    with pytest.raises((Failed, Refused), match="answered 404"):
        await drain(service.add(room.web.url("/nowhere")))


async def test_a_path_that_is_not_there(service: KnowledgeService, drain: Drain) -> None:
    with pytest.raises(NotFound, match="There is no file or folder '/nowhere/at/all'"):
        await drain(service.add("/nowhere/at/all"))


def test_a_file_of_200_megabytes_is_refused_without_reading_it(tmp_path: Path) -> None:
    path = tmp_path / "big.txt"
    with path.open("wb") as stream:
        stream.truncate(200 * 1024 * 1024)
    with pytest.raises(Refused, match=r"big.txt has 200 MB; documents of up to 50 MB are read"):
        file_item(path)
    with pytest.raises(Refused, match="has 1 MB; documents of up to 0 MB"):
        upload_item("a.md", b"x" * 1_000_000, most=1_000)


def test_a_file_that_vanishes_while_it_is_read_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.md"
    path.write_text("# A")
    item = file_item(path)
    path.unlink()
    with pytest.raises(Refused, match="disappeared while it was read"):
        asyncio.run(read(item))


def test_a_file_that_grew_meanwhile_is_read_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "a.md"
    path.write_text("# A")
    item = file_item(path)
    path.write_text("# A longer one")
    raw = asyncio.run(read(item))
    assert raw.data == b"# A longer one"
    assert raw.stat.size == len(raw.data)


def test_a_folder_gives_what_can_be_read(tmp_path: Path) -> None:
    for name in ("b.md", "a/c.py", "picture.png", ".hidden.md", ".git/x.md", "node_modules/y.md"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("# Text")
    (tmp_path / "big.md").write_text("x" * 2_000)
    items = FolderItems(tmp_path, LOADERS, most=1_000)
    assert [Path(item.location).name for item in items] == ["b.md", "c.py"]
    assert (len(items), items.skipped) == (2, {".png": 1})
    assert [(Path(place).name, "documents of up to" in why) for place, why in items.refused] == [
        ("big.md", True)
    ]


def test_a_link_out_of_a_folder_does_not_bring_what_it_names(tmp_path: Path) -> None:
    shared, private = tmp_path / "shared", tmp_path / "private"
    shared.mkdir()
    private.mkdir()
    (private / "salaries.md").write_text("Ada earns a lot.")
    (shared / "rules.md").write_text("Rules.")
    (shared / "linked.md").symlink_to(private / "salaries.md")
    (shared / "again.md").symlink_to(shared / "rules.md")
    (shared / "loop").symlink_to(shared, target_is_directory=True)
    items = FolderItems(shared, LOADERS)
    assert [Path(item.location).name for item in items] == ["again.md", "rules.md"]
    assert not items.refused


async def test_a_folder_without_documents_is_refused(
    room: Room, service: KnowledgeService, drain: Drain
) -> None:
    room.file("picture.png", b"\x89PNG")
    with pytest.raises(Refused, match=r"has no document that can be read, only 1 \.png\."):
        await drain(service.add(str(room.path / "docs")))


@contextmanager
def without_rights() -> Iterator[None]:
    """As somebody who is not root, who could read everything."""
    if os.geteuid() != 0:
        yield
        return
    os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(0)


def test_a_folder_without_permission_is_refused() -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o755)
        (folder / "a.md").write_text("# A")
        (folder / "a.md").chmod(0o644)
        closed = folder / "closed"
        closed.mkdir()
        closed.chmod(0)
        with without_rights():
            with pytest.raises(
                Refused, match=r"cannot be read \(permission denied\); check its perm"
            ):
                FolderItems(closed, LOADERS)
            items = FolderItems(folder, LOADERS)
            assert [is_gone(path / "b.md") for path in (closed, folder)] == [False, True]
        closed.chmod(stat.S_IRWXU)
    assert len(items) == 1
    assert items.refused == [(str(closed), "The folder cannot be read: permission denied.")]


async def test_one_bad_file_does_not_lose_the_others(
    room: Room, service: KnowledgeService, drain: Drain
) -> None:
    room.file("good.md", "# Good\n\nA fine document.")
    room.file("bad.pdf", b"%PDF-broken")
    room.file("binary.txt", b"\0\1\2\3" * 50)
    events = await drain(service.add(str(room.path / "docs")))
    states = {Path(e.location).name: e.state for e in events}
    assert states == {"good.md": "added", "bad.pdf": "refused", "binary.txt": "refused"}
    assert [d.title for d in await service.list()] == ["Good"]


@pytest.mark.skipif(sys.platform == "darwin", reason="macOS takes no such names")
async def test_a_name_that_is_not_utf8_does_not_lose_the_others(
    room: Room, service: KnowledgeService, drain: Drain
) -> None:
    room.file("good.md", "# Good\n\nA fine document.")
    odd = os.fsencode(room.path / "docs") + b"/caf\xe9.md"
    await asyncio.to_thread(Path(os.fsdecode(odd)).write_text, "# Odd\n\nIn Latin-1.")
    refused, added = await drain(service.add(str(room.path / "docs")))
    assert (added.state, refused.state) == ("added", "refused")
    assert "caf\ufffd.md' is not written in UTF-8; rename it." in refused.detail
    with pytest.raises(Refused, match="not written in UTF-8"):
        await drain(service.add(os.fsdecode(odd)))
    with pytest.raises(Refused, match="not written in UTF-8"):
        await service.remove(os.fsdecode(odd))
    assert (await service.search("fine \udce9 document")).passages[0].title == "Good"


async def test_a_document_that_turns_bad_is_kept_as_it_was(
    room: Room, service: KnowledgeService, drain: Drain
) -> None:
    path = room.file("good.md", "# Good\n\nA fine document.")
    await drain(service.add(str(room.path / "docs")))
    await asyncio.to_thread(path.write_bytes, b"\0\1\2\3" * 50)
    assert [e.state for e in await drain(service.sync())] == ["refused"]
    assert (await service.search("fine document")).passages[0].title == "Good"
