"""The logins of people at servers of tools: begun by a link, confirmed in the chat."""

from __future__ import annotations

import asyncio
import importlib
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, Protocol
from urllib.parse import parse_qs, urlsplit

import structlog

from bot.catalogue.sentence import say
from bot.errors import Failed, NotFound, Refused, UserFacingError
from bot.mcp.logins_elsewhere import (
    LOGIN_REFUSED,
    NO_SUCH_LOGIN,
    LoginFailed,
    LoginsElsewhere,
)
from bot.processes.peers import Peers
from bot.storage.database import Database

if TYPE_CHECKING:
    import httpx2

    from bot.mcp.login_store import LoginStore

log = structlog.get_logger(__name__)

CALLBACK_PATH: Final = "/mcp/callback"
CLIENT_PATH: Final = "/mcp/client.json"
LOGIN_LIFETIME_S: Final = 600.0
MAX_OPEN_LOGINS: Final = 200
MAX_WRONG_WORDS: Final = 5
_LINK_WAIT_S: Final = 25.0
_CLOSE_WAIT_S: Final = 1.0
_WORD_LIMIT: Final = 10**8
_MAX_LINK_CHARACTERS: Final = 8_000


class Connections(Protocol):
    """The connections to the servers at which people log in."""

    async def refresh(self, server: str, person: str) -> object:
        """Ask a server for its tools, as a person."""
        ...

    async def disconnect(self, server: str, person: str) -> None:
        """End a person's own connection, which holds what they logged in with."""
        ...


@dataclass(slots=True)
class _Open:
    """A login that was begun and has not ended."""

    person: str
    server: str
    link: asyncio.Future[str] = field(repr=False)
    code: asyncio.Future[Any] = field(repr=False)
    state: str = field(default="", repr=False)
    came_back: Any = field(default=None, repr=False)
    word: str = field(default="", repr=False)
    """What is shown in the browser after the login, and confirmed by the person in the chat: it
    proves that both are the same person."""
    wrong_words: int = 0
    task: asyncio.Task[None] | None = None


class Logins:
    """Implements `bot.skills.services.Logins`. `servers` are the addresses of the servers at which
    each person logs in by themselves, by name; `key` encrypts what is kept. `clients` are the ids
    and secrets by which some servers know this bot; at the others it registers itself. `peers` are
    the other processes on the same database; None where this one is alone.

    `callback_url`, where browsers come back to, is known once the HTTP port is open.
    """

    def __init__(
        self,
        database: Database,
        servers: Mapping[str, str],
        key: str | None = None,
        clients: Mapping[str, tuple[str, str]] | None = None,
        peers: Peers | None = None,
    ) -> None:
        self._clients = clients or {}
        self._database = database
        self._servers = servers
        self._key = key
        self._store: LoginStore | None = None
        self._open: list[_Open] = []
        self._loop = asyncio.get_running_loop()
        self.callback_url = ""
        self.described_at: str | None = None
        """Where servers can read what this client is; None where they cannot reach it."""
        self.connections: Connections | None = None
        self._elsewhere = LoginsElsewhere(peers, self)

    def reached_at(self, public_url: str | None, address: str) -> None:
        """Say where browsers and servers reach the HTTP port: by its public address, if it has one,
        else browsers of this machine alone."""
        self.callback_url = (public_url or address).rstrip("/") + CALLBACK_PATH
        self.described_at = public_url and public_url.rstrip("/") + CLIENT_PATH

    def __bool__(self) -> bool:
        return bool(self._servers)

    async def of_person(self, person: str) -> Sequence[str]:
        """Return the servers at which a person is logged in."""
        return await (await self._storage()).of_person(person) if self._usable else ()

    async def remove(self, person: str, server: str) -> bool:
        """Log a person out; returns False where they were not logged in."""
        self.give_up_here(person, server)
        gone = self._usable and await (await self._storage()).remove(server, person)
        await self._elsewhere.changed(person, server)
        if gone:
            await self.disconnect_here(person, server)
        return gone

    async def begin(self, person: str, server: str) -> str:
        """Begin a login and return the link at which the person goes on. Raises `NotFound`,
        `Refused` and `Failed`."""
        if server not in self._servers:
            raise NotFound(say("There is no server of that name at which you could log in."))
        if not self._usable or not self.callback_url:
            raise Failed(say("Logins are not set up here; whoever runs me can do that."))
        self.give_up_here(person, server)
        await self._elsewhere.begun(person, server)
        if len(self._open) >= MAX_OPEN_LOGINS:
            raise Refused(say("Too many logins are open just now; try again in a few minutes."))
        link, code = self._loop.create_future(), self._loop.create_future()
        begun = _Open(person, server, link, code)
        begun.task = asyncio.create_task(self._run(begun), name=f"login {server}")
        begun.task.add_done_callback(_retrieve)
        self._open.append(begun)
        first: list[asyncio.Future[Any]] = [begun.link, begun.task]
        await asyncio.wait(first, timeout=_LINK_WAIT_S, return_when=asyncio.FIRST_COMPLETED)
        if begun.link.done():
            return begun.link.result()
        begun.task.cancel()
        if begun.task.done() and not begun.task.cancelled() and begun.task.exception() is None:
            if server in await self.of_person(person):
                raise Refused(say("You are logged in to {name} already.", name=server))
            raise Refused(say("{name} wants no login.", name=server))
        raise Failed(say("{name} cannot be logged in to just now.", name=server))

    async def take_code(self, query: str) -> str:
        """Take what a browser comes back with, once; returns the word to be confirmed in the chat.
        Raises `NotFound` for what nobody waits for, and `Refused` where the login was refused."""
        word = await self.take_code_here(query)
        return await self._elsewhere.take_code(query) if word is None else word

    async def take_code_here(self, query: str) -> str | None:
        """The same of the logins that were begun here; None for another."""
        given = {name: values[0] for name, values in parse_qs(query).items()}
        state = given.get("state", "")
        begun = next((one for one in self._open if one.state and one.state == state), None)
        if begun is None:
            return None
        if begun.came_back is not None:
            raise NotFound(NO_SUCH_LOGIN)
        if not given.get("code"):
            self.give_up_here(begun.person, begun.server)
            raise Refused(LOGIN_REFUSED)
        module = await _load()
        begun.came_back = module.code_result(given["code"], state, given.get("iss"))
        number = secrets.randbelow(_WORD_LIMIT)
        begun.word = f"{number // 10_000:04}-{number % 10_000:04}"
        return begun.word

    async def description(self) -> dict[str, Any]:
        """What a server reads of this client. Raises `NotFound` where none can reach it."""
        if self.described_at is None:
            raise NotFound(say("There is nothing to read here."))
        described: dict[str, Any] = (await _load()).client_description(
            self.described_at, self._callback
        )
        return described

    async def confirm(self, person: str, word: str) -> str:
        """Finish a login with the word that its browser showed; returns the server's name. Raises
        `NotFound` and `Failed`."""
        server = await self.confirm_here(person, word)
        if server is None:
            server = await self._elsewhere.confirm(person, word, 2 * _LINK_WAIT_S)
        if server is None:
            raise NotFound(say("I do not wait for that number. Begin the login again."))
        return server

    async def confirm_here(self, person: str, word: str) -> str | None:
        """The same of the logins that were begun here; None, and a wrong word is counted, where it
        is of none."""
        theirs = [one for one in self._open if one.person == person and one.word]
        begun = next((one for one in theirs if secrets.compare_digest(one.word, word)), None)
        if begun is None or begun.task is None or begun.code.done():
            for one in theirs:
                one.wrong_words += 1
                if one.wrong_words >= MAX_WRONG_WORDS:
                    self.give_up_here(person, one.server)
            return None
        begun.code.set_result(begun.came_back)
        done, _ = await asyncio.wait([begun.task], timeout=_LINK_WAIT_S)
        if not done or begun.task.cancelled() or begun.task.exception() is not None:
            self.give_up_here(person, begun.server)
            raise LoginFailed(begun.server)
        await self._elsewhere.changed(person, begun.server)
        await self._tell(begun.server, person)
        return begun.server

    async def auth_of(self, server: str, person: str) -> httpx2.Auth | None:
        """What logs a person in to a server; None where they are not logged in there."""
        if server not in self._servers or not self._usable:
            return None
        store = await self._storage()
        if await store.get(server, person) is None:
            return None
        module = await _load()
        kept = await self._kept(server, person)
        login: httpx2.Auth = module.PersonLogin(
            self._servers[server], self._callback, kept, described_at=self.described_at
        )
        return login

    def forget(self, person: str) -> None:
        """Give up the open logins of a person who is forgotten, and end their connections; called
        in a thread."""
        asyncio.run_coroutine_threadsafe(self._forget(person), self._loop).result()

    async def _forget(self, person: str) -> None:
        self.give_up_here(person)
        for server in self._servers:
            await self.disconnect_here(person, server)

    async def aclose(self) -> None:
        """Give up all open logins."""
        tasks = [one.task for one in self._open if one.task is not None]
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks, timeout=_CLOSE_WAIT_S)

    @property
    def _usable(self) -> bool:
        return bool(self._servers) and self._key is not None

    @property
    def _callback(self) -> str:
        return self.callback_url or "http://localhost/mcp/callback"

    async def _storage(self) -> LoginStore:
        """Where logins are kept. Raises `ConfigError` if the key is none."""
        if self._store is None:
            sealed = await asyncio.to_thread(importlib.import_module, "bot.mcp.sealed")
            module = await asyncio.to_thread(importlib.import_module, "bot.mcp.login_store")
            self._store = module.LoginStore(self._database, sealed.Sealer(self._key or ""))
        return self._store

    async def _kept(self, server: str, person: str) -> Any:
        """What is kept of a person's login, as the SDK wants it."""
        module, store = await _load(), await self._storage()
        client = self._clients.get(server)
        given = None if client is None else module.GivenClient(*client)
        return module.PersonStore(store, server, person, given)

    async def _tell(self, server: str, person: str) -> None:
        """Have the server asked for its tools with what the person logged in with now."""
        if self.connections is not None:
            try:
                async with asyncio.timeout(_LINK_WAIT_S):
                    await self.connections.disconnect(server, person)
                    await self.connections.refresh(server, person)
            except (UserFacingError, TimeoutError):
                log.warning("mcp.not_listed_after_login", server=server, exc_info=True)

    def give_up_here(self, person: str, server: str | None = None) -> None:
        """Give up the logins of a person that were begun here, at one server or at all."""
        for one in self._open:
            if one.person == person and server in (None, one.server) and one.task is not None:
                one.task.cancel()

    async def disconnect_here(self, person: str, server: str) -> None:
        """End what is open here at a server for a person, with what they logged in with."""
        if self.connections is not None and server in self._servers:
            await self.connections.disconnect(server, person)

    async def _run(self, begun: _Open) -> None:
        """Own a login from its link to its end."""
        module = await _load()
        kept = await self._kept(begun.server, begun.person)
        url = self._servers[begun.server]

        async def show_link(link: str) -> None:
            parts = urlsplit(link)
            if parts.scheme not in ("http", "https") or len(link) > _MAX_LINK_CHARACTERS:
                raise ValueError("no-login-page")
            begun.state = parse_qs(parts.query)["state"][0]
            if not begun.link.done():
                begun.link.set_result(link)

        async def await_code() -> Any:
            return await begun.code

        login = module.PersonLogin(
            url, self._callback, kept, show_link, await_code, self.described_at
        )
        try:
            # The certificates of authorities are read from a file for it.
            client = await asyncio.to_thread(module.open_client, url, login)
            async with asyncio.timeout(LOGIN_LIFETIME_S), client:
                if not await module.log_in(client, url):
                    raise LoginFailed(begun.server)
        except (Exception, asyncio.CancelledError) as error:
            kept.closed = True
            if not isinstance(error, asyncio.CancelledError | UserFacingError):
                log.info("mcp.login_failed", server=begun.server, error=type(error).__name__)
            raise
        finally:
            if begun in self._open:
                self._open.remove(begun)


def _retrieve(task: asyncio.Task[None]) -> None:
    """Take a task's error, which was logged: nobody may be there to wait for it."""
    if not task.cancelled():
        task.exception()


async def _load() -> Any:
    return await asyncio.to_thread(importlib.import_module, "bot.mcp.oauth")
