"""What a page of another site can do to a person who is signed in: nothing."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
import pytest_asyncio
from playwright.async_api import expect

from tests.browser.conftest import Desk
from tests.unit.bot.console.conftest import Room

pytestmark = pytest.mark.asyncio(loop_scope="session")


@asynccontextmanager
async def serve_elsewhere(html: str) -> AsyncIterator[str]:
    """Another site with one page; its address. It is on this machine, as a browser lets no site of
    the internet ask anything of it, and on the name of a site that is not the console's."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked.append(await reader.readuntil(b"\r\n\r\n"))
        head = f"HTTP/1.1 200 OK\r\ncontent-type: text/html\r\ncontent-length: {len(html)}"
        writer.write(f"{head}\r\nconnection: close\r\n\r\n{html}".encode())
        await writer.drain()
        writer.close()

    asked: list[bytes] = []
    async with await asyncio.start_server(answer, "127.0.0.1", 0) as server:
        yield f"http://localhost:{server.sockets[0].getsockname()[1]}/"
        assert asked


@pytest_asyncio.fixture(loop_scope="session")
async def base(room: Room, desk: Desk) -> str:
    desk.elsewhere.add("localhost")
    return (await room.link()).partition("/console")[0]


async def test_it_cannot_send_a_form(room: Room, desk: Desk, base: str) -> None:
    page = await desk.page(room, "ann")
    await page.goto("/console/")
    form = await page.locator("form.leave input").get_attribute("value")
    trap = (
        f'<form method=post action="{base}/console/leave"><input name=token value="{form}">'
        "<button>Win a prize</button></form>"
    )
    async with serve_elsewhere(trap) as site:
        await page.goto(site)
        async with page.expect_navigation() as sent:
            await page.get_by_role("button").click()
        answer = await sent.value
        assert answer is not None
        assert answer.status == 403
    await page.goto("/console/")
    await expect(page.get_by_role("heading", level=1)).to_have_text("Now")


async def test_it_cannot_show_the_console_in_a_frame(room: Room, desk: Desk, base: str) -> None:
    page = await desk.page(room, "ann")
    async with serve_elsewhere(f'<iframe src="{base}/console/"></iframe>') as site:
        await page.goto(site)
        (frame,) = page.frames[1:]
        assert "Parlance" not in await frame.content()
    (told,) = desk.problems
    assert "frame-ancestors" in told
    desk.problems.clear()


async def test_it_is_not_told_which_page_a_link_stood_on(room: Room, desk: Desk, base: str) -> None:
    async with serve_elsewhere("<title>elsewhere</title>") as site:
        turn = await room.turn("ann", said=f"See [this]({site}).")
        page = await desk.page(room, "ann")
        await page.goto(f"/console/turns/{turn}")
        await page.get_by_role("link", name="this").click()
        await expect(page).to_have_title("elsewhere")
        assert await page.evaluate("[document.referrer, window.opener]") == ["", None]
