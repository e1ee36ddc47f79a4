from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass

import pytest

from tests.fakes.pages import PageServer


@dataclass(frozen=True)
class Limits:
    """What config.yaml says under `fetch`, with a test's numbers."""

    allow_hosts: tuple[str, ...] = ()
    max_bytes: int = 100_000
    timeout_s: float = 5.0
    max_redirects: int = 3


@pytest.fixture
async def pages() -> AsyncIterator[PageServer]:
    """A web server on 127.0.0.1 that a test fills with pages."""
    async with PageServer() as server:
        yield server


@pytest.fixture
def limits(pages: PageServer) -> Limits:
    """Limits under which the server may be fetched from."""
    return Limits(allow_hosts=(f"127.0.0.1:{pages.port}",))
