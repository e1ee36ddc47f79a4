from __future__ import annotations

import pytest

from bot.errors import Refused
from bot.web.late_fetch import LateFetcher
from tests.fakes.pages import PageServer
from tests.unit.bot.web.conftest import Limits


async def test_a_page_arrives_within_the_limits(pages: PageServer, limits: Limits) -> None:
    fetcher = LateFetcher(limits)
    url = pages.page("/light", "The lamp. " * 100)
    assert (await fetcher.fetch_bytes(url)).data == b"The lamp. " * 100
    with pytest.raises(Refused):
        await fetcher.fetch_bytes(url, max_bytes=10)
    with pytest.raises(Refused):
        await fetcher.fetch_bytes("http://10.0.0.1/")
