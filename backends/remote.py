"""Shared parts of engines behind an address: parsing it, and time limits."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable
from dataclasses import dataclass
from typing import Annotated, TypeVar
from urllib.parse import unquote, urlsplit, urlunsplit

from pydantic import AfterValidator, Field

from backends.base import EngineContext, EngineOptions
from backends.errors import BackendTimeout, DeadlineExceeded
from backends.pool.spec import Seconds

METADATA_TIMEOUT_S = 5.0
"""Patience with questions that need no model."""
MAX_PARALLEL_REQUESTS = 1_024
"""To one server, whatever it or the operator says."""

T = TypeVar("T")
E = TypeVar("E", bound=Exception)


@dataclass(frozen=True, slots=True)
class Address:
    """The address of a server; neither field holds credentials.

    `display_name` is shown to people.
    """

    url: str
    display_name: str
    login: tuple[str, str] | None = None

    @classmethod
    def parse(cls, url: str) -> Address:
        """Parse an http(s) address.

        Raises `ValueError`, without repeating the text, if it is none.
        """
        try:
            parts = urlsplit(url)
            port = parts.port
        except ValueError:
            raise ValueError("not an address that can be read") from None
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError("write an address such as http://127.0.0.1:8080")
        if parts.query or parts.fragment:
            raise ValueError("an address without ? and # is wanted; keys go into api_key_env")
        host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
        place = host if port is None else f"{host}:{port}"
        login = None
        if parts.username is not None:
            login = (unquote(parts.username), unquote(parts.password or ""))
        clean = urlunsplit((parts.scheme, place, parts.path.rstrip("/"), "", ""))
        return cls(clean, f"{parts.scheme}://{place}", login)

    def __repr__(self) -> str:
        return f"Address({self.display_name!r})"


def _check_url(url: str) -> str:
    Address.parse(url)
    return url


Url = Annotated[str, AfterValidator(_check_url)]
"""An http(s) address; a field of it wants `repr=False`, since it may hold credentials."""


class RemoteOptions(EngineOptions):
    """Keys of every engine that is a server. Times in seconds or as `5m`.

    `api_key_env` names the environment variable that holds the key. `first_byte_s` limits the wait
    for the first part of an answer (the server may load the model first), `silence_s` that between
    parts.
    """

    model_config = EngineOptions.model_config | {"hide_input_in_errors": True}

    api_key_env: str | None = Field(default=None, pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")
    first_byte_s: Annotated[Seconds, Field(gt=0)] = 300.0
    silence_s: Annotated[Seconds, Field(gt=0)] = 60.0
    connect_s: Annotated[Seconds, Field(gt=0)] = 5.0

    def server(self) -> str | None:
        url, model = (getattr(self, key, None) for key in ("url", "model"))
        return None if url is None else f"{Address.parse(url).url} {model or ''}"

    def read_key(self, context: EngineContext) -> str | None:
        """Return the server's key; None if it needs none."""
        return context.secret(self.api_key_env) if self.api_key_env else None


def deadline_at(deadline_s: float | None) -> float:
    """Return when a deadline that starts now passes, on the clock of `time.monotonic`."""
    return float("inf") if deadline_s is None else time.monotonic() + deadline_s


async def wait_bounded(awaited: Awaitable[T], limit_s: float, ends: float, source: str) -> T:
    """Await something for at most `limit_s` seconds, and not beyond the time `ends`.

    Raises `BackendTimeout`, naming `source`, or `DeadlineExceeded`, whichever comes first.
    """
    left = ends - time.monotonic()
    try:
        async with asyncio.timeout(max(0.0, min(limit_s, left))):
            return await awaited
    except TimeoutError:
        if time.monotonic() >= ends or left <= limit_s:
            raise DeadlineExceeded("The answer was not complete in time.") from None
        raise BackendTimeout(f"{source} said nothing for {limit_s:.0f} s.") from None


async def watch_stream(
    stream: AsyncIterator[T], *, first_s: float, between_s: float, ends: float, source: str
) -> AsyncGenerator[T, None]:
    """Yield the items of a stream; raise if it is silent for too long (see `wait_bounded`).

    Always closes the stream.
    """
    limit_s = first_s
    try:
        while True:
            try:
                item = await wait_bounded(anext(stream), limit_s, ends, source)
            except StopAsyncIteration:
                return
            limit_s = between_s
            yield item
    finally:
        close = getattr(stream, "aclose", None) or getattr(stream, "close", None)
        if close is not None:
            await close()


def shorten_to_line(text: str, most: int = 160) -> str:
    """Return a server's message on one line of at most `most` characters."""
    flat = " ".join(text.split())
    return flat if len(flat) <= most else flat[: most - 1] + "…"


def hide_secrets(error: E, *secrets: str | None) -> E:
    """Return the error without the secrets that a server repeated in its words."""
    for secret in filter(None, secrets):
        error.args = tuple(
            each.replace(secret, "…") if isinstance(each, str) else each for each in error.args
        )
    return error
