"""What people do, told once more on Matrix: in a room, and in an encrypted one."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tests.peers.on_synapse import CANNOT, SynapseDriver
from tests.peers.synapse.server import Synapse
from tests.scenarios.conftest import house, make_house
from tests.scenarios.test_platforms import (
    TestAnswers,
    TestAsking,
    TestAudience,
    TestCommandsInWords,
    TestDocuments,
    TestModels,
    TestSettings,
    TestTrouble,
)

__all__ = [
    "TestAnswers",
    "TestAsking",
    "TestAudience",
    "TestCommandsInWords",
    "TestDocuments",
    "TestModels",
    "TestSettings",
    "TestTrouble",
    "house",
    "make_house",
]

pytestmark = pytest.mark.peers


@pytest.fixture(params=["room", "encrypted"])
async def driver(
    request: pytest.FixtureRequest, homeserver: Synapse, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[SynapseDriver]:
    if why := CANNOT.get(request.node.originalname):
        pytest.skip(why)
    folder = tmp_path_factory.mktemp("people")
    made = SynapseDriver(homeserver, folder, encrypted=request.param == "encrypted")
    yield await made.open()
    await made.close()
