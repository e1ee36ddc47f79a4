"""What holds for every page: it fits, it can be read, and foreign text stays text."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from typing import Final

import pytest
import pytest_asyncio
from axe_playwright_python.async_playwright import Axe
from playwright.async_api import Browser, Page

from backends.base import ChatMessage
from bot.console.console import NAVIGATION
from bot.errors import UserFacingError
from bot.history.prompts import KeptPrompts, SentPrompt
from bot.observability.logs import recent_errors
from bot.types import Explanation, Source
from tests.browser.conftest import PHONE, WIDE, Desk, overflow_px
from tests.unit.bot.console.conftest import Room, open_room

pytestmark = pytest.mark.asyncio(loop_scope="session")

LONG: Final = "Ohnezwischenraum" * 20
HOSTILE: Final = "<script>alert(1)</script><img src=x onerror=alert(2)>\"'><svg onload=alert(3)>"
LINKS: Final = (
    "[x](javascript:alert(4)) ![p](http://evil.example/p.png) <iframe src=//evil.example>"
)
TURN: Final = "/turns/a1"
PAGES: Final = (*(one.path for one in NAVIGATION), TURN, "/turns/none", "/none")


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def furnished(
    chromium: Browser, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Room]:
    """A bot in which much has been said, by people and models who mean no good."""
    async with open_room(tmp_path_factory.mktemp("furnished")) as room:
        source = Source(
            1, HOSTILE, "javascript:alert(5)", heading=HOSTILE, passage=LONG + HOSTILE,
            score=0.5,
        )  # fmt: skip
        await room.turn(
            "ann",
            text=f"{LONG} {HOSTILE}",
            said=f"{LONG}\n\n{HOSTILE}\n\n{LINKS}\n\n| a | b |\n|---|---|\n| {LONG} | c |\n",
            model=HOSTILE,
            explanation=Explanation(passages=(source,)),
        )
        sent = SentPrompt(HOSTILE, (ChatMessage("system", LONG), ChatMessage("user", HOSTILE)))
        await KeptPrompts(room.app.database).add("a1", [sent], str)
        await room.turn(HOSTILE, f"test:team:{LONG}", status="failed", error="ab12cd34")
        for _ in range(5):
            await room.turn("bob", private=True, command="ask")
        for name in (f"{HOSTILE}.md", f"{LONG}.md"):
            try:
                async for _ in room.app.knowledge.add_bytes(name, LONG.encode()):
                    pass
            except UserFacingError:
                continue  # a name that is not taken is shown nowhere
        yield room


@pytest.fixture
def errors_of_the_log() -> None:
    """Errors with words of others; the log's fixture takes them away."""
    recent_errors.clear()
    recent_errors.append(
        {"event": "turn.failed", "timestamp": "2026-01-02T03:04:05Z", "error_id": HOSTILE,
         "reason": LONG + HOSTILE}
    )  # fmt: skip


async def violations(page: Page, only: Sequence[str] = ()) -> list[str]:
    """What axe finds that keeps people out, with the element it is about; `only` by these rules."""
    options: dict[str, object] = {"resultTypes": ["violations"]}
    if only:
        options["runOnly"] = list(only)
    found = await Axe().run(page, options=options)
    return [
        f"{one['id']}: {node['target']} {node['failureSummary']}"
        for one in found.response["violations"]
        if one["impact"] in {"serious", "critical"}
        for node in one["nodes"]
    ]


@pytest.mark.usefixtures("errors_of_the_log")
@pytest.mark.parametrize("path", PAGES)
async def test_a_page_fits_and_can_be_read(path: str, furnished: Room, desk: Desk) -> None:
    """At two widths, by day and by night; foreign text runs no script, and asks for nothing."""
    page = await desk.page(furnished, "ann")
    await page.goto(f"/console{path}")
    assert await page.locator("h1").count() == 1
    for folded in await page.locator("summary").all():
        await folded.click()
    for width in (WIDE, PHONE):
        await page.set_viewport_size({"width": width, "height": 800})
        assert await overflow_px(page) == 0, width
    await page.emulate_media(color_scheme="light")
    assert await violations(page) == []
    await page.emulate_media(color_scheme="dark")
    assert await violations(page, only=["color-contrast"]) == []


async def test_pages_for_those_outside_can_be_read(furnished: Room, desk: Desk) -> None:
    page = await desk.page(furnished, width=PHONE)
    for address in ("/console/", await furnished.link("bob"), "/console/enter/none"):
        await page.goto(address)
        assert await overflow_px(page) == 0
        assert await violations(page) == []


async def test_somebody_who_is_no_admin_can_read_their_pages(furnished: Room, desk: Desk) -> None:
    page = await desk.page(furnished, "bob", width=PHONE)
    for path in [one.path for one in NAVIGATION if not one.admins]:
        await page.goto(f"/console{path}")
        assert await overflow_px(page) == 0
        assert await page.locator("h1").count() == 1
