"""The reply to a call over MCP: it is awaited as a whole, and its status goes to who waits."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Final

from bot.replies.wording import shown_status
from bot.types import Limits, Source, View

MAX_REPLY_CHARACTERS: Final = 1_000_000
_STATUS_INTERVAL_S: Final = 1.0

Progress = Callable[[str], Awaitable[None]]
"""Told what is going on, in a few words."""


class ReplySink:
    """Takes a reply, and keeps its last view."""

    limits = Limits(MAX_REPLY_CHARACTERS, _STATUS_INTERVAL_S)

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._told = ""
        self.ended: asyncio.Future[View] = asyncio.get_running_loop().create_future()

    async def start(self, view: View) -> None:
        """Tell of the first status."""
        await self.update(view)

    async def update(self, view: View) -> None:
        """Tell of a new status."""
        words = shown_status(view)
        if words and words != self._told:
            self._told = words
            await self._progress(words)

    async def finish(self, view: View) -> None:
        """Keep the reply."""
        if not self.ended.done():
            self.ended.set_result(view)


def is_refused(view: View) -> bool:
    """Whether the reply is none: it was refused, failed, or was stopped."""
    return view.state not in {"complete", "waiting"}


def reply_text(view: View) -> str:
    """All that stands in a reply: the answer, what the bot says of it, and its sources."""
    words = [view.text, *(notice.text for notice in view.notices)]
    words += [f"A file came with it: {file.name}." for file in view.files]
    if view.sources:
        words.append("Sources:\n" + "\n".join(_source_line(one) for one in view.sources))
    text = "\n\n".join(one.strip() for one in words if one.strip())
    return text or ("Nothing was answered." if is_refused(view) else "Done.")


def source_values(sources: Sequence[Source]) -> list[dict[str, Any]]:
    """The sources of a reply, for a program."""
    return [
        {
            "number": one.number,
            "title": one.title,
            "location": one.location,
            "heading": one.heading,
            "document": one.document,
            "text": one.passage,
        }
        for one in sources
    ]


def _source_line(source: Source) -> str:
    heading = f" › {source.heading}" if source.heading else ""
    return f"[{source.number}] {source.title}{heading} ({source.location})"
