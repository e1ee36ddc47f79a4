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
    parse_person,
)

_MAX_LISTED = 50
_ELSEWHERE = "This cannot be changed here."


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
        yield _list("Blocked", service.blocked(), "Nobody is blocked.")
        return
    key = _person(ctx, person, f"/block {action}")
    if action == "add":
        await service.block(key, ctx.author.key)
        yield Notice(f"{key} is blocked: I no longer answer them.", private=True)
    elif await service.unblock(key, ctx.author.key):
        yield Notice(f"{key} is no longer blocked.", private=True)
    else:
        yield Notice(f"{key} was not blocked.", private=True)


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
    if state == "on":
        await service.pause(place, ctx.author.key, reason)
        yield Notice(f"Paused {where}. To end it, write /pause {where} off.")
    elif await service.resume(place, ctx.author.key):
        yield Notice(f"I answer again {where}.")
    else:
        yield Notice(f"I was not paused {where}.", private=True)


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
        yield _list("Admins by /allow", service.chosen(), "Nobody became an admin with /allow.")
        return
    key = _person(ctx, person, "/admins remove")
    if await service.remove(key, ctx.author.key):
        yield Notice(f"{key} is no longer an admin by /allow.", private=True)
    else:
        yield Notice(f"{key} did not become an admin with /allow.", private=True)


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
        raise UsageError(f"Say whom: {call} PERSON")
    return parse_person(text, ctx.author.platform)


def _list(title: str, people: Sequence[str], nobody: str) -> Notice:
    if not people:
        return Notice(nobody, private=True)
    more = f", and {len(people) - _MAX_LISTED} more" if len(people) > _MAX_LISTED else ""
    return Notice(f"{title}: {', '.join(people[:_MAX_LISTED])}{more}.", private=True)


@hookimpl
def register_skills() -> Sequence[Skill]:
    return [Skill("moderation", commands=(block, pause, admins, allow))]
