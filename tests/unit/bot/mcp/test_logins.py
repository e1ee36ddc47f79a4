"""A person logs in to a server of tools: with a link, in their browser, and a word in the chat."""

from __future__ import annotations

import asyncio
import os
import uuid
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx2
import pytest
from mcp import Client
from mcp.client.streamable_http import streamable_http_client
from mcp.shared.auth import OAuthClientInformationFull
from pydantic import AnyUrl
from sqlalchemy import select

from bot.config.mcp import KEY_VARIABLE, ToolServerSettings
from bot.doctor import check_login_key
from bot.errors import ConfigError, Failed, NotFound, Refused
from bot.events import CommandCall
from bot.http.routes import Routes
from bot.http.server import serve_http
from bot.mcp.errors import LoginWanted
from bot.mcp.login_page import client_page, login_page
from bot.mcp.logins import CALLBACK_PATH, CLIENT_PATH, Logins
from bot.mcp.sealed import Sealer, make_key
from bot.mcp.servers import ToolServers
from bot.mcp.tables import server_logins
from bot.processes.peers import Peers
from bot.storage.address import DatabaseAddress, ServerAddress
from bot.storage.database import Database
from bot.types import Author, View
from tests.fakes.mcp_server import Served, home, serving, text_of, write
from tests.fakes.oauth_server import Provider, oauth_server
from tests.fakes.processes import join
from tests.fakes.sink import RecordingSink
from tests.until import PATIENCE_S, until

KEY = make_key()
ON_A_FILE = pytest.mark.parametrize("new_address", ["sqlite"], indirect=True)
"""For what is the same on every database."""
ANN, BOB = "slack:U1", "slack:U2"


class Setup:
    """Logins at one server, and a browser."""

    def __init__(
        self,
        database: Database,
        url: str,
        provider: Provider,
        base: str,
        peers: Peers | None = None,
    ) -> None:
        self.database, self.url, self.provider, self.base = database, url, provider, base
        self.logins = self.again(peers=peers)
        self.http = httpx2.AsyncClient(verify=False, trust_env=False)

    def again(
        self, key: str = KEY, database: Database | None = None, peers: Peers | None = None
    ) -> Logins:
        """The same after a restart, or in another process."""
        logins = Logins(database or self.database, {"git": self.url}, key, peers=peers)
        logins.callback_url = self.base + CALLBACK_PATH
        return logins

    async def browse(self, link: str) -> httpx2.Response:
        """Open a link and log in: the page that is shown at the end."""
        return await self.http.get(link, follow_redirects=True)

    async def word(self, link: str) -> str:
        page = await self.browse(link)
        assert page.status_code == 200, page.text
        return page.text.partition("/connect confirm ")[2].partition("<")[0]

    async def log_in(self, person: str = ANN) -> None:
        link = await self.logins.begin(person, "git")
        assert await self.logins.confirm(person, await self.word(link)) == "git"

    async def whoami(self, logins: Logins, person: str) -> str:
        auth = await logins.auth_of("git", person)
        assert auth is not None
        async with (
            httpx2.AsyncClient(auth=auth, verify=False) as http,
            Client(streamable_http_client(self.url, http_client=http)) as client,
        ):
            return text_of(await client.call_tool("whoami", {}))


@pytest.fixture
async def setup(database_address: DatabaseAddress) -> AsyncIterator[Setup]:
    database = await Database.open(database_address)
    peers = await join(database) if isinstance(database_address, ServerAddress) else None
    provider, routes = Provider(), Routes()
    async with oauth_server(provider) as url, serve_http(routes, "127.0.0.1", 0) as base:
        made = Setup(database, url, provider, base, peers)
        routes.mount(CALLBACK_PATH, login_page(made.logins))
        routes.mount(CLIENT_PATH, client_page(made.logins))
        yield made
        await made.logins.aclose()
        await made.http.aclose()
    if peers is not None:
        await peers.close()
    await database.close()


async def test_each_person_is_logged_in_by_themselves_also_after_a_restart(setup: Setup) -> None:
    await setup.log_in(ANN)
    await setup.log_in(BOB)
    later = setup.again()
    ann, bob = await setup.whoami(later, ANN), await setup.whoami(later, BOB)
    assert ann
    assert bob
    assert ann != bob
    assert await later.of_person(ANN) == ["git"]
    with pytest.raises(Refused, match="already"):
        await later.begin(ANN, "git")
    assert await later.remove(ANN, "git")
    assert await later.auth_of("git", ANN) is None
    assert not await later.remove(ANN, "git")
    assert await setup.whoami(later, BOB) == bob


@ON_A_FILE
async def test_a_login_is_renewed_after_a_restart(setup: Setup) -> None:
    setup.provider.lifetime_s = 1
    await setup.log_in()
    setup.provider.lifetime_s = 3600
    await asyncio.sleep(1.1)
    assert await setup.whoami(setup.again(), ANN)
    assert setup.provider.renewed == 1
    assert await setup.whoami(setup.again(), ANN)
    assert setup.provider.renewed == 1


@ON_A_FILE
async def test_a_login_that_the_server_took_back_fails_at_once(setup: Setup) -> None:
    await setup.log_in()
    setup.provider.access.clear()
    setup.provider.refresh.clear()
    with pytest.raises(BaseExceptionGroup):
        await asyncio.wait_for(setup.whoami(setup.again(), ANN), PATIENCE_S)


async def test_nothing_of_it_can_be_read_in_the_store(setup: Setup) -> None:
    await setup.log_in()
    async with setup.database.read() as connection:
        kept = str((await connection.execute(select(server_logins))).all())
    assert ANN in kept
    assert not [one for one in setup.provider.access if one in kept]
    assert not [one for one in setup.provider.refresh if one in kept]
    assert await setup.again(make_key()).auth_of("git", ANN) is None


@ON_A_FILE
async def test_the_browser_of_another_person_does_not_finish_it(setup: Setup) -> None:
    """Ann begins a login and has Bob open her link: what he would give is not hers."""
    link = await setup.logins.begin(ANN, "git")
    word = await setup.word(link)
    with pytest.raises(NotFound):
        await setup.logins.confirm(BOB, word)
    for guess in range(5):
        with pytest.raises(NotFound):
            await setup.logins.confirm(ANN, f"0000-000{guess}")
    with pytest.raises(NotFound):
        await setup.logins.confirm(ANN, word)
    assert await setup.logins.of_person(ANN) == []


@ON_A_FILE
async def test_a_code_is_taken_once_and_only_if_it_is_waited_for(setup: Setup) -> None:
    link = await setup.logins.begin(ANN, "git")
    page = await setup.browse(link)
    assert page.status_code == 200
    assert page.headers["cache-control"] == "no-store"
    assert (await setup.http.get(str(page.url))).status_code == 400
    for query in ("", "code=x", "state=&code=x", "state=<script>&code=x", "%ff=%ff", "state=a"):
        answer = await setup.http.get(f"{setup.base}{CALLBACK_PATH}?{query}")
        assert answer.status_code == 400
        assert "<script>" not in answer.text
    refused = await setup.logins.begin(BOB, "git")
    state = parse_qs(urlsplit(refused).query)["state"][0]
    answer = await setup.http.get(f"{setup.base}{CALLBACK_PATH}?error=access_denied&state={state}")
    assert answer.status_code == 400
    assert "refused" in answer.text


async def test_who_is_forgotten_is_logged_in_nowhere(setup: Setup) -> None:
    link = await setup.logins.begin(ANN, "git")
    word = await setup.word(link)
    await asyncio.to_thread(setup.logins.forget, ANN)
    await asyncio.sleep(0.05)
    with pytest.raises(NotFound):
        await setup.logins.confirm(ANN, word)
    assert await setup.logins.of_person(ANN) == []


@pytest.mark.parametrize("new_address", ["postgresql"], indirect=True)
async def test_what_one_process_began_another_takes_and_finishes(
    setup: Setup, tmp_path: Path
) -> None:
    second = await Database.open(setup.database.address)
    peers = await join(second)
    other = setup.again(database=second, peers=peers)
    link = await other.begin(ANN, "git")
    page = await setup.browse(link)
    word = page.text.partition("/connect confirm ")[2].partition("<")[0]
    assert (await setup.http.get(str(page.url))).status_code == 400
    with pytest.raises(NotFound):
        await setup.logins.confirm(BOB, word)
    assert await setup.logins.confirm(ANN, word) == "git"
    assert await setup.whoami(setup.logins, ANN)
    assert await setup.whoami(other, ANN)
    git = ToolServerSettings(url=setup.url, login=True)
    async with ToolServers({"git": git}, tmp_path, os.environ.get, (), other.auth_of) as servers:
        other.connections = servers
        await servers.refresh("git", ANN)
        assert servers.tools(ANN)
        assert await setup.logins.remove(ANN, "git")
        # What the other has open for them ends with the login.
        await until(lambda: not servers.tools(ANN))
    other.connections = None
    begun = await other.begin(BOB, "git")
    await setup.logins.begin(BOB, "git")  # which gives the other one up
    await until(lambda: setup.browse(begun), fits=lambda found: found.status_code == 400)
    await other.aclose()
    await peers.close()
    await second.close()


@ON_A_FILE
async def test_servers_read_what_this_client_is_where_they_reach_it(setup: Setup) -> None:
    address = setup.base + CLIENT_PATH
    assert (await setup.http.get(address)).status_code == 404
    setup.logins.reached_at("https://bot.example.org/", setup.base)
    described = (await setup.http.get(address)).json()
    assert described["client_id"] == "https://bot.example.org/mcp/client.json"
    assert described["redirect_uris"] == ["https://bot.example.org/mcp/callback"]
    assert described["token_endpoint_auth_method"] == "none"


@ON_A_FILE
async def test_what_is_missing_is_said(setup: Setup) -> None:
    with pytest.raises(NotFound):
        await setup.logins.begin(ANN, "other")
    without = Logins(setup.database, {"git": setup.url}, None)
    without.callback_url = setup.logins.callback_url
    with pytest.raises(Failed):
        await without.begin(ANN, "git")
    gone = Logins(setup.database, {"git": "http://127.0.0.1:9/mcp"}, KEY)
    gone.callback_url = setup.logins.callback_url
    with pytest.raises(Failed):
        await gone.begin(ANN, "git")
    open_server = Logins(setup.database, {"git": f"{setup.base}/nothing"}, KEY)
    open_server.callback_url = setup.logins.callback_url
    with pytest.raises(Refused):
        await open_server.begin(ANN, "git")


def test_what_is_sealed_opens_for_its_purpose_alone() -> None:
    sealer = Sealer(KEY)
    sealed = sealer.seal({"a": 1}, "git", ANN)
    assert sealer.open(sealed, "git", ANN) == {"a": 1}
    assert sealer.open(sealed, "git", BOB) is None
    assert sealer.open(sealed[:-4] + "AAAA", "git", ANN) is None
    assert sealer.open("é", "git", ANN) is None
    for wrong in ("", "short", "é" * 32):
        with pytest.raises(ConfigError):
            Sealer(wrong)


def link_in(said: str) -> str:
    return said.partition("<")[2].partition(">")[0] or said.split()[-1]


def said_in(view: View) -> str:
    return "\n".join([view.text, *(notice.text for notice in view.notices)])


async def test_a_person_logs_in_from_the_chat_and_has_a_tool_used(tmp_path: Path) -> None:
    def configure() -> None:
        (tmp_path / ".env").write_text(f"{KEY_VARIABLE}={KEY}\n", "utf-8")

    await asyncio.to_thread(configure)
    provider = Provider()
    async with oauth_server(provider) as url:
        git = {"url": url, "login": True, "open": True, "read": ["whoami"]}
        async with serving(
            tmp_path, "ann", "bob", mcp={"servers": {"git": git}}, http={"port": 0}
        ) as served:
            core = served.app.core

            async def call(person: str, name: str, **options: str) -> str:
                sink = RecordingSink()
                author = Author("test", person, person.title())
                await core.accept(
                    CommandCall(uuid.uuid4().hex, home(person), author, name, options, direct=True),
                    sink,
                )
                return said_in(await sink.end(30))

            assert "/connect login git" in await refusal_of(served)
            said = await call("ann", "connect", action="login", which="git")
            async with httpx2.AsyncClient(verify=False, trust_env=False) as browser:
                page = await browser.get(link_in(said), follow_redirects=True)
            word = page.text.partition("/connect confirm ")[2].partition("<")[0]
            assert word not in await call("bob", "connect", action="confirm", which=word)
            assert "logged in" in await call("ann", "connect", action="confirm", which=word)
            assert "git" in await call("ann", "connect", action="list")
            assert not [t for t in served.app.servers.tools("test:bob") if "whoami" in t.name]
            (tool,) = [t.name for t in served.app.servers.tools("test:ann") if "whoami" in t.name]
            (client,) = provider.clients
            assert client in await call("ann", f"tool:{tool}")
            assert "no tool of that name" in await call("bob", f"tool:{tool}")
            # Logged out and in again: the connection of before is not used any more.
            await call("ann", "connect", action="logout", which="git")
            assert client not in await call("ann", f"tool:{tool}")
            said = await call("ann", "connect", action="login", which="git")
            async with httpx2.AsyncClient(verify=False, trust_env=False) as browser:
                page = await browser.get(link_in(said), follow_redirects=True)
            word = page.text.partition("/connect confirm ")[2].partition("<")[0]
            await call("ann", "connect", action="confirm", which=word)
            again = await call("ann", f"tool:{tool}")
            assert client not in again
            assert [one for one in provider.clients if one in again]
            assert served.app.services.forget is not None
            await served.app.services.forget("test:ann")
            assert "Nothing is connected" in await call("ann", "connect", action="list")


async def refusal_of(served: Served) -> str:
    """Why the server's tools cannot be listed."""
    with pytest.raises(LoginWanted) as refused:
        await served.app.servers.refresh("git")
    return str(refused.value)


@pytest.mark.parametrize(
    ("key", "well", "words"),
    [
        pytest.param(KEY, True, "encrypted", id="a key"),
        pytest.param("", False, "not set", id="none"),
        pytest.param("x", False, "no key", id="no key"),
    ],
)
def test_the_doctor_says_whether_logins_can_be_kept(
    tmp_path: Path, key: str, well: bool, words: str
) -> None:
    (tmp_path / ".env").write_text(f"{KEY_VARIABLE}={key}\n", "utf-8")
    row = check_login_key(write(tmp_path, {}))
    assert row["ok"] is well
    assert words in str(row["detail"])


@pytest.mark.parametrize(("method", "secret"), [("client_secret_basic", "s3cret"), ("none", "")])
async def test_a_client_that_the_operator_has_registered_logs_in(
    tmp_path: Path, method: Any, secret: str
) -> None:
    """The server lets no program register by itself."""
    database = await Database.open(tmp_path / "parlance.db")
    provider, routes = Provider(registers=False, lifetime_s=1), Routes()
    async with oauth_server(provider) as url, serve_http(routes, "127.0.0.1", 0) as base:
        callback = base + CALLBACK_PATH
        provider.clients["ours"] = OAuthClientInformationFull(
            client_id="ours",
            client_secret=secret or None,
            redirect_uris=[AnyUrl(callback)],
            token_endpoint_auth_method=method,
            grant_types=["authorization_code", "refresh_token"],
        )
        made = Setup(database, url, provider, base)
        with pytest.raises(Failed, match="cannot be logged in to"):
            await made.logins.begin(ANN, "git")
        made.logins = Logins(database, {"git": url}, KEY, {"git": ("ours", secret)})
        made.logins.callback_url = callback
        routes.mount(CALLBACK_PATH, login_page(made.logins))
        await made.log_in()
        provider.lifetime_s = 3600
        await asyncio.sleep(1.1)
        assert await made.whoami(made.logins, ANN) == "ours"
        assert provider.renewed == 1
        assert list(provider.clients) == ["ours"]
        await made.logins.aclose()
        await made.http.aclose()
    await database.close()
