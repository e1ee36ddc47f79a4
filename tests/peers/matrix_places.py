"""Where stories are told on Matrix: in a room, in an encrypted one, and to the bot alone."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tests.peers import on_synapse, on_synapse_direct
from tests.peers.on_synapse import SynapseDriver
from tests.peers.on_synapse_direct import DirectDriver
from tests.peers.synapse.server import Synapse

_PLACES = {
    "room": (SynapseDriver, on_synapse.CANNOT),
    "encrypted": (SynapseDriver, on_synapse.CANNOT),
    "encrypted-direct": (DirectDriver, on_synapse_direct.CANNOT),
}


@pytest.fixture(params=_PLACES)
async def driver(
    request: pytest.FixtureRequest, homeserver: Synapse, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[SynapseDriver]:
    make, cannot = _PLACES[request.param]
    if why := cannot.get(request.node.originalname):
        pytest.skip(why)
    folder = tmp_path_factory.mktemp("people")
    made = make(homeserver, folder, encrypted=request.param != "room")
    yield await made.open()
    await made.close()
