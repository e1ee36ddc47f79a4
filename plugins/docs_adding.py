"""Adding documents from chat: a page, files, a message, a text that somebody typed."""

from __future__ import annotations

import re
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing

from bot.api import (
    Attachment,
    Context,
    Ingested,
    Part,
    Quote,
    Refused,
    Status,
    Text,
    UsageError,
    is_admin,
)

_URL = re.compile(r"https?://[^\s<>|\"]+", re.IGNORECASE)
_SHOWN = 50
_LONGEST_TITLE = 80
_WORDS = {
    "added": "added",
    "changed": "read again, since it has changed",
    "unchanged": "unchanged, nothing to do",
    "removed": "removed",
}


async def add(ctx: Context, what: str, base: str | None) -> AsyncGenerator[Part, None]:
    if not what and not ctx.attachments:
        raise UsageError(
            "Name a URL, attach a file, or give a text: /docs add https://example.com/guide"
        )
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


async def add_message(ctx: Context, target: Quote, base: str | None) -> AsyncGenerator[Part, None]:
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


async def add_text(
    ctx: Context, title: str, text: str, base: str | None
) -> AsyncGenerator[Part, None]:
    """A text that somebody typed, as a document; the same title takes the place of the old one."""
    title = " ".join(title.split())[:_LONGEST_TITLE] or _first_line(text)
    slug = re.sub(r"\W+", "-", title.casefold()).strip("-") or "text"
    content = f"# {title}\n\n{text.strip()}\n"
    added = ctx.knowledge.add_bytes(f"{slug}.md", content.encode(), base=base, by=ctx.author.key)
    async with aclosing(_progress(added)) as steps:
        async for part in steps:
            yield part


def _first_line(text: str) -> str:
    line = " ".join(text.strip().splitlines()[0].lstrip("# ").split())
    return line if len(line) <= _LONGEST_TITLE else line[:_LONGEST_TITLE].rsplit(" ", 1)[0]


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
