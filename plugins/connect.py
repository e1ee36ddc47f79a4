"""`/connect`: programs that ask in a person's name, and servers where they are logged in."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Annotated, Literal

from bot.api import (
    AccessToken,
    Context,
    Example,
    Failed,
    Logins,
    Notice,
    Option,
    Part,
    Refused,
    Skill,
    Text,
    UsageError,
    command,
    hookimpl,
    is_admin,
    join_sentences,
    lay_out,
    parse_person,
    say,
    say_number,
)

_NOT_HERE = say("Programs cannot be connected here.")
_DIRECTLY = say("Write this to me in a direct message: a token is for your eyes alone.")


@command("connect", quick=True, private=True, examples=[Example("/connect list")])
async def connect(
    ctx: Context,
    action: Annotated[
        Literal["show", "new", "list", "revoke", "login", "confirm", "logout"], Option("What")
    ] = "show",
    which: Annotated[str, Option("A token, a server, or a number", max_length=200)] = "",
) -> AsyncIterator[Part]:
    """Connect a program that asks me in your name, or a server that I ask in yours."""
    match action:
        case "list":
            yield Text(await _list(ctx))
        case "revoke":
            yield Notice(await _revoke(ctx, which.strip()), private=True)
        case "login":
            yield Text(await _log_in(ctx, which.strip()))
        case "confirm":
            server = await _logins(ctx).confirm(ctx.author.key, which.strip())
            yield Notice(say("You are logged in to {name}.", name=server), private=True)
        case "logout":
            yield Notice(await _log_out(ctx, which.strip()), private=True)
        case _:
            yield Text(await _make(ctx, again=action == "new"))


async def _make(ctx: Context, *, again: bool) -> str:
    if (tokens := ctx.services.tokens) is None:
        raise Failed(_NOT_HERE)
    if not ctx.asker.direct:
        raise Refused(_DIRECTLY)
    person = ctx.author.key
    if not again and (there := await tokens.of_person(person)):
        lines = [_line(one) for one in there]
        words = say("A token is shown once. You have made:")
        more = say("For another one, write {call}.", call=ctx.written("/connect new"))
        return join_sentences((words, *lines, more), "\n")
    token = await tokens.make(person, ctx.conversation)
    ends = (await tokens.of_person(person))[-1].ends_at
    return say(
        "This is your token. I show it this once, so copy it now:\n\n```\n{token}\n```\n\n"
        "Whoever has it may ask me in your name until {day:%Y-%m-%d}. Give it to your program as "
        "a Bearer token. To take it back, write {call}.",
        token=token,
        day=ends,
        call=ctx.written("/connect revoke"),
    )


async def _list(ctx: Context) -> str:
    tokens, logins, person = ctx.services.tokens, ctx.services.logins, ctx.author.key
    made = await tokens.of_person(person) if tokens is not None else ()
    servers = await logins.of_person(person) if logins is not None else ()
    lines = [_line(one) for one in made]
    lines += [say("- **{name}**: you are logged in there", name=name) for name in servers]
    return join_sentences(lines, "\n") or say("Nothing is connected in your name.")


def _line(token: AccessToken) -> str:
    used = (
        say("last used {at:%Y-%m-%d %H:%M} UTC", at=token.used_at)
        if token.used_at is not None
        else say("never used")
    )
    return say(
        "- Token **{name}**: made {at:%Y-%m-%d}, {used}, ends {ends:%Y-%m-%d}",
        name=token.name,
        at=token.made_at,
        used=used,
        ends=token.ends_at,
    )


async def _revoke(ctx: Context, which: str) -> str:
    """Take back all of one's tokens, one of them, or as an admin those of somebody else."""
    if (tokens := ctx.services.tokens) is None:
        raise Failed(_NOT_HERE)
    own = {one.name for one in await tokens.of_person(ctx.author.key)}
    if not which or which in own:
        count = await tokens.revoke(ctx.author.key, which)
    else:
        count = 0
        if is_admin(ctx.asker):
            count = await tokens.revoke(parse_person(which, ctx.author.platform))
    if not count:
        return say("There was no such token to take back.")
    return say_number("One token is taken back.", "{n} tokens are taken back.", count)


def _logins(ctx: Context) -> Logins:
    if (logins := ctx.services.logins) is None:
        raise Failed(_NOT_HERE)
    return logins


async def _log_in(ctx: Context, server: str) -> str:
    if not server:
        raise UsageError(say("Say where: {call}", call=ctx.written("/connect login SERVER")))
    link = await _logins(ctx).begin(ctx.author.key, server)
    return say(
        "Log in to {name} in your browser, within ten minutes, and come back with the number that "
        "it shows you at the end: {link}",
        name=server,
        link=f"<{link}>",
    )


async def _log_out(ctx: Context, server: str) -> str:
    if not await _logins(ctx).remove(ctx.author.key, server):
        return say("You are not logged in at a server of that name.")
    return lay_out("**{name}**: {words}", name=server, words=say("you are logged out."))


@hookimpl
def register_skills() -> list[Skill]:
    return [Skill("connect", commands=(connect,))]
