"""A Discord of ours: gateway and REST on 127.0.0.1, for the real client to talk to."""

from tests.fakes.discord.server import FakeDiscord
from tests.fakes.discord.state import TOKEN

__all__ = ["TOKEN", "FakeDiscord"]
