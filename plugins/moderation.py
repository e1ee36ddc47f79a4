"""`/block`, `/pause` and `/admins` for admins, and `/allow` for whoever runs the bot."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from typing import Annotated, Literal

from bot.api import (
    Context,
    Example,
    Failed,
    Notice,
    Option,
    Part,
    Skill,
    UsageError,
    command,
    hookimpl,
    is_admin,
    lay_out,
    parse_person,
    say,
)

_MAX_LISTED = 50
_ELSEWHERE = say("This cannot be changed here.")


@command("block", checks=is_admin, quick=True, private=True, examples=[Example("/block list")])
async def block(
    ctx: Context,
    action: Annotated[Literal["add", "remove", "list"], Option("What to do")],
    person: Annotated[str, Option("A mention, or user:ID", max_length=200)] = "",
) -> AsyncIterator[Part]:
    """No longer answer somebody, anywhere; or answer them again."""
    service = ctx.services.moderation
    if service is None:
        raise Failed(_ELSEWHERE)
    if action == "list":
        yield _list(say("Blocked"), service.blocked(), say("Nobody is blocked."))
        return
    key = _person(ctx, person, f"/block {action}")
    if action == "add":
        await service.block(key, ctx.author.key)
        yield Notice(say("{key} is blocked: I no longer answer them.", key=key), private=True)
    elif await service.unblock(key, ctx.author.key):
        yield Notice(say("{key} is no longer blocked.", key=key), private=True)
    else:
        yield Notice(say("{key} was not blocked.", key=key), private=True)


@command(
    "pause",
    checks=is_admin,
    quick=True,
    private=True,
    examples=[Example("/pause here on", says="Paused here")],
)
async def pause(
    ctx: Context,
    where: Annotated[Literal["here", "everywhere"], Option("Which places")] = "here",
    state: Annotated[Literal["on", "off"], Option("Pause, or go on")] = "on",
    reason: Annotated[str, Option("What people are told", max_length=200)] = "",
) -> AsyncIterator[Part]:
    """Answer nobody for a while, here or everywhere; admins can still use commands."""
    service = ctx.services.moderation
    if service is None:
        raise Failed(_ELSEWHERE)
    place = ctx.conversation if where == "here" else None
    named = say("here") if where == "here" else say("everywhere")
    if state == "on":
        await service.pause(place, ctx.author.key, reason)
        yield Notice(
            say("Paused {place}. To end it, write /pause {where} off.", place=named, where=where)
        )
    elif await service.resume(place, ctx.author.key):
        yield Notice(say("I answer again {place}.", place=named))
    else:
        yield Notice(say("I was not paused {place}.", place=named), private=True)


@command("admins", checks=is_admin, quick=True, private=True, examples=[Example("/admins list")])
async def admins(
    ctx: Context,
    action: Annotated[Literal["list", "remove"], Option("What to do")] = "list",
    person: Annotated[str, Option("A mention, or user:ID", max_length=200)] = "",
) -> AsyncIterator[Part]:
    """Who became an admin with /allow; or take that back."""
    service = ctx.services.admins
    if service is None:
        raise Failed(_ELSEWHERE)
    if action == "list":
        yield _list(
            say("Admins by /allow"), service.chosen(), say("Nobody became an admin with /allow.")
        )
        return
    key = _person(ctx, person, "/admins remove")
    if await service.remove(key, ctx.author.key):
        yield Notice(say("{key} is no longer an admin by /allow.", key=key), private=True)
    else:
        yield Notice(say("{key} did not become an admin with /allow.", key=key), private=True)


@command("allow", quick=True, private=True)
async def allow(
    ctx: Context, word: Annotated[str, Option("The word from my log", max_length=100)]
) -> AsyncIterator[Part]:
    """Set me up for this place, with the word from my log."""
    service = ctx.services.places
    if service is None:
        raise Failed(_ELSEWHERE)
    yield Notice(await service.redeem(word, ctx.conversation, ctx.author.key), private=True)


def _person(ctx: Context, text: str, call: str) -> str:
    if not text:
        raise UsageError(say("Say whom: {call} PERSON", call=call))
    return parse_person(text, ctx.author.platform)


def _list(title: str, people: Sequence[str], nobody: str) -> Notice:
    if not people:
        return Notice(nobody, private=True)
    listed = ", ".join(people[:_MAX_LISTED])
    if (more := len(people) - _MAX_LISTED) > 0:
        listed = say("{listed}, and {number} more", listed=listed, number=more)
    return Notice(lay_out("{title}: {listed}.", title=title, listed=listed), private=True)


@hookimpl
def register_skills() -> Sequence[Skill]:
    return [Skill("moderation", commands=(block, pause, admins, allow))]
