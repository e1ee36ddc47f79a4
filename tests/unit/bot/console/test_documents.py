"""Documents in the console: who sees which, adding, removing, reading again."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import httpx
import pytest

from bot.sign_in.changes import ChangeRecord
from bot.values import Document
from tests.fakes.pages import PageServer
from tests.unit.bot.console.conftest import PLACE, Browser, Room, open_room

SCRIPT = "<script>alert(1)</script>"
LAMP = f"# Lamps `{SCRIPT}`\n\n## Bulbs `{SCRIPT}`\n\nWait until it is cool. `{SCRIPT}`\n"
BASES = {
    "default": {"default": True, "description": "For all"},
    "board": {"users": ["test:zoe"]},
}


@dataclass
class Library:
    """A console, and a web server whose pages may be read."""

    room: Room
    web: PageServer

    async def add(
        self,
        browser: Browser,
        *files: tuple[str, bytes],
        base: str = "default",
        address: str = "",
        token: str | None = None,
    ) -> httpx.Response:
        """Send the form of a base's page, as a browser does."""
        value = await browser.form() if token is None else token
        return await browser.http.post(
            f"{browser.base}/console/documents/add",
            data={"token": value, "base": base, "address": address},
            files=[("file", file) for file in files] or [("file", ("", b""))],
            headers={"origin": browser.base},
        )

    async def settled(self, browser: Browser, base: str = "default") -> str:
        """The page of a base, once nothing is being added to it."""
        while True:
            part = await browser.get(f"/console/documents/jobs?base={quote(base)}")
            if part.headers.get("hx-refresh"):
                return (await browser.get(f"/console/documents/in?base={quote(base)}")).text
            assert "every 1s" in part.text
            await asyncio.sleep(0.02)

    async def documents(self, base: str = "default") -> list[Document]:
        return [*await self.room.app.knowledge.list(base)]


@pytest.fixture
async def library(tmp_path: Path) -> AsyncIterator[Library]:
    async with PageServer() as web:
        sections = {
            "knowledge": {"bases": BASES},
            "fetch": {"allow_hosts": [f"127.0.0.1:{web.port}"]},
            "limits": {"max_attachment_bytes": 1024 * 1024},
        }
        async with open_room(tmp_path, **sections) as room:
            yield Library(room, web)


async def test_files_are_added_found_and_removed(library: Library) -> None:
    ann = await library.room.browser("ann")
    assert "nothing in it yet" in (await ann.get("/console/documents/in?base=default")).text
    answer = await library.add(ann, ("lamps.md", b"# Lamps\n\nCool."), ("none.xyz", b"\0\0\0"))
    assert answer.headers["location"] == "/console/documents/in?base=default"
    page = await library.settled(ann)
    assert "Lamps" in page
    assert "none.xyz" in page  # and why it was not read
    [lamps] = await library.documents()
    assert (lamps.title, lamps.added_by) == ("Lamps", "test:ann")
    for words, there in (("LAMP", True), ("lamps.md", True), ("%", False), ("oven", False)):
        found = await ann.get("/console/documents/in", params={"base": "default", "wanted": words})
        assert (f"/one/{lamps.id}" in found.text) is there, words

    path = f"/console/documents/one/{lamps.id}"
    assert "Cool." in (await ann.get(path)).text
    assert "add the file again" in (await ann.get(f"{path}/again")).text
    form = await ann.form(f"{path}/remove")
    assert await library.documents()  # asking is not doing
    assert (await ann.post(f"{path}/remove", token=form)).status_code == 303
    assert not await library.documents()
    assert (await ann.get(path)).status_code == 404
    done = [
        (one.action, one.subject) for one in await ChangeRecord(library.room.app.database).newest()
    ]
    assert done[:2] == [
        ("removed a document", "default: Lamps"),
        ("added documents", "default: lamps.md, none.xyz"),
    ]


async def test_a_page_on_which_nothing_is_being_added_lists_all_that_was(library: Library) -> None:
    ann = await library.room.browser("ann")
    for number in (1, 2):
        await library.add(ann, (f"lamp-{number}.md", f"# Lamp {number}\n\nCool.".encode()))
        running = True
        while running:  # pages are made while the file is read, and when it is done
            paths = ["/console/documents/in?base=default", "/console/documents"] * 3
            pages = [one.text for one in await asyncio.gather(*map(ann.get, paths))]
            running = "every 1s" in pages[-1]
            for page in pages:
                if "every 1s" not in page:
                    told = f"<dt>Documents</dt><dd>{number}</dd>", f'<td class="n">{number}</td>'
                    assert any(one in page for one in told)


async def test_a_page_is_added_by_its_address_and_read_in_again(library: Library) -> None:
    ann = await library.room.browser("ann")
    library.web.page("/guide", "<h1>Guide</h1><p>The lens is cleaned on Mondays.</p>")
    await library.add(ann, address=library.web.url("/guide"))
    assert "Guide" in await library.settled(ann)
    [guide] = await library.documents()
    library.web.page("/guide", "<h1>Guide</h1><p>The lens is cleaned on Fridays.</p>")
    path = f"/console/documents/one/{guide.id}"
    form = await ann.form(f"{path}/again")
    await ann.post(f"{path}/again", token=form)
    await library.settled(ann)
    assert "Fridays" in (await ann.get(path)).text


async def test_what_lies_inside_is_not_fetched(library: Library) -> None:
    ann = await library.room.browser("ann")
    for address in (
        "http://127.0.0.1:1/x", "http://localhost/x", "http://169.254.169.254/latest/meta-data/",
        "http://[::1]:1/", "http://0.0.0.0:1/",
    ):  # fmt: skip
        assert (await library.add(ann, address=address)).status_code == 303
        assert "Being added" not in await library.settled(ann)
    page = await library.settled(ann)
    assert page.count("state refused") == 5
    assert not await library.documents()


async def test_an_address_is_no_path_of_the_machine(library: Library, tmp_path: Path) -> None:
    browser = await library.room.browser("")
    secret = tmp_path / "secret.md"
    await asyncio.to_thread(secret.write_text, "# Secret\n\nwords")
    for address in (str(secret), f"file://{secret}", "git+https://x.example/y", "http://", "x y"):
        answer = await library.add(browser, address=address)
        assert answer.status_code == 400, address
        assert "Write an address" in answer.text
    assert (await library.add(browser)).status_code == 400
    assert not await library.documents()


async def test_what_is_somebodys_own_is_not_here_for_others(library: Library) -> None:
    bob = await library.room.browser("bob")
    await library.add(bob, ("diary.md", b"# Diary\n\nsecret words"), base="@test:bob")
    assert "Diary" in await library.settled(bob, "@test:bob")
    [diary] = await library.documents("@test:bob")
    for ident in ("ann", ""):
        other = await library.room.browser(ident)
        form = await other.form()
        for path in ("in?base=@test:bob", f"one/{diary.id}", f"one/{diary.id}/remove"):
            answer = await other.get(f"/console/documents/{path}")
            assert answer.status_code == 404, path
            assert "Diary" not in answer.text
        for path in ("remove", "again"):
            answer = await other.post(f"/console/documents/one/{diary.id}/{path}", token=form)
            assert answer.status_code == 404
        assert "diary" not in (await other.get("/console/documents/jobs?base=@test:bob")).text
        assert "@test:bob" not in (await other.get("/console/documents")).text
        assert (await library.add(other, ("x.md", b"x"), base="@test:bob")).status_code == 404
    assert "Diary" not in (await (await library.room.browser("ann")).get("/console/health")).text
    assert len(await library.documents("@test:bob")) == 1


async def test_one_may_do_what_one_may_in_the_chat(library: Library) -> None:
    bob, ann = await library.room.browser("bob"), await library.room.browser("ann")
    await library.add(ann, ("lamps.md", b"# Lamps\n\nCool."))
    await library.settled(ann)
    [lamps] = await library.documents()
    page = (await bob.get("/console/documents/in?base=default")).text
    assert "Lamps" in page
    assert 'type="file"' not in page
    assert (await library.add(bob, ("x.md", b"x"))).status_code == 400
    path = f"/console/documents/one/{lamps.id}"
    assert "/remove" not in (await bob.get(path)).text
    assert (await bob.post(f"{path}/remove", token=await bob.form())).status_code == 400
    for base in ("board", "nothing", ""):
        assert (await bob.get(f"/console/documents/in?base={base}")).status_code == 404
    assert "Only for 1 person, and admins." in (await ann.get("/console/documents")).text
    assert "board" not in (await bob.get("/console/documents")).text
    settings = library.room.app.services.settings
    assert settings is not None
    await settings.put("knowledge_base", "default", "channel", PLACE, "test:ann")
    assert "In 1 place that chose it." in (await ann.get("/console/documents")).text
    await settings.put("command.docs", "admins", "default", PLACE, "test:ann")
    for path in ("", "/in?base=default", f"/one/{lamps.id}", "/jobs?base=default"):
        assert (await bob.get(f"/console/documents{path}")).status_code == 400, path


async def test_a_form_of_elsewhere_adds_nothing(library: Library) -> None:
    ann, bob = await library.room.browser("ann"), await library.room.browser("bob")
    for form in ("", "0" * 64, await bob.form()):
        answer = await library.add(ann, ("x.md", b"# X\n\nwords"), token=form)
        assert answer.status_code == 403
    crossed = await ann.http.post(
        f"{ann.base}/console/documents/add",
        data={"token": await ann.form(), "base": "default"},
        files=[("file", ("x.md", b"# X\n\nwords"))],
        headers={"origin": "http://evil.example"},
    )
    assert crossed.status_code == 403
    assert "nothing in it yet" in await library.settled(ann)


async def test_what_is_too_large_keeps_no_other_back(library: Library) -> None:
    ann = await library.room.browser("ann")
    large = ("large.md", b"# Large\n\n" + b"word " * 400_000)
    await library.add(ann, large, ("small.md", b"# Small\n\nwords"))
    page = await library.settled(ann)
    assert "files up to 1 MB are added" in page
    assert [one.title for one in await library.documents()] == ["Small"]
    assert (await library.add(ann, *[large] * 4)).status_code == 413


async def test_foreign_names_and_texts_are_no_part_of_the_page(library: Library) -> None:
    ann = await library.room.browser("ann")
    names = ["../../etc/passwd.md", "<img src=x onerror=alert(1)>.txt", "invoice\u202efdp.md"]
    await library.add(ann, *((name, LAMP.encode()) for name in names))
    pages = [await library.settled(ann), (await ann.get("/console/documents")).text]
    documents = await library.documents()
    assert {one.location for one in documents} == {
        "passwd.md", "<img src=x onerror=alert(1)>.txt", "invoicefdp.md",
    }  # fmt: skip
    pages += [(await ann.get(f"/console/documents/one/{one.id}")).text for one in documents]
    pages.append((await ann.get(f"/console/documents/one/{documents[0].id}/remove")).text)
    pages.append((await ann.get("/console/documents/in", params={"base": SCRIPT})).text)
    for page in pages:
        assert "<script>alert" not in page
        assert "<img" not in page
        assert "\u202e" not in page
    assert "&lt;script&gt;" in pages[0]


async def test_an_addition_from_a_chat_is_shown_while_it_runs(library: Library) -> None:
    ann = await library.room.browser("ann")
    library.web.page("/guide", "<h1>Guide</h1><p>Words.</p>")
    url = library.web.url("/guide")
    steps = library.room.app.knowledge.add(url, base="default", by="test:ann")
    async for step in steps:
        part = (await ann.get("/console/documents/jobs?base=default")).text
        assert "every 1s" in part, step
        assert url in part
    assert "every 1s" not in (await ann.get("/console/documents/jobs?base=default")).text
