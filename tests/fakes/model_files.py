"""A file to fetch, and what tests of fetching look at afterwards."""

from __future__ import annotations

import hashlib

import pytest

from backends.errors import ModelFetchError
from backends.files.store import ModelStore

CONTENT = bytes(range(256)) * 4_096
"""One MiB."""
SHA256 = hashlib.sha256(CONTENT).hexdigest()


def left_in(store: ModelStore) -> set[str]:
    """Every file under the root but records and locks."""
    return {
        path.name
        for path in store.root.rglob("*")
        if path.is_file() and path.suffix not in {".json", ".lock"}
    }


async def failure(store: ModelStore, source: str, sha256: str | None = None) -> str:
    """The one sentence that a fetch which must fail says."""
    with pytest.raises(ModelFetchError) as caught:
        await store.fetch_async(source, sha256)
    assert "\n" not in str(caught.value)
    return str(caught.value)
