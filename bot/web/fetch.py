"""Fetches pages that people name: every redirect is checked, size and time are bounded.

The connection goes to the address that was checked: name resolution and check are one step inside
the connector, so a name that changes its address in between gains nothing. The Host header and TLS
keep the name.
"""

from __future__ import annotations

import asyncio
import socket
import zlib
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Protocol

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult
from yarl import URL

from bot.catalogue.sentence import say
from bot.errors import Failed, Gone, Refused, UserFacingError
from bot.web.addresses import AddressPolicy, Lookup, lookup
from bot.web.decoding import Inflater
from bot.web.validators import NOTHING_KNOWN, Validators, read_validators

_REDIRECT_STATUSES = {301, 302, 303, 307, 308}
_GONE_STATUSES = {HTTPStatus.NOT_FOUND, HTTPStatus.GONE}
_MAX_URL_CHARACTERS = 2_000
_HEADERS: Mapping[str, str] = {
    "User-Agent": "Mozilla/5.0 (compatible; Parlance/0.1; page reader for one person's question)",
    "Accept": "text/html,application/xhtml+xml,text/markdown,text/plain,application/pdf,*/*;q=0.5",
    "Accept-Encoding": "gzip, deflate",
}


class FetchLimits(Protocol):
    """The section `fetch` of config.yaml."""

    @property
    def allow_hosts(self) -> tuple[str, ...]: ...

    @property
    def max_bytes(self) -> int: ...

    @property
    def timeout_s(self) -> float: ...

    @property
    def max_redirects(self) -> int: ...


@dataclass(frozen=True, slots=True)
class Fetched:
    """What a server sent, decompressed. `url` is where the redirects ended; `content_type` has no
    parameters; `charset` is the server's word for it. `unmodified`: nothing was sent, since the
    page is still the one that the validators are of."""

    data: bytes = field(repr=False)
    content_type: str
    url: str
    charset: str | None = None
    validators: Validators = NOTHING_KNOWN
    unmodified: bool = False


class Fetcher:
    """Fetches with a new session each time: no cookies, no kept connections, no proxies.

    `proxy` is an operator's own choice; the environment's is never used. With one, the address is
    checked here and the proxy connects by itself.
    """

    def __init__(
        self, limits: FetchLimits, *, proxy: str | None = None, lookup: Lookup = lookup
    ) -> None:
        self._limits = limits
        self._proxy = proxy
        self._policy = AddressPolicy(frozenset(limits.allow_hosts), lookup)

    async def fetch_bytes(
        self, url: str, *, max_bytes: int | None = None, known: Validators = NOTHING_KNOWN
    ) -> Fetched:
        """Fetch one page or file. `max_bytes` overrides the configured size, in bytes; with `known`
        it is only sent if it is another than the one that these validators are of.

        Raises `Refused` for what may not be fetched or is too large, `Failed` for what did not
        work, `Gone` for what is not there.
        """
        target = self._parse(url)
        limit = max_bytes or self._limits.max_bytes
        try:
            async with asyncio.timeout(self._limits.timeout_s), self._session() as session:
                return await self._follow(session, target, limit, known)
        except TimeoutError:
            raise Failed(
                say(
                    "{host} did not send the page within {seconds:g} s; try again later.",
                    host=_host(target),
                    seconds=self._limits.timeout_s,
                )
            ) from None

    async def addresses(self, url: str) -> Sequence[str]:
        """Return the addresses that another program may connect to for a URL, all of them checked
        as those of pages are. Raises `Refused` or `Failed`."""
        target = self._parse(url)
        return await self._policy.resolve((target.host or "").lower(), target.port or 443)

    async def _follow(
        self, session: aiohttp.ClientSession, url: URL, limit: int, known: Validators
    ) -> Fetched:
        for _ in range(self._limits.max_redirects + 1):
            await self._check(url)
            asked = known.request_headers(str(url))
            headers = {**_HEADERS, **asked}
            try:
                async with session.get(
                    url, allow_redirects=False, proxy=self._proxy, headers=headers
                ) as response:
                    if response.status == HTTPStatus.NOT_MODIFIED and asked:
                        return Fetched(b"", "", str(url), None, known, unmodified=True)
                    if response.status not in _REDIRECT_STATUSES:
                        return await self._take(response, url, limit)
                    url = self._parse(response.headers.get("Location", ""), base=url)
            except UserFacingError:
                raise
            except (aiohttp.ClientError, OSError, ValueError, zlib.error) as exc:
                raise _explain(exc, url) from exc
        raise Failed(
            say(
                "{host} redirects more than {number} times.",
                host=_host(url),
                number=self._limits.max_redirects,
            )
        )

    async def _take(self, response: aiohttp.ClientResponse, url: URL, limit: int) -> Fetched:
        if response.status in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN):
            raise Refused(say("{host} does not show this page without a login.", host=_host(url)))
        if response.status != HTTPStatus.OK:
            kind = Gone if response.status in _GONE_STATUSES else Failed
            raise kind(
                say(
                    "{host} answered {status}{phrase}.",
                    host=_host(url),
                    status=response.status,
                    phrase=_phrase(response.status),
                )
            )
        if (response.content_length or 0) > limit:
            raise _too_large(url, limit)
        inflater = Inflater(response.headers.get("Content-Encoding", ""))
        taken = bytearray()
        async for data in response.content.iter_any():
            for piece in inflater.feed(data):
                taken += piece
                if len(taken) > limit:
                    raise _too_large(url, limit)
        content_type = response.headers.get("Content-Type", "").partition(";")[0].strip().lower()
        validators = read_validators(str(url), response.headers)
        return Fetched(bytes(taken), content_type, str(url), response.charset, validators)

    def _parse(self, text: str, base: URL | None = None) -> URL:
        """A URL of a kind that is fetched. Raises `Refused`."""
        if len(text) > _MAX_URL_CHARACTERS:
            raise Refused(
                say(
                    "The URL is longer than {limit:,} characters.",
                    limit=_MAX_URL_CHARACTERS,
                )
            )
        try:
            url = URL(text.strip())
            if base is not None:
                url = base.join(url)
            host, port = url.host, url.port
        except ValueError:
            raise Refused(
                say("This is not a URL; write it like https://example.com/page.")
            ) from None
        if url.scheme not in ("http", "https"):
            raise Refused(
                say("Only http and https pages are fetched; write https://example.com/page.")
            )
        if not host or port is None:
            raise Refused(say("The URL names no host; write it like https://example.com/page."))
        if url.user is not None or url.password is not None:
            raise Refused(
                say("A URL with a user name or password in it is not fetched; leave it out.")
            )
        self._policy.check_port(host.lower(), port)
        return url.with_fragment(None)

    async def _check(self, url: URL) -> None:
        """Check what the connector will not resolve: a literal address, a name behind a proxy."""
        host, port = (url.host or "").lower(), url.port or 80
        if self._proxy is not None or ":" in host or host.replace(".", "").isdigit():
            await self._policy.resolve(host, port)

    @asynccontextmanager
    async def _session(self) -> AsyncIterator[aiohttp.ClientSession]:
        connector = aiohttp.TCPConnector(
            resolver=None if self._proxy else _CheckedResolver(self._policy),
            use_dns_cache=False,
            force_close=True,
            limit=2,
        )
        async with aiohttp.ClientSession(
            connector=connector,
            cookie_jar=aiohttp.DummyCookieJar(),
            auto_decompress=False,
            trust_env=False,
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=self._limits.timeout_s),
            max_line_size=16 * 1024,
            max_field_size=16 * 1024,
        ) as session:
            yield session


class _CheckedResolver(AbstractResolver):
    """Resolves a name for the connector, or refuses."""

    def __init__(self, policy: AddressPolicy) -> None:
        self._policy = policy

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        return [
            ResolveResult(
                hostname=host,
                host=address,
                port=port,
                family=socket.AF_INET6 if ":" in address else socket.AF_INET,
                proto=socket.IPPROTO_TCP,
                flags=socket.AI_NUMERICHOST,
            )
            for address in await self._policy.resolve(host.lower(), port)
        ]

    async def close(self) -> None:
        """Nothing is kept."""


def _host(url: URL) -> str:
    """The host alone: paths and queries can hold what should not be repeated."""
    return (url.host or "The server")[:100]


def _phrase(status: int) -> str:
    try:
        return f" ({HTTPStatus(status).phrase})"
    except ValueError:
        return ""


def _too_large(url: URL, limit: int) -> Refused:
    size = f"{limit / 1024**2:.1f} MB" if limit >= 1024**2 else f"{limit:,} bytes"
    return Refused(
        say(
            "The page at {host} is larger than {size}, which is the limit.",
            host=_host(url),
            size=size,
        )
    )


def _explain(exc: Exception, url: URL) -> UserFacingError:
    site = _host(url)
    if isinstance(exc, aiohttp.ClientConnectorCertificateError):
        return Failed(say("{site} shows a certificate that cannot be trusted.", site=site))
    if isinstance(exc, aiohttp.ClientConnectorSSLError):
        return Failed(say("{site} does not speak TLS properly.", site=site))
    if isinstance(exc, aiohttp.ClientConnectorError):
        return Failed(
            say("{site} cannot be reached; check the address or try again later.", site=site)
        )
    if isinstance(exc, zlib.error):
        return Failed(say("{site} sent a page that is damaged.", site=site))
    if isinstance(exc, ValueError) and not isinstance(exc, aiohttp.InvalidURL):
        return Failed(say("{site} sent a page in a form that cannot be read.", site=site))
    return Failed(say("{site} broke off while sending the page; try again later.", site=site))
