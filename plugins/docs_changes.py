"""What became of the documents, for `/docs changes`: which changed, and what changed in one."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from bot.api import Context, NotFound, Text, changes_text, difference_text, parse_since, say

_USUAL_TIME = "7d"


async def show_changes(ctx: Context, what: str, bases: Sequence[str]) -> None:
    """What changed since a time, or what the last change of a document changed."""
    since = parse_since(what or _USUAL_TIME, datetime.now(UTC))
    if since is None:
        await _show_difference(ctx, what, bases)
        return
    found = [change for base in bases for change in await ctx.knowledge.changes(since, base)]
    await ctx.say(Text(changes_text(found, since)))


async def _show_difference(ctx: Context, what: str, bases: Sequence[str]) -> None:
    missing = NotFound(say("There are no documents here."))
    for base in bases:
        try:
            found = await ctx.knowledge.difference(what, base=base)
        except NotFound as error:
            missing = error
        else:
            await ctx.say(Text(difference_text(found)))
            return
    raise missing
