"""The bot that `bench.platforms` measures, in a process of its own.

    python -m bench.platform_bot CONFIG [--discord PORT] [--slack URL]

It measures how late its event loop is, and when the answers of a model with the backend `timed`
ended. The line `lag` or `ends` on standard input asks for the figures since the last one, and the
end of the input ends it.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

from backends.gil import shorten_switch_interval
from backends.registry import ENGINE_MODULES
from bench.lag import Lag
from bench.timed_backend import take_ends
from bot.adapters.discord import DiscordAdapter
from bot.adapters.protocol import Adapter
from bot.adapters.slack import SlackAdapter
from bot.app import App, open_app
from bot.config.core import LoggingSettings
from bot.config.platforms import DiscordSettings, SlackSettings
from bot.installation import Installation
from bot.observability.logs import configure
from tests.fakes.discord import TOKEN, FakeDiscord

SLACK_TOKENS = ("xoxb-test-bot-token", "xapp-test-app-token")


def _adapters(app: App, arguments: argparse.Namespace) -> Iterator[Adapter]:
    config = app.installation.config
    if arguments.discord:
        yield DiscordAdapter(config.section(DiscordSettings), TOKEN, config.data_dir)
    if arguments.slack:
        yield SlackAdapter(config.section(SlackSettings), *SLACK_TOKENS, base_url=arguments.slack)


async def serve(arguments: argparse.Namespace) -> None:
    """Serve until the input ends."""
    lag = Lag()
    lines = asyncio.StreamReader()
    reader = asyncio.StreamReaderProtocol(lines)
    await asyncio.get_running_loop().connect_read_pipe(lambda: reader, sys.stdin)
    here = await asyncio.to_thread(Installation.read, arguments.config)
    async with open_app(here) as app:
        serving = asyncio.create_task(app.serve(list(_adapters(app, arguments))))
        watching = asyncio.create_task(lag.watch())
        while asked := await lines.readline():
            found = take_ends() if asked.strip() == b"ends" else lag.take()
            sys.stdout.write(json.dumps(found) + "\n")
            sys.stdout.flush()
        for task in (watching, serving):
            task.cancel()
        await asyncio.gather(watching, serving, return_exceptions=True)


def main() -> None:
    """Read the arguments, point the clients at the platforms of ours, and serve."""
    parser = argparse.ArgumentParser(prog="bench.platform_bot")
    parser.add_argument("config", type=Path)
    parser.add_argument("--discord", type=int, metavar="PORT")
    parser.add_argument("--slack", metavar="URL")
    arguments = parser.parse_args()
    with ExitStack() as stack:
        configure(LoggingSettings(level="info", format="json"))
        ENGINE_MODULES["timed"] = "bench.timed_backend"
        if arguments.discord:
            fake = FakeDiscord()  # only its address is used: it serves in the other process
            fake.port = arguments.discord
            stack.enter_context(fake.address())
        shorten_switch_interval()  # as `parlance` does
        asyncio.run(serve(arguments))


if __name__ == "__main__":
    main()
