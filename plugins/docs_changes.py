"""What became of the documents, for `/docs changes`: which changed, and what changed in one."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from bot.api import (
    Change,
    ChangedLine,
    Context,
    Difference,
    NotFound,
    Text,
    join_sentences,
    lay_out,
    parse_since,
    say,
)

_MAX_SHOWN_CHANGES = 50
_MAX_SHOWN_LINES = 40
_MAX_LINE_CHARACTERS = 300
_USUAL_TIME = "7d"
_STATES = {"added": say("added"), "changed": say("changed"), "removed": say("removed")}


async def show_changes(ctx: Context, what: str, bases: Sequence[str]) -> None:
    """What changed since a time, or what the last change of a document changed."""
    since = parse_since(what or _USUAL_TIME, datetime.now(UTC))
    if since is None:
        await _show_difference(ctx, what, bases)
        return
    found = [change for base in bases for change in await ctx.knowledge.changes(since, base)]
    if not found:
        await ctx.say(Text(say("No document has changed since {since:%Y-%m-%d}.", since=since)))
        return
    found.sort(key=lambda change: change.at, reverse=True)
    lines = [_change_line(change) for change in found[:_MAX_SHOWN_CHANGES]]
    if len(found) > _MAX_SHOWN_CHANGES:
        lines.append(say("- and {number} more", number=len(found) - _MAX_SHOWN_CHANGES))
    await ctx.say(Text(join_sentences(lines, "\n")))


def _change_line(change: Change) -> str:
    return lay_out(
        "- {at:%Y-%m-%d} {state}: {title} ({name})",
        at=change.at,
        state=_STATES.get(change.state, change.state),
        title=change.title,
        name=change.name,
    )


async def _show_difference(ctx: Context, what: str, bases: Sequence[str]) -> None:
    missing = NotFound(say("There are no documents here."))
    for base in bases:
        try:
            found = await ctx.knowledge.difference(what, base=base)
        except NotFound as error:
            missing = error
        else:
            await ctx.say(Text(_difference_text(found)))
            return
    raise missing


def _difference_text(found: Difference) -> str:
    head = say(
        "**{title}** changed on {at:%Y-%m-%d} ({name}):",
        title=found.document.title,
        at=found.at,
        name=found.document.name,
    )
    lines = [_line(line) for line in found.lines[:_MAX_SHOWN_LINES]]
    more = found.more + len(found.lines) - len(lines)
    rest = say("And {number:,} more lines.", number=more) if more else ""
    if not lines:
        rest = say("Its text is the same; only its form is another.")
    return join_sentences((head, "\n".join(lines), rest), "\n\n")


def _line(line: ChangedLine) -> str:
    """A line in quotation, since it is another's text; what went is behind a minus."""
    text = " ".join(line.text.split())
    if len(text) > _MAX_LINE_CHARACTERS:
        text = text[:_MAX_LINE_CHARACTERS].rsplit(maxsplit=1)[0] + " …"
    return f"> {'−' if line.state == 'removed' else '+'} {text}"
