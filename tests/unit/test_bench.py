"""What `make bench` prints is its tables: no measurement fills the screen with a log."""

from __future__ import annotations

import logging

import aiohttp
import pytest

from bench.core import logging_as_in_production
from tests.fakes.discord import FakeDiscord
from tests.fakes.slack import FakeSlack


def test_a_measurement_leaves_logging_as_it_was(capsys: pytest.CaptureFixture[str]) -> None:
    """The rooms that came after it wrote thousands of lines at level info."""
    root = logging.getLogger()
    before = root.handlers[:], root.level
    with logging_as_in_production():
        assert root.isEnabledFor(logging.INFO)
        logging.getLogger("somebody").info("a line")
    assert (root.handlers, root.level) == before
    assert capsys.readouterr().err == ""


async def test_platforms_write_no_line_for_each_request(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    platforms = FakeSlack(), FakeDiscord(validate=False)
    async with platforms[0] as slack, platforms[1] as discord, aiohttp.ClientSession() as web:
        await web.post(f"{slack.api_url}api.test")
        await web.get(f"http://127.0.0.1:{discord.port}/api/v10/gateway")
    assert [record for record in caplog.records if record.name.startswith("aiohttp")] == []
