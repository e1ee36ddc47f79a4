"""Opens what a running bot is reached by: the control socket, and the HTTP port if needed."""

from __future__ import annotations

import asyncio
import importlib
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
import structlog
from prometheus_client import CONTENT_TYPE_LATEST

from bot.adapters.protocol import Adapter
from bot.adapters.supervisor import READY_STATES, describe_platform
from bot.app import App
from bot.background import background
from bot.config.platforms import TerminalSettings
from bot.control.protocol import BUG_REPORT, CONSOLE_LINK, OFFER_WORD, WITHDRAW_WORD, WORD_STATE
from bot.control.server import Command, serve_control
from bot.doctor import run_checks
from bot.errors import StorageError
from bot.http.messages import ASGIApp, Message, Receive, Request, Response, Send, endpoint
from bot.http.port import HttpPort, local_address
from bot.http.routes import Routes
from bot.mcp.login_page import client_page, login_page
from bot.mcp.logins import CALLBACK_PATH, CLIENT_PATH
from bot.mcp.tokens import PersonalTokens
from bot.model_changes import take_models
from bot.settings.admin_word import AdminWord
from bot.sign_in.service import CONSOLE_PATH
from bot.sign_in.sessions import any_session
from bot.status import answer_others, describe_process, now, report
from bot.storage.database import Database

log = structlog.get_logger(__name__)

LIVE_PATHS = ("/healthz", "/health")
"""Where the HTTP port says that the process lives."""
READY_PATHS = ("/readyz", "/ready")
"""Where it says whether the bot can serve."""
_DATABASE_TIMEOUT_S = 2.0
"""Time for the database to answer whoever asks whether the bot is ready."""


@dataclass(frozen=True, slots=True)
class Ports:
    """What was opened; `http` is the address of the HTTP port, None if there is none."""

    http: str | None


@asynccontextmanager
async def open_ports(
    app: App,
    adapters: Sequence[Adapter],
    stop: Callable[[], None],
    *,
    serve_mcp: bool = False,
) -> AsyncIterator[Ports]:
    """Let commands of the same user ask the app, and `stop` it; serve HTTP if it is configured.

    `adapters` are those that the app serves. With `serve_mcp` MCP is served whatever config.yaml
    says. Raises `ConfigError` if the HTTP port is taken.
    """
    since = now()

    async def status() -> dict[str, Any]:
        return await report(app, adapters, since)

    async def doctor() -> dict[str, Any]:
        return {**describe_process(app, since), "rows": await run_checks(app)}

    async def models() -> dict[str, Any]:
        return await take_models(app)

    async def bug_report() -> dict[str, Any]:
        module = await asyncio.to_thread(importlib.import_module, "bot.bug_report.report")
        return {"text": await module.make_report(app, adapters, since)}

    answer_others(app, adapters)
    words = _word_commands(app.core.policy.admin_word)
    commands: dict[str, Command] = {
        "status": status, "doctor": doctor, "models": models, BUG_REPORT: bug_report, **words
    }  # fmt: skip
    config = app.installation.config
    routes = _routes(app, adapters)
    port = HttpPort(routes, config.http.host, config.http.port)

    async def console_link() -> dict[str, Any]:
        operator = config.section(TerminalSettings)
        return {"link": await app.sign_in.operator_link(operator.person, operator.place)}

    if config.console.enabled:
        commands[CONSOLE_LINK] = console_link
    console = None
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(port)
        if config.console.enabled:
            console = _LateConsole(app, adapters, since, port)
            app.sign_in.open, app.sign_in.close = console.open, console.close
            app.sign_in.drop = console.drop
            stack.push_async_callback(console.close)
            await stack.enter_async_context(background(console.open_again(), "console"))
        await stack.enter_async_context(serve_control(config.data_dir, commands, stop))
        address = None
        logins = app.logins
        if logins:
            routes.mount(CALLBACK_PATH, login_page(logins))
            routes.mount(CLIENT_PATH, client_page(logins))
        mcp = await _mount_mcp(routes, app) if serve_mcp or config.mcp.serve else None
        needed = bool(routes) or config.http.port is not None
        _mount_health(routes, app, adapters)
        _mount_console(routes, console)
        if needed:
            address = await port.open()
            logins.reached_at(config.http.public_url, address)
        if mcp is not None:
            await stack.enter_async_context(mcp)  # its streams end before the server waits for them
        if config.metrics.enabled:
            await stack.enter_async_context(background(app.metrics.watch_loop(), "event loop lag"))
        yield Ports(address)


class _LateConsole:
    """Serves the console from the first link or request on: importing it takes longer than a start
    may. A link may have been made by another process of the bot."""

    def __init__(self, app: App, adapters: Sequence[Adapter], since: str, port: HttpPort) -> None:
        self._app = app
        self._adapters = adapters
        self._since = since
        self._port = port
        self._opening = asyncio.Lock()
        self._console: Any = None

    async def open(self) -> str:
        """Serve it if it is not served yet; returns where this machine reaches the port."""
        async with self._opening:
            if self._console is None:
                module = await asyncio.to_thread(importlib.import_module, "bot.console.console")
                console = await asyncio.to_thread(
                    module.Console, self._app, self._adapters, self._since
                )
                await console.open()
                self._console = console
        return local_address(await self._port.open(anywhere=True))

    async def part(self, scope: Message, receive: Receive, send: Send) -> None:
        """Answer a request; an ASGI app."""
        if self._console is None:
            await self.open()
        await self._console.part(scope, receive, send)

    async def open_again(self) -> None:
        """Serve it if somebody is still signed in since before a restart, or comes in without a
        link."""
        by_proxy = self._app.installation.config.console.proxy.header
        if by_proxy or await any_session(self._app.database):
            await self.open()

    def drop(self, person: str) -> None:
        """Give up what it has in memory of somebody; may be called in any thread."""
        if self._console is not None:
            self._console.drop(person)

    async def close(self) -> None:
        """End what is open: browsers keep streams for ever."""
        if self._console is not None:
            await self._console.close()


def _word_commands(word: AdminWord | None) -> Mapping[str, Command]:
    """How `parlance setup` has a running bot listen for the word that makes an admin."""
    if word is None:
        return {}

    async def offer() -> dict[str, Any]:
        return {"word": await word.offer()}

    async def state() -> dict[str, Any]:
        return {"open": await word.is_open(), "heard_from": await word.heard_from()}

    return {
        OFFER_WORD: offer,
        WORD_STATE: state,
        WITHDRAW_WORD: word.withdraw,
    }


def _routes(app: App, adapters: Sequence[Adapter]) -> Routes:
    """What is to be reached over HTTP."""
    routes = Routes()
    for adapter in adapters:
        parts: Mapping[str, ASGIApp] = getattr(adapter, "routes", {})  # only some have any
        for path, part in parts.items():
            routes.mount(path, part)

    async def metrics(_: Request) -> Response:
        return Response(
            body=await app.metrics.text(), headers={"content-type": CONTENT_TYPE_LATEST}
        )

    if app.installation.config.metrics.enabled:
        routes.mount("/metrics", endpoint("GET", metrics))
    return routes


async def _mount_mcp(routes: Routes, app: App) -> AbstractAsyncContextManager[None]:
    """Mount what MCP clients ask; returns what must be entered while it is served."""
    served = await asyncio.to_thread(importlib.import_module, "bot.mcp.server")
    module = await asyncio.to_thread(importlib.import_module, "bot.mcp.server_port")
    http = app.installation.config.http
    server = served.McpServer(app.core, module.holder_of)
    port = module.McpPort(
        PersonalTokens(app.database),
        server.session_manager,
        host=http.host,
        public_url=http.public_url,
    )
    for path, part in port.parts.items():
        routes.mount(path, part)
    running: AbstractAsyncContextManager[None] = port.run()
    return running


def _mount_health(routes: Routes, app: App, adapters: Sequence[Adapter]) -> None:
    """Mount what orchestrators and balancers ask."""

    async def alive(_: Request) -> Response:
        return _json(well=True)  # the event loop turns, or nobody would answer

    async def ready(_: Request) -> Response:
        states = {describe_platform(adapter, app.platforms)["state"] for adapter in adapters}
        well = states <= READY_STATES  # where there is no platform, none is waited for
        return _json(well=well and not app.draining.is_set() and await _reads(app.database))

    for path in LIVE_PATHS:
        routes.mount(path, endpoint("GET", alive))
    for path in READY_PATHS:
        routes.mount(path, endpoint("GET", ready))


def _mount_console(routes: Routes, console: _LateConsole | None) -> None:
    """Mount the console, if there is to be one: a link of another process may be followed here."""
    if console is not None:
        routes.mount(CONSOLE_PATH, console.part)


async def _reads(database: Database) -> bool:
    """Whether the database answers."""
    try:
        async with asyncio.timeout(_DATABASE_TIMEOUT_S), database.read() as connection:
            await connection.execute(sa.select(1))
    except (StorageError, TimeoutError) as error:
        log.warning("http.not_ready", reason=str(error) or "the database does not answer")
        return False
    return True


def _json(*, well: bool) -> Response:
    body = b'{"ok": true}' if well else b'{"ok": false}'
    return Response(200 if well else 503, body, {"content-type": "application/json"})
