"""Draws the README's picture of an agent at work: the demonstration, as the terminal shows it.

    python -m tests.scenarios.agent_picture docs/images/agent.svg

The whole application plays `parlance run --demo agent`; what the terminal prints is recorded.
Times, dates and measures are always the same, so that the picture changes only with the bot.
"""

from __future__ import annotations

import asyncio
import io
import re
import sys
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from rich.terminal_theme import MONOKAI
from rich.text import Text

from bot.adapters.terminal.screen import Screen
from bot.adapters.terminal.sink import ScreenSink
from bot.app import open_app
from bot.cli.demo import LINES, Demo, open_demo
from bot.events import ActionCall, Event, Message
from bot.installation import Installation
from bot.types import Author, ConversationKey, View

COLUMNS = 84
DAY = datetime(2026, 11, 29, tzinfo=UTC)
ADA = Author("terminal", "operator", "Ada")
HERE = ConversationKey("terminal", "local", "main")
_CLOCK = re.compile(r"\d\d:\d\d UTC")
_MEASURED = re.compile(r"\n+\*\*Times\*\*.*", re.DOTALL)
_FORMAT = """\
<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" role="img" \
aria-label="An agent in the terminal: it searches, asks before it writes, and shows each step">
<style>
.{unique_id}-matrix {{ font-family: Menlo, Consolas, monospace; font-size: {char_height}px; \
line-height: {line_height}px; }}
{styles}
</style>
<defs>
<clipPath id="{unique_id}-clip-terminal">
<rect x="0" y="0" width="{terminal_width}" height="{terminal_height}" />
</clipPath>
{lines}
</defs>
{chrome}
<g transform="translate({terminal_x}, {terminal_y})" clip-path="url(#{unique_id}-clip-terminal)">
{backgrounds}
<g class="{unique_id}-matrix">
{matrix}
</g>
</g>
</svg>
"""


class _Recorded(ScreenSink):
    """Shows the end of a reply, without what is different each time."""

    async def update(self, view: View) -> None:
        self.view = view

    def close(self, view: View) -> None:
        notices = tuple(
            replace(one, text=_MEASURED.sub("", _CLOCK.sub("14:03 UTC", one.text)))
            for one in view.notices
        )
        sources = tuple(replace(one, at=DAY) for one in view.sources)
        super().close(replace(view, notices=notices, sources=sources))


def _event(number: int, line: str, turn: str) -> Event:
    if line.startswith("/choose "):
        value = line.partition(" ")[2]
        return ActionCall(f"e{number}", HERE, ADA, "resume", turn, value, direct=True)
    if line == "/why":
        return ActionCall(f"e{number}", HERE, ADA, "why", turn, direct=True)
    return Message(f"e{number}", HERE, ADA, line, direct=True)


def draw() -> str:
    """Play the lines of the demonstration that matter most, and return the picture as SVG."""
    screen = Screen(
        record=True,
        width=COLUMNS,
        file=io.StringIO(),
        force_terminal=True,
        color_system="truecolor",
    )
    with open_demo(Demo.AGENT) as here:
        asyncio.run(_play(here, screen))
    svg = screen.export_svg(
        title="parlance run --demo agent", theme=MONOKAI, code_format=_FORMAT, unique_id="agent"
    )
    return "\n".join(line.rstrip() for line in svg.splitlines()) + "\n"


async def _play(here: Installation, screen: Screen) -> None:
    async with open_app(here) as app:
        async for _ in app.sync_documents():
            pass
        turn = ""
        for number, line in enumerate(LINES[Demo.AGENT][1:4]):
            screen.print(Text.assemble(("› ", "bold green"), (line, "bold")))
            sink = _Recorded(screen)
            await app.core.accept(_event(number, line, turn), sink)
            await sink.finished.wait()
            assert sink.view is not None
            turn = turn or sink.view.turn


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(draw(), "utf-8")
