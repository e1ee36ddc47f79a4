"""The client of an Ollama server, and the download of a model through it."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass

import httpx
import ollama

from backends.bounded_http import http_options
from backends.ollama.errors import CLIENT_ERRORS, translate_error
from backends.remote import Address, watch_stream


@dataclass(frozen=True, slots=True)
class PullProgress:
    """How far a download is: bytes done and bytes in all, 0 where the server does not say."""

    status: str
    completed: int = 0
    total: int = 0


async def pull_model(
    name: str, url: str = "http://127.0.0.1:11434", api_key: str | None = None
) -> AsyncGenerator[PullProgress, None]:
    """Make a server download a model of its library, and yield the progress.

    Closing the generator stops it. Raises a `BackendError`.
    """
    source = f"The Ollama server at {Address.parse(url).display_name}"
    client = create_client(url, api_key, 5.0)
    try:
        parts = await client.pull(name, stream=True)
        heard = watch_stream(parts, first_s=60.0, between_s=120.0, ends=float("inf"), source=source)
        async with aclosing(heard):
            async for part in heard:
                yield PullProgress(part.status or "", part.completed or 0, part.total or 0)
    except CLIENT_ERRORS as error:
        raise translate_error(error, source, name, pulling=True) from error
    finally:
        await close_client(client)


def create_client(url: str, api_key: str | None, connect_s: float) -> ollama.AsyncClient:
    """Return a client without retries or proxy, and with our own timeouts only."""
    address = Address.parse(url)
    timeout = httpx.Timeout(None, connect=connect_s)
    options = http_options(address.url, timeout=timeout, headers=authorization(api_key))
    return ollama.AsyncClient(host=address.url, auth=address.login, **options)


def authorization(api_key: str | None) -> dict[str, str]:
    return {"Authorization": f"Bearer {api_key}"} if api_key else {}


async def close_client(client: ollama.AsyncClient) -> None:
    await client.close()  # type: ignore[no-untyped-call]  # the client's own is not annotated
