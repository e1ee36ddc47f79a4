"""A running bot with its console, and browsers of several people."""

from __future__ import annotations

import asyncio
import ssl
import uuid
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from backends.base import Usage
from bot.app import App, open_app
from bot.commands.checks import Asker
from bot.events import Message
from bot.history.protocol import StoredMessage
from bot.installation import Installation
from bot.ports import open_ports
from bot.types import Author, ConversationKey
from tests.databases import ENGINES
from tests.fakes.platforms import FakePlatform
from tests.fakes.postgresql import PostgresqlServer
from tests.fakes.sink import RecordingSink
from tests.until import PATIENCE_S

PLACE = ConversationKey("test", "@dm", "d1")
CHANNEL = "test:team:general"
_TLS = ssl.create_default_context()
"""One for all browsers: making one takes longer than most of what they ask."""


class People(FakePlatform):
    """A platform that knows some people; in a direct message it is the person that it names."""

    def __init__(self) -> None:
        super().__init__("test")
        self.known = {"ann", "bob"}
        self.places: dict[str, str] = {}
        self.locales: dict[str, str] = {}
        self.names: dict[str, str] = {}
        """What people call themselves; without one it is their id."""

    async def place_name(self, place: ConversationKey) -> str:
        return self.places.get(place.channel, "")

    async def asker_now(self, person: str, place: ConversationKey) -> Asker | None:
        ident = person.partition(":")[2]
        if ident not in self.known:
            return None
        name = self.names.get(ident, ident.capitalize())
        return Asker(
            Author("test", ident, name, locale=self.locales.get(ident)), place, direct=True
        )


@dataclass
class Browser:
    """Somebody's browser: it keeps cookies, and says where a request comes from."""

    http: httpx.AsyncClient
    base: str

    async def get(self, path: str, **more: Any) -> httpx.Response:
        return await self.http.get(f"{self.base}{path}", **more)

    async def post(self, path: str, **fields: str) -> httpx.Response:
        """Send a form from the page on which it stands."""
        return await self.http.post(
            f"{self.base}{path}", data=fields, headers={"origin": self.base}
        )

    async def form(self, path: str = "/console/") -> str:
        """The value that the forms of a page carry."""
        text = (await self.get(path)).text
        return text.partition('name="token" value="')[2].partition('"')[0]


@dataclass
class Room:
    """A bot that runs, at whose console people come in."""

    app: App
    people: People
    stack: AsyncExitStack
    base: str = ""
    _turns: int = field(default=0)

    async def link(self, ident: str = "") -> str:
        """A link for one of the people; without a name for the operator."""
        sign_in = self.app.sign_in
        if not ident:
            return await sign_in.operator_link(
                "terminal:operator", ConversationKey("terminal", "local", "main")
            )
        return await sign_in.link(f"test:{ident}", replace(PLACE, channel=f"d-{ident}"), near=True)

    async def browser(self, ident: str | None = None) -> Browser:
        """A browser; with a name, of somebody who has come in ("": the operator)."""
        http = await self.stack.enter_async_context(
            httpx.AsyncClient(timeout=PATIENCE_S, verify=_TLS)
        )
        link = await self.link(ident or "")
        made = Browser(http, link.partition("/console")[0])
        if ident is not None:
            answer = await made.post(link.removeprefix(made.base))
            assert answer.status_code == 303, answer.text
        return made

    async def ask(self, text: str, by: str = "ann", place: str = CHANNEL) -> RecordingSink:
        """Have somebody ask something; the answer comes by itself."""
        author = Author("test", by, by.capitalize())
        message = Message(uuid.uuid4().hex, ConversationKey.parse(place), author, text)
        sink = RecordingSink()
        await self.app.core.accept(message, sink)
        return sink

    async def turn(
        self,
        by: str = "ann",
        place: str = CHANNEL,
        *,
        text: str = "What is a lamp?",
        said: str = "A light.",
        **more: Any,
    ) -> str:
        """A stored question with its answer; returns the answer's id."""
        self._turns += 1
        number = self._turns
        usage = Usage(100, 20, 30, 0.1, 0.2, 0.3, 0.4)
        more = {"private": False, "model": "default", "usage": usage, **more}
        question = StoredMessage(
            f"q{number}", place, "user", text, f"test:{by}", datetime.now(UTC),
            author_name=by.capitalize(), event_id=f"e{number}", command=more.pop("command", ""),
            private=more["private"],
        )  # fmt: skip
        answer = replace(
            question, id=f"a{number}", role="assistant", text="", author="", author_name="",
            event_id="", answers=question.id, status="running",
        )  # fmt: skip
        history = self.app.services.history
        assert await history.open(question, answer)
        done = replace(answer, text=said, **{"status": "complete", **more})
        await history.finish(done)
        return answer.id


@asynccontextmanager
async def open_room(
    folder: Path, people: People | None = None, /, **sections: Any
) -> AsyncIterator[Room]:
    """A bot of scripted models that runs, with its files in `folder`, for `people`; `sections` are
    of config.yaml."""
    said = {
        "models": {name: {"backend": "scripted"} for name in ("default", "other", "embedder")},
        "embedder": "embedder",
        "admins": {"users": ["test:ann"]},
        "http": {"port": 0},
        **sections,
    }

    def install() -> Installation:
        path = folder / "config.yaml"
        path.write_text(yaml.dump(said, Dumper=yaml.CSafeDumper), "utf-8")
        return Installation.read(path)

    here = await asyncio.to_thread(install)
    async with AsyncExitStack() as stack:
        app = await stack.enter_async_context(open_app(here))
        people = people or People()
        stack.enter_context(app.core.connect(people))
        await stack.enter_async_context(open_ports(app, [people], lambda: None))
        async with AsyncExitStack() as browsers:
            yield Room(app, people, browsers)


on_both_engines = pytest.mark.parametrize("room_database", ENGINES, indirect=True)
"""Has a test's room keep its database in a file, and at a server."""


@pytest.fixture
def room_database(request: pytest.FixtureRequest) -> Iterator[dict[str, Any]]:
    """The section of config.yaml that says where the room's database is."""
    if getattr(request, "param", "sqlite") == "sqlite":
        yield {}
        return
    server: PostgresqlServer = request.getfixturevalue("postgresql")
    address = server.create()
    url = address.url.set(drivername="postgresql").render_as_string(hide_password=False)
    yield {"database": {"url": url}}
    server.drop(address)


@pytest.fixture
async def room(tmp_path: Path, room_database: dict[str, Any]) -> AsyncIterator[Room]:
    async with open_room(tmp_path, **room_database) as made:
        yield made
