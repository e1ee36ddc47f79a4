"""Somebody who chats in a browser: what they send, and what their page shows in time."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass

import httpx

from tests.unit.bot.console.conftest import Browser
from tests.until import PATIENCE_S, until

FAST = {"backend": "scripted"}
SLOW = {"backend": "scripted", "tokens_per_s": 40.0}
TWO_MODELS = {"models": {"default": FAST, "slow": SLOW, "embedder": FAST}}


class Stream:
    """An open event stream: the events so far, and waiting for one that says something."""

    def __init__(self, response: httpx.Response) -> None:
        self.events: list[str] = []
        self.last_id = ""
        self._lines = response.aiter_lines()

    async def until(self, *words: str) -> str:
        """The first event from here on that holds all these words."""
        async with asyncio.timeout(PATIENCE_S):
            while True:
                event = await self.next()
                if all(word in event for word in words):
                    return event

    async def next(self) -> str:
        """The next event. Raises `StopAsyncIteration` where the stream ends."""
        data: list[str] = []
        while (line := await anext(self._lines)) or not data:
            name, _, value = line.partition(": ")
            if name == "data":
                data.append(value)
            elif name == "id":
                self.last_id = value
        self.events.append("\n".join(data))
        return self.events[-1]


@dataclass
class Chat:
    """The chat of a browser; `at` is the address of its conversation."""

    browser: Browser
    at: str = "/console/chat/new"

    async def token(self) -> str:
        text = (await self.browser.get("/console/chat/new")).text
        return text.partition('name="token" value="')[2].partition('"')[0]

    async def send(
        self,
        text: str,
        *,
        files: Mapping[str, tuple[str, bytes, str]] | None = None,
        headers: Mapping[str, str] | None = None,
        **fields: str,
    ) -> httpx.Response:
        """Send a message as the page's form does; a conversation begins with the first."""
        parts: list[tuple[str, tuple[str | None, bytes, str | None]]] = [
            (name, (None, value.encode(), None))
            for name, value in {"token": await self.token(), "text": text, **fields}.items()
        ]
        parts += [("files", one) for one in (files or {}).values()]
        sent = await self.browser.http.post(
            f"{self.browser.base}{self.at}",
            files=parts,
            headers={"origin": self.browser.base, **(headers or {})},
        )
        if sent.status_code == 303 and self.at.endswith("/new"):
            self.at = sent.headers["location"]
        return sent

    async def page(self) -> str:
        answer = await self.browser.get(self.at)
        assert answer.status_code == 200, answer.text
        return answer.text

    async def shows(self, *words: str) -> str:
        """The page, loaded again until it says all this."""
        return await self.when(lambda text: all(word in text for word in words))

    async def when(self, fits: Callable[[str], bool]) -> str:
        return await until(self.page, fits=fits)

    async def press(self, label: str, nth: int = -1) -> httpx.Response:
        """Press a button of the page, by what it says."""
        page = await self.shows(f">{label}</button>")
        values = re.findall(rf'name="press" value="([^"]*)"[^>]*>{re.escape(label)}<', page)
        return await self.browser.post(
            f"{self.at}/press", token=await self.token(), press=values[nth]
        )

    @asynccontextmanager
    async def stream(self, seen: str | None = None) -> AsyncIterator[Stream]:
        """The stream that the page opens, or one that goes on from a state."""
        if seen is None:
            found = re.search(r"/events\?seen=([\w-]+)", await self.page())
            assert found is not None
            seen = found[1]
        url = f"{self.browser.base}{self.at}/events?seen={seen}"
        async with self.browser.http.stream("GET", url) as response:
            assert response.status_code == 200
            yield Stream(response)
