"""Logs people in to servers of tools, by OAuth 2.1: each by themselves, with a link of their own.

Imported only where a server wants logins.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from http import HTTPStatus
from typing import Any, Final

import httpx2
from mcp.client.auth import OAuthClientProvider
from mcp.shared.auth import (
    AuthorizationCodeResult,
    OAuthClientInformationFull,
    OAuthClientMetadata,
    OAuthMetadata,
    OAuthToken,
    ProtectedResourceMetadata,
)
from pydantic import AnyUrl, BaseModel

from bot.mcp.endpoint import open_client
from bot.mcp.login_store import GivenClient, LoginStore

__all__ = [
    "GivenClient",
    "LoginExpired",
    "PersonLogin",
    "PersonStore",
    "client_description",
    "code_result",
    "log_in",
    "open_client",
]

CLOCKS_APART_S: Final = 120
"""How much earlier than it ends a token is exchanged: clocks of machines differ, and so may those
of processes that share a login."""
_PING: Final = {"jsonrpc": "2.0", "id": 1, "method": "ping"}
_HEADERS: Final = {
    "accept": "application/json, text/event-stream",
    "mcp-protocol-version": "2025-11-25",
}


class LoginExpired(httpx2.RequestError):
    """A server does not take a person's login any more: they must log in again."""


ShowLink = Callable[[str], Awaitable[None]]
AwaitCode = Callable[[], Awaitable[AuthorizationCodeResult]]


class PersonLogin(OAuthClientProvider):
    """What logs one person in to one server. It is an `httpx2.Auth`.

    Besides the tokens it keeps when they end and where they are renewed, which the SDK forgets at
    the end of the process.
    """

    def __init__(
        self,
        url: str,
        callback_url: str,
        store: PersonStore,
        show_link: ShowLink | None = None,
        await_code: AwaitCode | None = None,
        described_at: str | None = None,
    ) -> None:
        """Without `show_link` nobody is asked: a login that has ended is a `LoginExpired`.
        `described_at` is the address of `client_description`, where servers can read it."""
        metadata = _client_metadata(callback_url)
        super().__init__(
            url, metadata, store, show_link or _expired, await_code or _no_code, described_at
        )
        store.context = self.context
        self._store = store

    async def _initialize(self) -> None:
        await super()._initialize()
        kept = await self._store.kept()
        self.context.token_expiry_time = kept.get("ends_at")
        if (metadata := kept.get("metadata")) is not None:
            self.context.oauth_metadata = OAuthMetadata.model_validate(metadata)
        if (resource := kept.get("resource")) is not None:
            found = ProtectedResourceMetadata.model_validate(resource)
            self.context.protected_resource_metadata = found
            if found.authorization_servers:
                self.context.auth_server_url = str(found.authorization_servers[0])

    async def _exchange_token_authorization_code(
        self, auth_code: str, code_verifier: str
    ) -> httpx2.Request:
        self._choose_method()
        return await super()._exchange_token_authorization_code(auth_code, code_verifier)

    async def _refresh_token(self) -> httpx2.Request:
        self._choose_method()
        return await super()._refresh_token()

    def _choose_method(self) -> None:
        """Have a client that the operator registered show its secret as the server wants it."""
        client, server = self.context.client_info, self.context.oauth_metadata
        if client is not None and client.client_secret and self._store.is_given:
            offered = server.token_endpoint_auth_methods_supported if server is not None else None
            only_post = offered is not None and "client_secret_basic" not in offered
            client.token_endpoint_auth_method = (
                "client_secret_post" if only_post else "client_secret_basic"
            )


def _end_of(lifetime_s: int) -> float:
    """When a token that lives so long is exchanged: before it ends, also by the clock of another
    machine."""
    return time.time() + max(lifetime_s - CLOCKS_APART_S, lifetime_s / 2)


class PersonStore:
    """Implements the SDK's `TokenStorage` for one person and server. The registration of this
    client is kept with the tokens: without them it is worth nothing."""

    def __init__(
        self, store: LoginStore, server: str, person: str, given: GivenClient | None = None
    ) -> None:
        """`given` is this client as the operator has registered it; else it registers itself."""
        self._given = given
        self._store = store
        self._server = server
        self._person = person
        self.context: Any = None
        self.closed = False
        """Set when nothing more may be kept: the login was given up, or the person is forgotten."""

    @property
    def is_given(self) -> bool:
        """Whether the operator registered this client."""
        return self._given is not None

    async def kept(self) -> dict[str, Any]:
        """What is kept of the login."""
        return await self._store.get(self._server, self._person) or {}

    async def get_tokens(self) -> OAuthToken | None:
        tokens = (await self.kept()).get("tokens")
        return None if tokens is None else OAuthToken.model_validate(tokens)

    async def set_tokens(self, tokens: OAuthToken) -> None:
        if self.closed:
            return
        context = self.context
        value = {
            "tokens": tokens.model_dump(mode="json"),
            "client": _dumped(context.client_info),
            "metadata": _dumped(context.oauth_metadata),
            "resource": _dumped(context.protected_resource_metadata),
            "ends_at": None if tokens.expires_in is None else _end_of(tokens.expires_in),
        }
        await self._store.put(self._server, self._person, value)

    async def get_client_info(self) -> OAuthClientInformationFull | None:
        if self._given is not None:
            return OAuthClientInformationFull(
                client_id=self._given.id,
                client_secret=self._given.secret or None,
                redirect_uris=None,
                token_endpoint_auth_method="none",
            )
        client = (await self.kept()).get("client")
        return None if client is None else OAuthClientInformationFull.model_validate(client)

    async def set_client_info(self, client_info: OAuthClientInformationFull) -> None:
        """Nothing: it is kept with the tokens."""


async def log_in(client: httpx2.AsyncClient, url: str) -> bool:
    """Ask a server for something, so that it wants a login; False if it answers without one."""
    response = await client.post(url, json=_PING, headers=_HEADERS)
    return response.status_code not in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN)


def client_description(described_at: str, callback_url: str) -> dict[str, Any]:
    """What a server reads of this client at an address, instead of having it register."""
    metadata = _client_metadata(callback_url).model_dump(mode="json", exclude_none=True)
    return {"client_id": described_at, **metadata}


def _client_metadata(callback_url: str) -> OAuthClientMetadata:
    return OAuthClientMetadata(
        client_name="Parlance",
        redirect_uris=[AnyUrl(callback_url)],
        grant_types=["authorization_code", "refresh_token"],
        response_types=["code"],
        token_endpoint_auth_method="none",
    )


def code_result(code: str, state: str, iss: str | None) -> AuthorizationCodeResult:
    """What came back from a login."""
    return AuthorizationCodeResult(code=code, state=state, iss=iss)


async def _expired(link: str) -> None:
    raise LoginExpired("the login has ended")


async def _no_code() -> AuthorizationCodeResult:
    raise LoginExpired("the login has ended")


def _dumped(value: BaseModel | None) -> dict[str, Any] | None:
    return None if value is None else value.model_dump(mode="json", exclude_none=True)
