"""`/remember` and `/memory`: facts that people want to be remembered."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Annotated, Literal

from bot.api import (
    MAX_MEMORY_CHARACTERS,
    Completion,
    Context,
    Denied,
    Example,
    Failed,
    Memories,
    Memory,
    NotFound,
    Notice,
    Option,
    Owner,
    Skill,
    Text,
    UsageError,
    Value,
    command,
    hookimpl,
    join_sentences,
    lay_out,
    owner_of,
    plain_name,
    say,
)

_CHANNEL_ACTION = "memory.channel"
_CHANNEL_SIGN = "c"
"""Before the number of what is kept for a channel."""
_HERE = re.compile(r"here(?::\s*|\s+)(?=\S)")
_YES = frozenset({"true", "yes", "on", "1"})


def _for_channel(given: Mapping[str, Value]) -> bool:
    """Whether a call of `/remember` is for everybody in the channel."""
    here = str(given.get("here", "")).strip().lower() in _YES
    return here or _HERE.match(str(given.get("text", ""))) is not None


@command(
    "remember",
    quick=True,
    private=lambda given: not _for_channel(given),
    examples=[Example("/remember I work in Lisbon", says="Kept for you: I work in Lisbon")],
)
async def remember(
    ctx: Context,
    text: Annotated[
        str, Option("What I should remember", max_length=MAX_MEMORY_CHARACTERS, multiline=True)
    ],
    here: Annotated[bool, Option("For everybody in this channel, not for you alone")] = False,
) -> AsyncIterator[Text]:
    """Have me remember something, for you or, with here, for this channel."""
    shared = _for_channel({"text": text, "here": here})
    one = await keep(ctx, text if here else _HERE.sub("", text, count=1), shared=shared)
    yield Text(kept_words(one))


async def _numbers(asked: Completion) -> Sequence[str]:
    """Completes the number of what is kept."""
    if (kept := asked.services.memories) is None:
        return []
    found = [one for owner in _owners(asked.asker.direct, asked) for one in await kept.of(owner)]
    return [label for one in found if (label := _label(one)).startswith(asked.prefix)]


def _owners(direct: bool, at: Context | Completion) -> list[Owner]:
    here = [] if direct else [owner_of(at.author, at.conversation, here=True, direct=False)]
    return [owner_of(at.author, at.conversation, here=False, direct=direct), *here]


@command(
    "memory",
    quick=True,
    private=True,
    form=lambda given: given.get("action") == "edit" and "text" not in given,
    examples=[Example("/memory")],
)
async def memory(
    ctx: Context,
    action: Annotated[
        Literal["list", "edit", "delete", "clear", "on", "off"], Option("What to do")
    ] = "list",
    which: Annotated[
        str,
        Option("Its number in the list; to clear: mine or channel", complete=_numbers),
    ] = "",
    text: Annotated[
        str, Option("The new words, to edit one", max_length=MAX_MEMORY_CHARACTERS, multiline=True)
    ] = "",
) -> AsyncIterator[Text | Notice]:
    """What I remember for you and for this channel: list, change or delete it; turn it off."""
    kept = _memories(ctx)
    if action == "list":
        yield Text(await _list(ctx, kept))
    elif action in ("on", "off"):
        await kept.turn(ctx.author.key, on=action == "on")
        yield Notice(
            say("I remember what you ask me to.")
            if action == "on"
            else say("I keep nothing for you any more, and use nothing that I have kept.")
        )
    elif action == "clear":
        yield Notice(await _clear(ctx, kept, which.strip().lower()))
    elif action == "edit":
        one, _ = await _find(ctx, kept, which)
        await kept.change(one, text)
        yield Notice(say("Changed."))
    else:
        one, owner = await _find(ctx, kept, which)
        await kept.delete(owner, [one.number])
        yield Notice(say("Deleted: {text}", text=one.text))


async def _list(ctx: Context, kept: Memories) -> str:
    titles = (say("**For you**"), say("**For everybody in this channel**"))
    lines: list[str] = []
    for title, owner in zip(titles, _owners(ctx.asker.direct, ctx), strict=False):
        if found := await kept.of(owner):
            lines += [title, *map(_line, found)]
    if not await kept.enabled(ctx.author.key):
        lines.append(say("I keep and use nothing for you; /memory on changes that."))
    return join_sentences(lines, "\n") or say("I remember nothing here. /remember keeps something.")


def _line(one: Memory) -> str:
    shown = lay_out("- **{label}**: {text}", label=_label(one), text=one.text)
    if not one.place:
        return shown
    return lay_out("{shown} ({name})", shown=shown, name=plain_name(one.name))


def _label(one: Memory) -> str:
    return f"{_CHANNEL_SIGN}{one.number}" if one.place else str(one.number)


async def _find(ctx: Context, kept: Memories, which: str) -> tuple[Memory, Owner]:
    """The fact of a number that the person may change. Raises `UsageError`, `NotFound` or
    `Denied`."""
    wanted = which.strip().lower()
    shared = wanted.startswith(_CHANNEL_SIGN)
    digits = wanted.removeprefix(_CHANNEL_SIGN)
    if not (digits.isascii() and digits.isdigit() and len(digits) < 10):
        raise UsageError(say("Give its number as /memory shows it, such as 1 or c1."))
    owners = _owners(ctx.asker.direct, ctx)
    if shared and len(owners) < 2:
        raise NotFound(say("There is no number {number}; /memory lists them.", number=wanted))
    owner = owners[int(shared)]
    one = await kept.find(owner, int(digits))
    if shared and one.person != ctx.author.key and not await ctx.allowed(_CHANNEL_ACTION):
        raise Denied(say("Only who wrote it, or an admin, can change this."))
    return one, owner


async def _clear(ctx: Context, kept: Memories, which: str) -> str:
    if which not in ("mine", "channel"):
        return say(
            "This deletes all that I remember for you, for good. To do it, write "
            "/memory clear mine; for this channel, /memory clear channel."
        )
    owners = _owners(ctx.asker.direct, ctx)
    if which == "channel":
        await ctx.authorize(_CHANNEL_ACTION)
    count = await kept.delete(owners[-1] if which == "channel" else owners[0])
    return say("Deleted: {count}.", count=count)


def _memories(ctx: Context) -> Memories:
    if (kept := ctx.services.memories) is None:
        raise Failed(say("Nothing can be kept here."))
    return kept


async def keep(
    ctx: Context, text: str, *, shared: bool, origin: Literal["asker", "people"] = "asker"
) -> Memory:
    """Keep a fact for the person or the channel. Raises `Denied`, `Refused` or `UsageError`."""
    owner = owner_of(ctx.author, ctx.conversation, here=shared, direct=ctx.asker.direct)
    if owner.place:
        await ctx.authorize(_CHANNEL_ACTION)
    return await _memories(ctx).keep(owner, text, ctx.author, origin)


def kept_words(one: Memory) -> str:
    """What is said when something is kept."""
    if one.place:
        return say("Kept for everybody in this channel: {text}", text=one.text)
    return say("Kept for you: {text}", text=one.text)


@hookimpl
def register_skills() -> Sequence[Skill]:
    return [Skill("memory", commands=(remember, memory))]
