"""The stories on servers that nobody here wrote: `make test-peers`, never part of `make test`."""

from __future__ import annotations

import os
import socket
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.peers.on_local_slack import CANNOT, LocalSlackDriver
from tests.scenarios.conftest import house, make_house
from tests.traces import plain_traces

__all__ = ["house", "make_house", "plain_traces"]


@pytest.fixture
async def driver(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[LocalSlackDriver]:
    if why := CANNOT.get(request.node.originalname):
        pytest.skip(why)
    binary = os.environ.get("LOCAL_SLACK")
    if not binary:
        pytest.fail("LOCAL_SLACK names no server; run `make test-peers`.")
    if [name for _, name in socket.if_nameindex() if name != "lo"]:
        # It listens on every interface; only where there is but the loopback one is it let start.
        pytest.fail("The peer runs in a network namespace of its own; run `make test-peers`.")
    made = LocalSlackDriver(Path(binary), tmp_path_factory.mktemp("peer"))
    yield await made.open()
    await made.close()
