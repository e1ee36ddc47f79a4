"""Where MCP clients come in over HTTP: it is checked who they are before anything is read."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Any, Final
from urllib.parse import urlsplit

import structlog
from mcp.server.auth.middleware.bearer_auth import AuthenticatedUser
from mcp.server.auth.provider import AccessToken
from mcp.server.streamable_http_manager import StreamableHTTPSessionManager
from mcp_types.version import HANDSHAKE_PROTOCOL_VERSIONS

from bot.http.messages import ASGIApp, Message, Receive, Request, Response, Send, respond
from bot.mcp.tokens import Holder, PersonalTokens
from bot.mcp.wrong_tokens import WrongTokens
from bot.sign_in.digest import digest_of
from bot.types import ConversationKey

log = structlog.get_logger(__name__)

MCP_PATH: Final = "/mcp"
METADATA_PATH: Final = "/.well-known/oauth-protected-resource"
MAX_SESSIONS_PER_PERSON: Final = 16
MAX_REQUESTS_PER_PERSON: Final = 32
"""Requests of one person that are answered at once, streams that stay open included."""
_HOLDER: Final = "parlance.holder"
_LOOPBACK: Final = frozenset({"127.0.0.1", "localhost", "::1"})
_MAX_HOST_CHARACTERS: Final = 300


class McpPort:
    """The part of the HTTP port that serves MCP; `run` must be entered while it does.

    `make_sessions` makes what answers those who are let in; it asks `holder_of` who they are.
    `public_url` is where others reach the port. A request is let in by the name that it was sent
    to (a page in somebody's browser may send one to this machine by another name), then by its
    token; only then is its body read.
    """

    def __init__(
        self,
        tokens: PersonalTokens,
        make_sessions: Callable[[], StreamableHTTPSessionManager],
        *,
        host: str = "127.0.0.1",
        public_url: str | None = None,
    ) -> None:
        self._tokens = tokens
        self._public_url = (public_url or "").rstrip("/")
        named = {host.lower(), (urlsplit(self._public_url).hostname or "").lower()}
        self._names = _LOOPBACK | (named - {"", "0.0.0.0", "::"})
        self._wrong = WrongTokens()
        self._open: Counter[str] = Counter()
        self._make_sessions = make_sessions
        self._sessions: StreamableHTTPSessionManager | None = None

    @property
    def parts(self) -> Mapping[str, ASGIApp]:
        """What is mounted on the HTTP port, by path."""
        return {MCP_PATH: self._serve, METADATA_PATH: self._describe}

    @asynccontextmanager
    async def run(self) -> AsyncIterator[None]:
        """Serve for the length of a block."""
        ready = asyncio.Event()
        owner = asyncio.create_task(self._keep_sessions(ready), name="mcp sessions")
        try:
            await ready.wait()
            yield
        finally:
            owner.cancel()
            await asyncio.wait([owner])

    async def _keep_sessions(self, ready: asyncio.Event) -> None:
        """Own the tasks of all sessions, which must begin and end in one task."""
        sessions = self._make_sessions()
        try:
            async with sessions.run():
                self._sessions = sessions
                ready.set()
                await asyncio.Event().wait()
        finally:
            self._sessions = None

    async def _describe(self, scope: Message, receive: Receive, send: Send) -> None:
        """Say what a client needs to come in: a token that is made with /connect."""
        request = Request(scope, receive)
        if scope["path"] not in (METADATA_PATH, METADATA_PATH + MCP_PATH):
            await respond(send, Response(404))
        elif not self._knows_host(request, scope):
            await respond(send, Response(421))
        elif scope["method"] not in ("GET", "HEAD"):
            await respond(send, Response(405, headers={"allow": "GET"}))
        else:
            said = {
                "resource": self._base(request) + MCP_PATH,
                "resource_name": "Parlance",
                "bearer_methods_supported": ["header"],
            }
            await respond(send, _json(200, said))

    async def _serve(self, scope: Message, receive: Receive, send: Send) -> None:
        request, sessions = Request(scope, receive), self._sessions
        if scope["path"] != MCP_PATH:
            await respond(send, Response(404))
        elif not self._knows_host(request, scope):
            await respond(send, Response(421))
        elif not self._knows_origin(request, scope):
            await respond(send, Response(403))
        elif sessions is None:
            await respond(send, Response(503, headers={"retry-after": "5"}))
        elif isinstance(found := await self._holder(request, scope), Response):
            await respond(send, found)
        else:
            await self._serve_person(sessions, found, scope, receive, send)

    async def _serve_person(
        self,
        sessions: StreamableHTTPSessionManager,
        holder: Holder,
        scope: Message,
        receive: Receive,
        send: Send,
    ) -> None:
        person = holder.person
        if self._open[person] >= MAX_REQUESTS_PER_PERSON:
            await respond(send, Response(429, headers={"retry-after": "10"}))
            return
        if _opens_session(scope):
            await _make_room(sessions, person)
        # The SDK lets nobody but its owner use a session.
        owner = AccessToken(token=holder.digest, client_id=person, scopes=[], subject=person)
        self._open[person] += 1
        try:
            inner = {**scope, _HOLDER: holder, "user": AuthenticatedUser(owner)}
            await sessions.asgi_app(inner, receive, send)
        finally:
            self._open[person] -= 1
            if not self._open[person]:
                del self._open[person]

    # --- who is let in ------------------------------------------------------------------------

    async def _holder(self, request: Request, scope: Message) -> Holder | Response:
        """Whose token it came with, or why it is refused."""
        kind, _, token = request.header("authorization").partition(" ")
        token = token.strip()
        if kind.lower() != "bearer" or not token:
            return self._unauthorized(request, "")
        address, digest = (scope.get("client") or ("", 0))[0], digest_of(token)
        if wait_s := self._wrong.wait_s(address, digest):
            return Response(429, headers={"retry-after": str(int(wait_s) + 1)})
        holder = await self._tokens.find(token)
        if holder is None:
            self._wrong.was_wrong(address)
            log.info("mcp.token_refused", address=address)
            return self._unauthorized(request, "invalid_token")
        self._wrong.was_right(digest)
        return holder

    def _unauthorized(self, request: Request, error: str) -> Response:
        metadata = f'resource_metadata="{self._base(request)}{METADATA_PATH}{MCP_PATH}"'
        challenge = f'Bearer error="{error}", {metadata}' if error else f"Bearer {metadata}"
        said = {"error": error or "unauthorized", "error_description": "Make a token: /connect"}
        response = _json(401, said)
        return Response(401, response.body, {**response.headers, "www-authenticate": challenge})

    def _knows_host(self, request: Request, scope: Message) -> bool:
        return self._is_ours(_host_name(request.header("host")), scope)

    def _knows_origin(self, request: Request, scope: Message) -> bool:
        """Whether no page of another site sent it."""
        if not (origin := request.header("origin")):
            return True
        scheme, _, host = origin.partition("://")
        return scheme in ("http", "https") and self._is_ours(_host_name(host), scope)

    def _is_ours(self, name: str, scope: Message) -> bool:
        """Whether a name is this machine's: one of those known, or the address it came to."""
        return name in self._names or (name != "" and name == (scope.get("server") or [""])[0])

    def _base(self, request: Request) -> str:
        """The address at which a client reaches the port; its `Host` is known by now."""
        return self._public_url or f"http://{request.header('host')}"


def _opens_session(scope: Message) -> bool:
    """Whether a request can open a session: later versions of the protocol have none."""
    headers = dict(scope["headers"])
    era = headers.get(b"mcp-protocol-version")
    known = era is None or era.decode("latin-1") in HANDSHAKE_PROTOCOL_VERSIONS
    return known and b"mcp-session-id" not in headers


async def _make_room(sessions: StreamableHTTPSessionManager, person: str) -> None:
    """End the oldest sessions of a person who has as many as one may have: most programs leave
    theirs open, and begin another one when it is gone."""
    # The SDK offers no other way than what is its own.
    owners = sessions._session_owners.items()
    theirs = [session for session, owner in owners if owner["subject"] == person]
    for session in theirs[: max(0, len(theirs) + 1 - MAX_SESSIONS_PER_PERSON)]:
        transport = sessions._server_instances[session]
        await sessions._discard_session(session, transport)


def holder_of(request: Any) -> tuple[str, ConversationKey]:
    """Whose request it is, of those that were let in, and where they are asked for."""
    holder: Holder = request.scope[_HOLDER]
    return holder.person, holder.place


def _host_name(host: str) -> str:
    """The name in `name:port`, in small letters; empty for what is none."""
    try:
        parts = urlsplit(f"//{host[:_MAX_HOST_CHARACTERS]}")
        parts.port  # noqa: B018  # raises for what is no number
    except ValueError:
        return ""
    whole = parts.netloc == host and not parts.username
    return (parts.hostname or "") if whole else ""


def _json(status: int, value: object) -> Response:
    return Response(status, json.dumps(value).encode(), {"content-type": "application/json"})
