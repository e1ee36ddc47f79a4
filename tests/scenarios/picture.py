"""Draws the README's picture: one question on Discord and on Slack, as the wire shows it.

    python -m tests.scenarios.picture docs/images/exchange.svg

The whole application answers on a scripted model, on the platforms of the tests; what is drawn is
read from their timelines.
"""

from __future__ import annotations

import asyncio
import re
import sys
import tempfile
import textwrap
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape

from tests.fakes.timeline import Step, Timeline
from tests.scenarios.harness import House
from tests.scenarios.on_discord import DiscordDriver
from tests.scenarios.on_slack import SlackDriver

QUESTION = "How do I rotate the logs?"
ANSWER = "Run `logctl rotate --now`; it keeps seven files [1]."
DOCUMENT = (
    "How to rotate the logs: run `logctl rotate --now`; it keeps seven files. "
    "On the cluster the nightly job rotates the logs for you."
)
WIDTH, HEIGHT, LINE = 446, 272, 21
WRAP_CHARACTERS = 52
_LINK = re.compile(r"\[([^\]]*)\]\(<?[^)>]*>?\)|<[^|>]*\|([^>]*)>")
_STYLE = """
    .name { font-weight: bold } .small { font-size: 12px } .button { font-size: 12.5px }
    .dark text { fill: #dbdee1 } .dark .dim { fill: #949ba4 }
    .light text { fill: #1d1c1d } .light .dim { fill: #616061 }
"""


@dataclass(frozen=True)
class Look:
    """The colours of a platform."""

    theme: str
    paper: str
    button: str
    edge: str
    place: str


DISCORD = Look("dark", "#313338", "#4e5058", "none", "Discord — #support, in a thread")
SLACK = Look("light", "#ffffff", "#ffffff", "#c8c8c8", "Slack — #support, /ask and /docs list")


@dataclass(frozen=True)
class Shown:
    """One message: who wrote it, its lines (whether they are small print), and its buttons."""

    by: str
    lines: Sequence[tuple[bool, str]]
    buttons: Sequence[str] = ()


def _plain(text: str) -> str:
    return _LINK.sub(lambda found: found[1] or found[2], text).replace("\u200b", "")


def from_discord(payload: Mapping[str, Any], buttons: Sequence[str]) -> Shown:
    """The bot's message as Discord keeps it."""
    lines = [
        (line.startswith("-# "), _plain(line.removeprefix("-# ")))
        for line in payload["content"].splitlines()
    ]
    return Shown("Parlance", lines, buttons)


def from_slack(payload: Mapping[str, Any], buttons: Sequence[str]) -> Shown:
    """The bot's message as Slack keeps it: small print stands in blocks of context."""
    lines: list[tuple[bool, str]] = []
    for block in payload["blocks"]:
        if block["type"] == "markdown":
            lines += [(False, _plain(line)) for line in block["text"].splitlines()]
        elif block["type"] == "context":
            lines += [(True, _plain(element["text"])) for element in block["elements"]]
    return Shown("Parlance", lines, buttons)


async def played(
    house: House, ask: Callable[[], Awaitable[None]], timeline: Timeline
) -> Sequence[Step]:
    """Add the document, ask, and list the documents; the last state of the answer, and the list,
    which the asker alone sees."""
    await house.start()
    try:
        given = {"action": "add", "what": "Operations", "text": DOCUMENT, "base": "default"}
        await house.driver.command("docs", given, by="root")
        await house.reads("operations.md: added")
        timeline.begin()
        await ask()
        await house.reads("seven files")
        steps = [s for s in timeline.steps if s.kind in ("create", "edit") and "seven" in s.content]
        await house.driver.command("docs", {"action": "list"})
        await house.is_told("Operations")
        return steps[-1], timeline.of(kind="ephemeral")[-1]
    finally:
        await house.stop()


def _message(shown: Shown, y: float) -> Iterator[str]:
    yield f'<text x="28" y="{y:.0f}" class="name">{escape(shown.by)}</text>'
    for small, line in shown.lines:
        style = ' class="small dim"' if small else ""
        for part in textwrap.wrap(line, WRAP_CHARACTERS + 8 * small):
            y += LINE
            yield f'<text x="28" y="{y:.0f}"{style}>{escape(part)}</text>'


def _buttons(look: Look, labels: Sequence[str], y: float) -> Iterator[str]:
    x = 28.0
    for label in labels:
        width = 18 + 7.2 * len(label)
        yield (
            f'<rect x="{x:.0f}" y="{y:.0f}" width="{width:.0f}" height="26" rx="4" '
            f'fill="{look.button}" stroke="{look.edge}"/>'
            f'<text x="{x + width / 2:.0f}" y="{y + 17:.0f}" text-anchor="middle" '
            f'class="button">{escape(label)}</text>'
        )
        x += width + 8


def panel(look: Look, messages: Sequence[Shown], left: int) -> str:
    """A platform's half of the picture."""
    drawn = [
        f'<rect x="0" y="0" width="{WIDTH}" height="{HEIGHT}" rx="10" fill="{look.paper}" '
        'stroke="#c8c8c8"/>',
        f'<text x="20" y="28" class="small dim">{escape(look.place)}</text>',
    ]
    y = 58.0
    for message in messages:
        drawn += _message(message, y)
        parts = (textwrap.wrap(line, WRAP_CHARACTERS + 8 * small) for small, line in message.lines)
        y += LINE * sum(map(len, parts)) + 14
        drawn += _buttons(look, message.buttons, y)
        y += 60 if message.buttons else 22
    return f'<g class="{look.theme}" transform="translate({left} 8)">{"".join(drawn)}</g>'


async def draw() -> str:
    """Play the exchange on both platforms, and return the picture as SVG."""
    scripted: dict[str, Any] = {"replies": [{"match": "rotate", "text": ANSWER}]}
    with tempfile.TemporaryDirectory() as folder:
        for name in ("discord", "slack"):
            (Path(folder) / name).mkdir()
        discord = await DiscordDriver().open()
        there = House(Path(folder) / "discord", discord, **scripted)
        steps = await played(there, lambda: discord.mention(QUESTION), discord.fake.timeline)
        await discord.close()
        left = [
            Shown("ada", [(False, f"@Parlance {QUESTION}")]),
            from_discord(steps[0].payload, steps[0].buttons),
        ]
        slack = await SlackDriver().open()
        here = House(Path(folder) / "slack", slack, **scripted)
        steps = await played(
            here, lambda: slack.command("ask", {"question": QUESTION}), slack.fake.timeline
        )
        await slack.close()
        answer, listed = (from_slack(step.payload, step.buttons) for step in steps)
        right = [answer, replace(listed, by="Parlance — only visible to you")]
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="920" height="{HEIGHT + 16}" '
        f'viewBox="0 0 920 {HEIGHT + 16}" role="img" '
        'aria-label="A question and its answer, on Discord and on Slack" '
        f'font-family="Helvetica, Arial, sans-serif" font-size="14">\n<style>{_STYLE}</style>\n'
        f"{panel(DISCORD, left, 8)}\n{panel(SLACK, right, 466)}\n</svg>\n"
    )


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(asyncio.run(draw()), "utf-8")
