"""Says what became of documents: which changed since a time, and what changed in one."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from bot.answering.questions.forms import ChangesAsked
from bot.catalogue.sentence import Sentence, join_sentences, lay_out, say
from bot.errors import NotFound
from bot.skills.context import Context
from bot.values import Change, ChangedLine, Difference

_MAX_SHOWN_CHANGES = 50
_MAX_SHOWN_DIFFERENCES = 3
_MAX_SHOWN_LINES = 40
_MAX_LINE_CHARACTERS = 300
_STATES = {"added": say("added"), "changed": say("changed"), "removed": say("removed")}


async def answer_changes(
    ctx: Context, asked: ChangesAsked, bases: Sequence[str]
) -> Sentence | None:
    """What changed since then in documents that the asker may see here.

    None where something is named that is no document: then it is a question like any other.
    """
    found = [one for base in bases for one in await ctx.knowledge.changes(asked.since, base)]
    if not asked.about:
        return changes_text(found, asked.since)
    name = asked.about.casefold()
    named = [one for one in found if name in one.title.casefold()]
    if named:
        texts = [await _difference(ctx, one, asked) for one in _each_document(named)]
        return join_sentences((changes_text(named, asked.since), *texts), "\n\n")
    near = await ctx.knowledge.search(asked.about, bases=bases, limit=1)
    for passage in near.passages:
        if name in passage.title.casefold():
            return say(
                "{title} has not changed since {since:%Y-%m-%d}.",
                title=passage.title,
                since=asked.since,
            )
    return None


def _each_document(found: Sequence[Change]) -> list[Change]:
    changed = {one.document: one for one in found if one.state == "changed"}
    return list(changed.values())[:_MAX_SHOWN_DIFFERENCES]


async def _difference(ctx: Context, change: Change, asked: ChangesAsked) -> str:
    try:
        found = await ctx.knowledge.difference(change.document, base=change.base, since=asked.since)
    except NotFound:  # no earlier version is kept
        return ""
    return difference_text(found)


def changes_text(found: Sequence[Change], since: datetime) -> Sentence:
    """Changes as a list, the newest first."""
    if not found:
        return say("No document has changed since {since:%Y-%m-%d}.", since=since)
    newest = sorted(found, key=lambda change: change.at, reverse=True)
    lines = [_change_line(change) for change in newest[:_MAX_SHOWN_CHANGES]]
    if len(found) > _MAX_SHOWN_CHANGES:
        lines.append(say("- and {number} more", number=len(found) - _MAX_SHOWN_CHANGES))
    return join_sentences(lines, "\n")


def _change_line(change: Change) -> Sentence:
    return lay_out(
        "- {at:%Y-%m-%d} {state}: {title} ({name})",
        at=change.at,
        state=_STATES.get(change.state, change.state),
        title=change.title,
        name=change.name,
    )


def difference_text(found: Difference) -> Sentence:
    """What a change of a document changed: its lines, in quotation."""
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
