"""The stories on servers that nobody here wrote: `make test-peers`, never part of `make test`."""

from __future__ import annotations

import os
import socket
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.peers import on_discord_twin, on_local_slack
from tests.peers.on_discord_twin import DiscordTwinDriver
from tests.peers.on_local_slack import LocalSlackDriver
from tests.peers.synapse.server import Synapse, quick_folder
from tests.scenarios.conftest import house, make_house

__all__ = ["house", "make_house"]

_Driver = DiscordTwinDriver | LocalSlackDriver


@dataclass(frozen=True)
class Peer:
    """A server, where its place is said, and what cannot be played on it."""

    variable: str
    make: Callable[[Path, Path], _Driver]
    """A driver, from where the server is and a folder for what it keeps."""
    cannot: Mapping[str, str]


PEERS = {
    "discord-twin": Peer(
        "DISCORD_TWIN", lambda place, _: DiscordTwinDriver(place), on_discord_twin.CANNOT
    ),
    "local-slack": Peer("LOCAL_SLACK", LocalSlackDriver, on_local_slack.CANNOT),
}


@pytest.fixture(params=sorted(PEERS))
async def driver(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[_Driver]:
    peer = PEERS[request.param]
    if why := peer.cannot.get(request.node.originalname):
        pytest.skip(why)
    place = os.environ.get(peer.variable)
    if not place:
        pytest.fail(f"{peer.variable} names no server; run `make test-peers`.")
    if [name for _, name in socket.if_nameindex() if name != "lo"]:
        # It listens on every interface; only where there is but the loopback one is it let start.
        pytest.fail("The peer runs in a network namespace of its own; run `make test-peers`.")
    made = peer.make(Path(place), tmp_path_factory.mktemp("peer"))
    yield await made.open()
    await made.close()


@pytest.fixture(scope="session")
def homeserver() -> Iterator[Synapse]:
    """A homeserver for all tests; each has people and rooms of its own."""
    place = os.environ.get("SYNAPSE")
    if not place:
        pytest.fail("SYNAPSE names no environment; run `make test-peers`.")
    with quick_folder() as folder:
        made = Synapse(Path(place) / "bin" / "python", folder)
        try:
            yield made.start()
        finally:
            made.stop()
