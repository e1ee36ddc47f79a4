"""`/docs`: which documents there are, adding and removing them, and searching without a model."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Annotated, Literal

from bot.api import (
    CommandCall,
    Completion,
    Context,
    Document,
    Example,
    NotFound,
    Notice,
    Option,
    Passage,
    Report,
    Sentence,
    Skill,
    Sources,
    Text,
    UsageError,
    at_this_machine,
    command,
    hookimpl,
    in_direct_message,
    is_private,
    join_sentences,
    lay_out,
    place_words,
    private_base,
    say,
    say_number,
    source,
)
from plugins.docs_addition import add, add_message
from plugins.docs_changes import show_changes

_MAX_SHOWN_ROWS = 50


async def document_titles(asked: Completion) -> Sequence[str]:
    """Completes the title of a document."""
    knowledge = asked.services.knowledge
    prefix = asked.prefix.casefold()
    return [
        one.title
        for base in await knowledge.bases(asked.asker)
        for one in await knowledge.list(base)
        if one.title.casefold().startswith(prefix)
    ][:25]


NO_DOCUMENTS = say("There are no documents here yet.")


@command(
    "docs",
    menu="Add to documents",
    takes_file=True,
    form=lambda given: given.get("action") == "add" and set(given) <= {"action", "base"},
    private=lambda given: given.get("action", "list") not in {"add", "remove"},
    examples=[Example("/docs list"), Example("/docs search how do I write a skill")],
)
async def docs(
    ctx: Context,
    action: Annotated[
        Literal["list", "add", "remove", "search", "changes", "feedback"],
        Option("What to do with the documents"),
    ] = "list",
    what: Annotated[
        str,
        Option(
            "A URL to add, a title, words to search for; for changes also 7d or a date",
            complete=document_titles,
            takes_rest=True,
        ),
    ] = "",
    text: Annotated[
        str, Option("A text to add; what stands before it is its title", multiline=True)
    ] = "",
    base: Annotated[str | None, Option("Which knowledge base", max_length=60)] = None,
) -> None:
    """List, add, remove or search the documents that answers come from, or see what changed."""
    target = ctx.event.target if isinstance(ctx.event, CommandCall) else None
    bases = await ctx.knowledge.bases(ctx.asker)
    if target is not None:
        done = add_message(ctx, target, await _base_to_change(ctx, "docs.add", base))
    elif action == "add":
        changed = await _base_to_change(ctx, "docs.add", base)
        done = add(ctx, what.strip(), text.strip(), changed)
    elif text.strip() or ctx.attachments:
        raise UsageError(
            say(
                "A text and a file are for /docs add, and nothing is done with "
                "them by /docs {action}: choose add, or leave them out.",
                action=action,
            )
        )
    elif action == "remove":
        changed = await _base_to_change(ctx, "docs.remove", base)
        done = _remove(ctx, what.strip(), [changed] if changed else bases)
    elif action == "search":
        done = _search(ctx, what.strip(), [base] if base else bases)
    elif action == "changes":
        done = show_changes(ctx, what.strip(), [base] if base else bases)
    elif action == "feedback":
        await ctx.authorize("docs.feedback")
        done = _feedback(ctx, [base] if base else bases)
    else:
        done = _list(ctx, [base] if base else bases)
    await done


async def _base_to_change(ctx: Context, action: str, base: str | None) -> str | None:
    """The base that an addition or removal is for, if the person may: in a direct message their
    own, unless they name another. None is the default one."""
    at_home = in_direct_message(ctx.asker) and not at_this_machine(ctx.asker)
    if at_home and base is None:
        base = private_base(ctx.author)
    await ctx.authorize(f"{action}:{base}" if base else action)
    return base


async def _list(ctx: Context, bases: Sequence[str]) -> None:
    lines = []
    for base in bases:
        found = await ctx.knowledge.list(base)
        if len(bases) > 1 and found:
            lines.append(lay_out("**{base}**", base=_base_name(base)))
        lines += map(_document, found[:_MAX_SHOWN_ROWS])
        if len(found) > _MAX_SHOWN_ROWS:
            lines.append(say("- and {number} more", number=len(found) - _MAX_SHOWN_ROWS))
    await ctx.say(Text(join_sentences(lines, "\n") or NO_DOCUMENTS))


def _document(one: Document) -> Sentence:
    state = "" if one.status == "ready" else one.status
    about = join_sentences((_passages(one.passages), state), ", ")
    if one.recognized_pages:
        recognized = say_number(
            "read by text recognition, 1 page",
            "read by text recognition, {n:,} pages",
            one.recognized_pages,
        )
        about = join_sentences((about, recognized), "; ")
    if one.left_out:
        about = say("{about}; not read: {left_out}", about=about, left_out=one.left_out)
    return lay_out("- {title} ({about}): {name}", title=one.title, about=about, name=one.name)


def _base_name(base: str) -> str:
    return say("your own documents") if is_private(base) else base


async def _search(ctx: Context, words: str, bases: Sequence[str]) -> None:
    if not words:
        raise UsageError(say("Say what to look for: /docs search how do I rotate the logs"))
    if not bases:
        await ctx.say(Text(NO_DOCUMENTS))
        return
    found = await ctx.knowledge.search(words, bases=bases)
    if not found.passages:
        await ctx.say(Text(say("Nothing in the documents comes near.")))
        return
    values = {"passages": _passages(len(found.passages)), "confidence": found.confidence}
    head = (
        say("{passages}, enough evidence for an answer (confidence {confidence:.2f}):", **values)
        if found.evidence
        else say(
            "{passages}, not enough evidence for an answer (confidence {confidence:.2f}):", **values
        )
    )
    shown = (
        f"**[{n}] {_heading(p)}** ({p.score:.2f})\n" + _quote(p.text)
        for n, p in enumerate(found.passages, 1)
    )
    await ctx.say(Text(join_sentences((head, *shown), "\n\n")))
    await ctx.say(Sources(tuple(source(n, p) for n, p in enumerate(found.passages, 1))))


def _passages(count: int) -> str:
    return say_number("{n} passage", "{n} passages", count)


def _heading(passage: Passage) -> str:
    """Title and headings, without the title twice where the first heading is it."""
    if passage.heading == passage.title or passage.heading.startswith(f"{passage.title} > "):
        title = passage.heading
    else:
        title = f"{passage.title} › {passage.heading}" if passage.heading else passage.title
    where = place_words([passage.place])
    return f"{title}, {where}" if where else title


def _quote(text: str) -> str:
    """The beginning of a passage; a row of a table and an item of a list stay lines."""
    lines = [" ".join(line.split()) for line in text.splitlines() if line.strip()]
    short = "\n".join(lines)
    if len(short) > 300:
        short = short[:300].rsplit(maxsplit=1)[0] + " …"
    return "\n".join(f"> {line}" for line in short.split("\n"))


async def _feedback(ctx: Context, bases: Sequence[str]) -> None:
    """What people said of passages of the documents that answer here, the newest first.

    A document that was read again since is left out: somebody has seen to it. So is what a person
    added for themselves.
    """
    shared = [base for base in bases if not is_private(base)]
    known = {one.id: one for base in shared for one in await ctx.knowledge.list(base)}
    said: dict[tuple[str, str], list[Report]] = {}
    for report in await ctx.history.reports(ctx.conversation.scope("workspace")):
        source = report.source
        document = known.get(source.document) if source is not None else None
        if source is not None and document is not None and document.at <= report.at:
            said.setdefault((source.document, source.passage), []).append(report)
    if not said:
        await ctx.say(Text(say("Nobody has said that a passage is wrong or outdated.")))
        return
    lines = [_report_line(reports) for reports in list(said.values())[:_MAX_SHOWN_ROWS]]
    if len(said) > _MAX_SHOWN_ROWS:
        lines.append(say("And {number} more.", number=len(said) - _MAX_SHOWN_ROWS))
    await ctx.say(Text(join_sentences(lines, "\n\n")))


def _report_line(reports: Sequence[Report]) -> str:
    source = reports[0].source
    assert source is not None
    verdicts = Counter(report.verdict for report in reports)
    words = {"wrong": say("wrong"), "outdated": say("outdated")}
    counted = join_sentences(
        [
            lay_out("{number} × {verdict}", number=number, verdict=words.get(verdict, verdict))
            for verdict, number in verdicts.items()
        ],
        ", ",
    )
    heading = f" › {source.heading}" if source.heading else ""
    return say(
        "**{title}{heading}** ({counted}, last on {at:%Y-%m-%d}): {location}\n{quote}",
        title=source.title,
        heading=heading,
        counted=counted,
        at=reports[0].at,
        location=source.location,
        quote=_quote(source.passage),
    )


async def _remove(ctx: Context, what: str, bases: Sequence[str]) -> None:
    """Remove from the first of these bases that has it."""
    if not what:
        raise UsageError(say("Name the document: /docs remove TITLE (see /docs list)"))
    missing = NotFound(say("There are no documents here."))
    for base in bases:
        try:
            gone = await ctx.knowledge.remove(what, base=base)
        except NotFound as exc:
            missing = exc
        else:
            where = _base_name(gone.base)
            await ctx.say(
                Notice(
                    say(
                        "{title} ({name}) is removed from {where}.",
                        title=gone.title,
                        name=gone.name,
                        where=where,
                    )
                )
            )
            return
    raise missing


@hookimpl
def register_skills() -> Sequence[Skill]:
    return [Skill("docs_admin", commands=(docs,))]
