"""Shows a whole reply that no event asked for, once, whatever becomes of the process meanwhile."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime
from typing import cast

from bot.replies.draft import Draft
from bot.replies.protocol import AnnouncingSink, Arrival, Replies, Sink
from bot.turns.runner import TurnDependencies
from bot.types import Part

Begin = Callable[[], Awaitable[None]]
"""Called just before anything is sent, so that whoever comes after a crash knows of it."""


async def announce(
    dependencies: TurnDependencies,
    replies: Replies,
    sink: Sink,
    key: str,
    parts: Sequence[Part],
    *,
    since: datetime | None,
    begin: Begin,
    direct: bool = False,
    heading: str = "",
    locale: str | None = None,
) -> Arrival:
    """Show these parts as one reply; the same `key` again, also in another process, is the same
    reply. `since` is when it was tried first, None if it never was.

    Where a platform cannot tell whether it stands there, it is sent only if it cannot.
    """
    if not hasattr(sink, "announce"):  # `isinstance` takes long for a protocol
        if since is not None:
            return "unknown"
        await begin()
        reply = dependencies.begin_reply(sink, key, direct=direct, heading=heading, locale=locale)
        for part in parts:
            reply.add(part)
        await reply.finish("complete")
        return "arrived"
    stored = await replies.get(key)
    if stored is not None and stored.finished:
        return "arrived"  # an earlier process sent it, and then ended
    draft = Draft(
        key,
        sink.limits,
        redact=dependencies.redact,
        direct=direct,
        heading=heading,
        locale=locale,
    )
    for part in parts:
        draft.add(part)
    await begin()
    await draft.take_in()
    draft.end("complete", None)
    return await cast(AnnouncingSink, sink).announce(draft.view(), key, since=since)
