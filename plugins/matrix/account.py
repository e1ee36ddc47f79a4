"""One account of the bot: what its parts share while it is connected."""

from __future__ import annotations

from dataclasses import dataclass, field

from bot.api import BackgroundTasks, EditBudget
from plugins.matrix.client import Client
from plugins.matrix.events import server_of
from plugins.matrix.homeserver import Homeserver, path_of
from plugins.matrix.rooms import Rooms
from plugins.matrix.settings import MatrixSettings, MatrixTiming


@dataclass(frozen=True, slots=True)
class Account:
    """An account while it is connected. `user` is its id, `names` are what people call it."""

    user: str
    names: frozenset[str]
    settings: MatrixSettings
    timing: MatrixTiming
    homeserver: Homeserver
    client: Client
    rooms: Rooms
    background_tasks: BackgroundTasks
    budget: EditBudget = field(repr=False)
    max_file_bytes: int | None = None

    @property
    def server(self) -> str:
        """The name of its homeserver, which is the workspace of its conversations."""
        return server_of(self.user)

    async def set_typing(self, room: str, timeout_ms: int) -> None:
        """Show for a while that the bot is writing."""
        path = path_of("rooms", room, "typing", self.user)
        await self.homeserver.call("PUT", path, {"typing": True, "timeout": timeout_ms})
