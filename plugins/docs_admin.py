"""`/docs`: which documents there are, adding and removing them, and searching without a model."""

from __future__ import annotations

import re
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import aclosing
from typing import Annotated, Literal

from bot.api import (
    Asker,
    Attachment,
    CommandCall,
    Completion,
    Context,
    Denied,
    Example,
    Ingested,
    NotFound,
    Notice,
    Option,
    Part,
    Quote,
    Refused,
    Skill,
    Sources,
    Status,
    Text,
    UsageError,
    command,
    hookimpl,
    in_direct_message,
    is_admin,
    is_private,
    private_base,
    source,
)

_URL = re.compile(r"https?://[^\s<>|\"]+", re.IGNORECASE)
_SHOWN = 50
_WORDS = {
    "added": "added",
    "changed": "read again, since it has changed",
    "unchanged": "unchanged, nothing to do",
    "removed": "removed",
}


async def document_titles(asked: Completion) -> Sequence[str]:
    """Completes the title of a document."""
    knowledge = asked.services.knowledge
    prefix = asked.prefix.casefold()
    return [
        one.title
        for base in await knowledge.bases(Asker(asked.author, asked.conversation))
        for one in await knowledge.list(base)
        if one.title.casefold().startswith(prefix)
    ][:25]


@command(
    "docs",
    menu="Add to documents",
    takes_file=True,
    form=lambda given: given.get("action") == "add" and set(given) <= {"action", "base"},
    examples=[Example("/docs list"), Example("/docs search how do I write a skill")],
)
async def docs(
    ctx: Context,
    action: Annotated[
        Literal["list", "add", "remove", "search"], Option("What to do with the documents")
    ] = "list",
    what: Annotated[
        str,
        Option(
            "A URL to add, a title to remove, words to search for",
            complete=document_titles,
            takes_rest=True,
        ),
    ] = "",
    base: Annotated[str | None, Option("Which knowledge base", max_length=60)] = None,
) -> AsyncIterator[Part]:
    """List, add, remove or search the documents that answers are drawn from."""
    target = ctx.event.target if isinstance(ctx.event, CommandCall) else None
    bases = await ctx.knowledge.bases(ctx.asker)
    _may_see(ctx, base, bases)
    if target is not None:
        steps = _add_message(ctx, target, _changed(ctx, base))
    elif action == "add":
        steps = _add(ctx, what.strip(), _changed(ctx, base))
    elif action == "remove":
        changed = _changed(ctx, base)
        steps = _remove(ctx, what.strip(), [changed] if changed else bases)
    elif action == "search":
        steps = _search(ctx, what.strip(), [base] if base else bases)
    else:
        steps = _list(ctx, [base] if base else bases)
    async with aclosing(steps) as parts:
        async for part in parts:
            yield part


def _may_see(ctx: Context, base: str | None, bases: Sequence[str]) -> None:
    """Raises `Denied` for a base that does not answer here, and for another person's own."""
    if base is None or base in bases or base == private_base(ctx.author):
        return
    if is_private(base):
        raise Denied("What a person added in a direct message is theirs alone.")
    ctx.require(is_admin)


def _changed(ctx: Context, base: str | None) -> str | None:
    """The base that an addition or removal is for: in a direct message the person's own, which
    needs nobody's leave; everywhere else it takes an admin. None is the default one.
    """
    own = private_base(ctx.author)
    at_home = in_direct_message(ctx.asker) and ctx.conversation.platform != "terminal"
    if at_home and base in (None, own):
        return own
    ctx.require(is_admin)
    return base


async def _list(ctx: Context, bases: Sequence[str]) -> AsyncGenerator[Part, None]:
    lines = []
    for base in bases:
        found = await ctx.knowledge.list(base)
        if len(bases) > 1 and found:
            lines.append(f"**{base}**")
        for one in found[:_SHOWN]:
            state = "" if one.status == "ready" else f", {one.status}"
            lines.append(f"- {one.title} ({one.passages} passages{state}): {one.location}")
        if len(found) > _SHOWN:
            lines.append(f"- and {len(found) - _SHOWN} more")
    yield Text("\n".join(lines) or "There are no documents here yet.")


async def _search(ctx: Context, words: str, bases: Sequence[str]) -> AsyncGenerator[Part, None]:
    if not words:
        raise UsageError("Say what to look for: /docs search how do I rotate the logs")
    if not bases:
        yield Text("There are no documents here yet.")
        return
    found = await ctx.knowledge.search(words, bases=bases)
    if not found.passages:
        yield Text("Nothing in the documents comes near.")
        return
    verdict = "enough" if found.evidence else "not enough"
    yield Text(
        f"{len(found.passages)} passages, {verdict} evidence for an answer "
        f"(confidence {found.confidence:.2f}):\n\n"
        + "\n\n".join(
            f"**[{n}] {p.title}{' › ' + p.heading if p.heading else ''}** ({p.score:.2f})\n"
            + _quote(p.text)
            for n, p in enumerate(found.passages, 1)
        )
    )
    yield Sources(tuple(source(n, p) for n, p in enumerate(found.passages, 1)))


def _quote(text: str) -> str:
    short = " ".join(text.split())
    return "> " + (short if len(short) <= 300 else short[:300].rsplit(" ", 1)[0] + " …")


async def _add(ctx: Context, what: str, base: str | None) -> AsyncGenerator[Part, None]:
    if not what and not ctx.attachments:
        raise UsageError("Name a URL or attach a file: /docs add https://example.com/guide")
    if what:
        plain = what.strip("<>").partition("|")[0]
        if not _URL.match(plain) and ctx.conversation.platform != "terminal":
            raise Refused("Give a URL such as https://example.com/guide, or attach the file.")
        location = plain if _URL.match(plain) else what
        if ctx.conversation.platform == "terminal" and not _URL.match(plain):
            ctx.require(is_admin)
        async with aclosing(
            _progress(ctx.knowledge.add(location, base=base, by=ctx.author.key))
        ) as steps:
            async for part in steps:
                yield part
    async with aclosing(_add_files(ctx, ctx.attachments, base)) as steps:
        async for part in steps:
            yield part


async def _add_files(
    ctx: Context, files: Sequence[Attachment], base: str | None
) -> AsyncGenerator[Part, None]:
    limit = ctx.services.max_attachment_bytes
    for file in files:
        if file.size > limit:
            raise Refused(
                f"{file.name:.100} has {file.size / 1024**2:.0f} MB; files up to "
                f"{limit / 1024**2:.0f} MB are added."
            )
        data = await file.read(limit)
        added = ctx.knowledge.add_bytes(file.name, data, base=base, by=ctx.author.key)
        async with aclosing(_progress(added)) as steps:
            async for part in steps:
                yield part


async def _add_message(ctx: Context, target: Quote, base: str | None) -> AsyncGenerator[Part, None]:
    """From a message's menu: its files, else its links, else its text."""
    if target.attachments:
        async with aclosing(_add_files(ctx, target.attachments, base)) as steps:
            async for part in steps:
                yield part
        return
    links = [link.rstrip(".,;:!?)") for link in _URL.findall(target.text)]
    if links and len(_URL.sub("", target.text).split()) < 20:
        for link in links[:5]:
            added = ctx.knowledge.add(link, base=base, by=ctx.author.key)
            async with aclosing(_progress(added)) as steps:
                async for part in steps:
                    yield part
        return
    if not target.text.strip():
        raise UsageError("This message has nothing that could be added.")
    name = f"message-{re.sub(r'[^A-Za-z0-9-]+', '-', target.id) or 'text'}.md"
    text = f"# A message by {target.author}\n\n{target.text}"
    added = ctx.knowledge.add_bytes(name, text.encode(), base=base, by=ctx.author.key)
    async with aclosing(_progress(added)) as steps:
        async for part in steps:
            yield part


async def _progress(steps: AsyncGenerator[Ingested, None]) -> AsyncGenerator[Part, None]:
    """An ingestion as its asker sees it: how far it is, then what became of each document."""
    counts: dict[str, int] = {}
    shown = 0
    async with aclosing(steps) as reports:
        async for step in reports:
            if step.state == "working":
                yield Status(
                    "working", f"reading {step.location:.200}", done=step.done, total=step.total
                )
                continue
            counts[step.state] = counts.get(step.state, 0) + 1
            if shown < _SHOWN:
                shown += 1
                how = _WORDS.get(step.state, step.state)
                detail = f": {step.detail}" if step.detail else ""
                yield Text(f"- {step.location}: {how}{detail}\n")
    if sum(counts.values()) > 1:
        total = ", ".join(f"{number} {state}" for state, number in counts.items())
        yield Text(f"\n{total}.")


async def _remove(ctx: Context, what: str, bases: Sequence[str]) -> AsyncGenerator[Part, None]:
    """Remove from the first of these bases that has it."""
    if not what:
        raise UsageError("Name the document: /docs remove TITLE (see /docs list)")
    missing = NotFound("There are no documents here.")
    for base in bases:
        try:
            gone = await ctx.knowledge.remove(what, base=base)
        except NotFound as exc:
            missing = exc
        else:
            yield Notice(f"{gone.title} ({gone.location}) is removed from {gone.base}.")
            return
    raise missing


@hookimpl
def register_skills() -> Sequence[Skill]:
    return [Skill("docs_admin", commands=(docs,))]
