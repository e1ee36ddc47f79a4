"""A real browser at the console of a running bot: the system's Chromium, driven by Playwright.

One browser for the session, and contexts of its own for every test. Whatever page a test opens:
nothing may be asked of another machine, no script may fail, and nothing may be tried that the
Content-Security-Policy forbids.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import pytest
import pytest_asyncio
from playwright.async_api import (
    Browser,
    BrowserContext,
    ConsoleMessage,
    Dialog,
    Page,
    Request,
    Response,
    async_playwright,
    expect,
)

from bot.console.visit import COOKIE
from tests.unit.bot.console.conftest import Room, open_room

WIDE: Final = 1280
PHONE: Final = 375
_NAMES: Final = ("chromium", "chromium-browser", "google-chrome")
_ABSENT: Final = "there is no Chromium here (Debian: apt install chromium)"
_HERE: Final = Path(__file__).parent
REQUIRED: Final = "PARLANCE_BROWSER_REQUIRED"
"""The environment variable with which a machine without a browser is a failure."""


def find_browser() -> str | None:
    """Where the system's Chromium is."""
    return next(filter(None, map(shutil.which, _NAMES)), None)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Where there is no browser, one test stands for all that are left out, and says so."""
    own = [item for item in items if item.path.is_relative_to(_HERE)]
    if not own or find_browser() is not None or os.environ.get(REQUIRED):
        return
    own[0].add_marker(pytest.mark.skip(f"the console in a browser, {len(own)} tests: {_ABSENT}"))
    left_out = own[1:]
    items[:] = [item for item in items if item not in left_out]
    config.hook.pytest_deselected(items=left_out)


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def chromium() -> AsyncIterator[Browser]:
    """The browser."""
    path = find_browser()
    assert path is not None, _ABSENT
    async with async_playwright() as playwright:
        expect.set_options(timeout=30_000)  # milliseconds; how fast a machine is, is no test
        browser = await playwright.chromium.launch(executable_path=path)
        yield browser
        await browser.close()


@dataclass
class Desk:
    """Where people sit down at a browser, one context each. `problems` is what went wrong in any
    of them, `elsewhere` the sites that a test brings itself."""

    chromium: Browser
    stack: AsyncExitStack
    problems: list[str] = field(default_factory=list)
    elsewhere: set[str] = field(default_factory=set)

    async def page(
        self,
        room: Room,
        who: str | None = None,
        *,
        width: int = WIDE,
        scripts: bool = True,
        **options: Any,
    ) -> Page:
        """An empty page of a browser; with a name, of somebody who has come in ("": the operator).
        Paths are those of the console."""
        came = await room.browser(who)
        context = await self.chromium.new_context(
            base_url=came.base,
            viewport={"width": width, "height": 800},
            java_script_enabled=scripts,
            **options,
        )
        self.stack.push_async_callback(context.close)
        self._watch(context)
        if who is not None:
            value = came.http.cookies[COOKIE]
            await context.add_cookies([{"name": COOKIE, "value": value, "url": came.base}])
        return await context.new_page()

    def _watch(self, context: BrowserContext) -> None:
        def asked(request: Request) -> None:
            url = urlsplit(request.url)
            known = {"127.0.0.1", *self.elsewhere}
            if url.scheme not in {"data", "about", "blob"} and url.hostname not in known:
                self.problems.append(f"asked of another machine: {request.url}")

        def answered(response: Response) -> None:
            if response.status >= 400 and not response.request.is_navigation_request():
                self.problems.append(f"{response.status} for {response.url}")

        def said(message: ConsoleMessage) -> None:
            told = f"{message.type}: {message.text}"
            # Chromium says so of pages, too, whose status a test may want.
            if message.type in {"error", "warning"} and "Failed to load resource" not in told:
                self.problems.append(told)

        async def opened(dialog: Dialog) -> None:
            self.problems.append(f"a dialog: {dialog.message}")
            await dialog.dismiss()

        context.on("request", asked)
        context.on("response", answered)
        context.on("console", said)
        context.on("dialog", opened)
        context.on("weberror", lambda error: self.problems.append(f"failed: {error.error}"))


async def overflow_px(page: Page) -> int:
    """By how many pixels a page is wider than its window."""
    width: int = await page.evaluate(
        "document.documentElement.scrollWidth - document.documentElement.clientWidth"
    )
    return width


@asynccontextmanager
async def watched(chromium: Browser) -> AsyncIterator[Desk]:
    """A desk, at which nothing may have gone wrong in the end."""
    async with AsyncExitStack() as stack:
        made = Desk(chromium, stack)
        yield made
    assert made.problems == []


@pytest_asyncio.fixture(loop_scope="session")
async def desk(chromium: Browser) -> AsyncIterator[Desk]:
    async with watched(chromium) as made:
        yield made


@pytest_asyncio.fixture(loop_scope="session")
async def room(chromium: Browser, tmp_path: Path) -> AsyncIterator[Room]:
    """A bot for one test; it is made only where there is a browser."""
    async with open_room(tmp_path) as made:
        yield made
