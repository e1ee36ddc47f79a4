"""Lists the files of a Hugging Face repository, so that one of them can be chosen."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Iterator, Sequence
from typing import Any

import httpx

from backends.errors import ModelFetchError
from backends.files.fetch_hub import hub_access, refuse_answer, unreachable
from backends.files.fetch_url import create_http_client
from backends.files.gguf_choice import HubFile

_MAX_PAGES = 20
_MAX_PAGE_BYTES = 16 * 2**20
_REACHABLE_TIMEOUT_S = 3.0
_NEXT = re.compile(r'<([^<>]{1,2000})>;\s{0,4}rel="next"')


async def list_repository(repository: str, revision: str = "main") -> Sequence[HubFile]:
    """Return the files of a repository at a branch, tag or commit, with their sizes.

    Raises `ModelFetchError` with one sentence that says why there is no list.
    """
    endpoint, headers = await asyncio.to_thread(hub_access)
    url = f"{endpoint}/api/models/{repository}/tree/{revision}?recursive=true"
    files: list[HubFile] = []
    async with create_http_client(headers) as http:
        for _ in range(_MAX_PAGES):
            try:
                page, url = await _page(http, url, repository, revision)
            except httpx.HTTPError:
                raise unreachable(repository) from None
            files += page
            if not url:
                break
    return files


async def is_reachable() -> bool:
    """Return whether the hub answers at all, within a few seconds."""
    endpoint, _ = await asyncio.to_thread(hub_access)
    try:
        async with asyncio.timeout(_REACHABLE_TIMEOUT_S), create_http_client() as http:
            await http.head(endpoint, follow_redirects=False)
    except (httpx.HTTPError, httpx.InvalidURL, TimeoutError):
        return False
    return True


async def _page(
    http: httpx.AsyncClient, url: str, repository: str, revision: str
) -> tuple[list[HubFile], str]:
    """Return the files of one page, and the address of the next, "" after the last."""
    async with http.stream("GET", url) as answer:
        refuse_answer(repository, repository, revision, answer)
        body = bytearray()
        async for piece in answer.aiter_raw():
            body += piece
            if len(body) > _MAX_PAGE_BYTES:
                raise ModelFetchError(f"The list of files of {repository} is too long.")
        following = _NEXT.search(answer.headers.get("Link", ""))
        after = answer.url.join(following[1]) if following else None
        if after is not None and after.host != answer.url.host:
            after = None
    files = await asyncio.to_thread(_read, bytes(body))
    if files is None:
        raise ModelFetchError(f"Hugging Face sent no list of the files of {repository}.")
    return files, str(after or "")


def _read(body: bytes) -> list[HubFile] | None:
    """The files of a page; None if it is no list."""
    try:
        listed = json.loads(body)
    except (ValueError, RecursionError):
        return None
    return list(_files(listed)) if isinstance(listed, list) else None


def _files(listed: Sequence[Any]) -> Iterator[HubFile]:
    for one in listed:
        if not isinstance(one, dict) or one.get("type") != "file":
            continue
        path, large = one.get("path"), one.get("lfs")
        size = large.get("size") if isinstance(large, dict) else one.get("size")
        if isinstance(path, str) and isinstance(size, int) and size >= 0:
            yield HubFile(path, size)
