"""Adds documents from chat for `/docs add`: a page, files, a message, a text."""

from __future__ import annotations

import re
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing

from bot.api import (
    Attachment,
    Context,
    ContextMessage,
    Failed,
    Ingested,
    NotFound,
    Refused,
    Status,
    Text,
    UsageError,
    at_this_machine,
    is_admin,
    join_sentences,
    lay_out,
    say,
    say_number,
)

_URL = re.compile(r"https?://[^\s<>|\"]+", re.IGNORECASE)
_MAX_SHOWN_DOCUMENTS = 50
_MAX_TITLE_CHARACTERS = 80
_OUTCOMES = {
    "added": say("added"),
    "changed": say("read again, since it has changed"),
    "unchanged": say("unchanged, nothing to do"),
    "removed": say("removed"),
    "refused": say("refused"),
}
_COUNTED = {**_OUTCOMES, "changed": say("changed"), "unchanged": say("unchanged")}


async def add(ctx: Context, what: str, text: str, base: str | None) -> None:
    """All that was given: a text with its title or an address beside it, an address, files."""
    plain = what.strip("<>").partition("|")[0]
    address = plain if _URL.match(plain) else ""
    things = []
    if text and _URL.fullmatch(plain):
        things += [_add_text(ctx, "", text, base), _add_address(ctx, address, base)]
    elif text:
        things.append(_add_text(ctx, what, text, base))
    elif address:
        things.append(_add_address(ctx, address, base))
    elif what:
        things.append(_add_path(ctx, what, base))
    things += [_add_file(ctx, file, base) for file in ctx.attachments]
    if not things:
        raise UsageError(
            say("Name a URL, attach a file, or give a text: /docs add https://example.com/guide")
        )
    await _add_all(ctx, things)


def _add_address(ctx: Context, location: str, base: str | None) -> AsyncGenerator[Ingested, None]:
    return ctx.knowledge.add(location, base=base, by=ctx.author.key)


def _add_path(ctx: Context, what: str, base: str | None) -> AsyncGenerator[Ingested, None]:
    """What is no address: in the terminal a path. Raises `Refused` before anything is added."""
    if not at_this_machine(ctx.asker):
        if ctx.attachments:
            raise Refused(
                say(
                    "{what!r} is no URL, and a file has its own title: leave it out, "
                    "and attach the file again.",
                    what=what[:60],
                )
            )
        raise Refused(say("Give a URL such as https://example.com/guide, or attach the file."))
    ctx.require(is_admin)
    return _add_address(ctx, what, base)


async def _add_file(
    ctx: Context, file: Attachment, base: str | None
) -> AsyncGenerator[Ingested, None]:
    limit = ctx.services.max_attachment_bytes
    if file.size > limit:
        raise Refused(
            say(
                "{name} has {size:.0f} MB; files up to {limit:.0f} MB are added.",
                name=file.name[:100],
                size=file.size / 1024**2,
                limit=limit / 1024**2,
            )
        )
    data = await file.read(limit)
    added = ctx.knowledge.add_bytes(file.name, data, base=base, by=ctx.author.key)
    async with aclosing(added) as steps:
        async for step in steps:
            yield step


async def add_message(ctx: Context, target: ContextMessage, base: str | None) -> None:
    """From a message's menu: its files, else its links, else its text."""
    links = [link.rstrip(".,;:!?)") for link in _URL.findall(target.text)]
    if target.attachments:
        things = [_add_file(ctx, file, base) for file in target.attachments]
    elif links and len(_URL.sub("", target.text).split()) < 20:
        things = [_add_address(ctx, link, base) for link in links[:5]]
    elif target.text.strip():
        name = f"message-{re.sub(r'[^A-Za-z0-9-]+', '-', target.id) or 'text'}.md"
        text = f"# A message by {target.author}\n\n{target.text}"
        things = [ctx.knowledge.add_bytes(name, text.encode(), base=base, by=ctx.author.key)]
    else:
        raise UsageError(say("This message has nothing that could be added."))
    await _add_all(ctx, things)


def _add_text(
    ctx: Context, title: str, text: str, base: str | None
) -> AsyncGenerator[Ingested, None]:
    """A text that somebody typed, as a document; the same title takes the place of the old one."""
    title = " ".join(title.split())[:_MAX_TITLE_CHARACTERS] or _first_line(text)
    slug = re.sub(r"[^\w+#]+", "-", title.casefold()).strip("-") or "text"  # C, C++ and C#
    if f"{slug}.md" in {file.name.casefold() for file in ctx.attachments}:
        slug += "-text"  # the file would take its place
    content = f"# {title}\n\n{text.strip()}\n"
    return ctx.knowledge.add_bytes(f"{slug}.md", content.encode(), base=base, by=ctx.author.key)


def _first_line(text: str) -> str:
    line = " ".join(text.strip().splitlines()[0].lstrip("# ").split())
    return (
        line
        if len(line) <= _MAX_TITLE_CHARACTERS
        else line[:_MAX_TITLE_CHARACTERS].rsplit(" ", 1)[0]
    )


async def _add_all(ctx: Context, things: Sequence[AsyncGenerator[Ingested, None]]) -> None:
    """One after the other; what cannot be added is told at the end, and keeps no other back."""
    wrong: list[Failed | NotFound | Refused | UsageError] = []
    for thing in things:
        try:
            await _report(ctx, thing)
        except (Failed, NotFound, Refused, UsageError) as exc:
            wrong.append(exc)
    if len(wrong) > 1:
        raise Refused(join_sentences(str(exc) for exc in wrong)) from wrong[0]
    if wrong:
        raise wrong[0]


async def _report(ctx: Context, steps: AsyncGenerator[Ingested, None]) -> None:
    """An ingestion as its asker sees it: how far it is, then what became of each document."""
    counts: dict[str, int] = {}
    shown = 0
    passed = ""
    async with aclosing(steps) as reports:
        async for step in reports:
            if step.state == "working":
                await ctx.say(_progress_status(step))
                continue
            if step.state == "passed":
                passed = step.detail
                continue
            counts[step.state] = counts.get(step.state, 0) + 1
            if shown < _MAX_SHOWN_DOCUMENTS:
                shown += 1
                how = join_sentences((_OUTCOMES.get(step.state, step.state), step.detail), ": ")
                missing = say("(not read: {left_out})", left_out=step.left_out)
                recognized = _recognized(step.recognized_pages)
                told = join_sentences((how, recognized, missing if step.left_out else ""))
                line = lay_out("- {location}: {told}\n", location=step.location, told=told)
                await ctx.say(Text(line))
    if sum(counts.values()) > 1:
        states = (
            lay_out("{number} {state}", number=number, state=_COUNTED.get(state, state))
            for state, number in counts.items()
        )
        total = lay_out("\n{total}.", total=join_sentences(states, ", "))
        await ctx.say(Text(total))
    if passed:
        await ctx.say(Text(lay_out("\n{passed}", passed=passed)))


def _recognized(pages: int) -> str:
    if not pages:
        return ""
    return say_number(
        "(read by text recognition, 1 page)", "(read by text recognition, {n:,} pages)", pages
    )


def _progress_status(step: Ingested) -> Status:
    """Of a long document, its passages; beside them the number of documents, if there are more."""
    done, total = step.done, step.total
    if not step.within:
        return Status(
            "working",
            say("reading {location}", location=step.location[:200]),
            done=done,
            total=total,
        )
    name = step.location.rstrip("/").rsplit("/", 1)[-1]
    text = f"{name:.100}: {step.within}"
    return Status("working", text, done=done, total=total) if total > 1 else Status("working", text)
