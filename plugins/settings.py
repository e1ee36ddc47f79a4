"""`/settings`: how the bot behaves, and for whom; `/mydata` and `/forget`."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Annotated, Literal

from bot.api import (
    Completion,
    Context,
    Example,
    Failed,
    Notice,
    Option,
    Part,
    Refused,
    Scope,
    Setting,
    Skill,
    Text,
    UsageError,
    command,
    hookimpl,
    join_sentences,
    lay_out,
    say,
)

Width = Literal["here", "channel", "workspace", "default"]
WORDS: Mapping[Scope | None, str] = {
    "conversation": say("chosen for this thread"),
    "person": say("chosen by you"),
    "channel": say("chosen for this channel"),
    "workspace": say("chosen for this workspace"),
    "default": say("chosen for everywhere"),
    None: say("as it comes"),
}
PLACES: Mapping[Scope, str] = {
    "conversation": say("for everybody in this thread"),
    "person": say("for you in this channel"),
    "channel": say("for everybody in this channel"),
    "workspace": say("for everybody in this workspace"),
    "default": say("for everybody, everywhere"),
}


async def setting_names(asked: Completion) -> Sequence[str]:
    """Completes the name of a setting."""
    if asked.services.settings is None:
        return []
    service, asker = asked.services.settings, asked.asker
    names = [name for name in service.names() if name.startswith(asked.prefix)]
    every = await asked.allowed("settings.change:channel")
    return [name for name in names if every or service.may_choose(name, asker.here, asker)]


@command("settings", quick=True, private=True, examples=[Example("/settings show")])
async def settings(
    ctx: Context,
    action: Annotated[Literal["show", "set", "clear"], Option("What to do")] = "show",
    name: Annotated[str, Option("Which setting", complete=setting_names, max_length=100)] = "",
    value: Annotated[str, Option("Its new value", max_length=2000, multiline=True)] = "",
    scope: Annotated[
        Width | None, Option("Where it holds: here is you, or the thread; wider needs an admin")
    ] = None,
) -> AsyncIterator[Part]:
    """How I behave here: model, persona, files; for admins also documents, threads, commands."""
    service = ctx.services.settings
    if service is None:
        raise Failed(say("Settings cannot be changed here; whoever runs me sets them."))
    if action == "show":
        rows = await service.show(ctx.conversation, ctx.author.key)
        mine = [row for row in rows if service.may_choose(row.name, ctx.asker.here, ctx.asker)]
        yield Text(join_sentences(map(_row, mine), "\n"))
        return
    if not name:
        raise UsageError(say("Name the setting; /settings show lists them."))
    where = _scope(ctx, scope)
    alone = ctx.asker.direct and where == "channel"
    place = say("for this conversation") if alone else PLACES[where]
    if action == "clear":
        await service.clear(name, where, ctx.conversation, ctx.author.key)
        yield Notice(say("{name} is no longer chosen {place}.", name=name, place=place))
        return
    if not value:
        raise UsageError(say("Give a value: /settings set {name} VALUE", name=name))
    await service.put(name, value, where, ctx.conversation, ctx.author.key)
    yield Notice(
        say("{name} is set {place}; it holds from the next message on.", name=name, place=place)
    )


def _row(row: Setting) -> str:
    return lay_out(
        "- **{name}**: {value} ({chosen}). {about}.",
        name=row.name,
        value=row.value or say("(nothing)"),
        chosen=WORDS[row.scope],
        about=row.description,
    )


def _scope(ctx: Context, width: Width | None) -> Scope:
    """The scope that was meant: of an admin who names none it is the channel."""
    if width is None:
        width = "channel" if ctx.asker.admin else "here"
    return ctx.asker.here if width == "here" else width


@command("mydata", quick=True, private=True)
async def mydata(ctx: Context) -> AsyncIterator[Part]:
    """Send you a file with everything that I keep of you."""
    if ctx.services.own_data is None:
        raise Failed(say("I cannot send it from here; please ask whoever runs me."))
    if not ctx.asker.direct:
        raise Refused(say("Write this to me in a direct message: it is for your eyes alone."))
    yield await ctx.services.own_data.file(ctx.author.key)
    yield Notice(
        say(
            "This is everything that I keep of you, a line for each thing. To have it deleted, "
            "write {call}.",
            call=ctx.written("/forget"),
        ),
        private=True,
    )


@command("forget", quick=True, private=True)
async def forget(
    ctx: Context,
    confirm: Annotated[bool, Option("Write confirm=yes to delete it for good")] = False,
) -> AsyncIterator[Part]:
    """Delete what I have kept of you: messages, answers, memories, your own documents, feedback."""
    if ctx.services.forget is None:
        raise Failed(say("Nothing can be deleted here; please ask whoever runs me."))
    if not confirm:
        yield Notice(
            say(
                "This deletes your messages, my answers to them, what I remember for you, "
                "your own documents and your feedback, everywhere and for good. To do it, "
                "write /forget confirm=yes."
            ),
            private=True,
        )
        return
    turns = await ctx.services.forget(ctx.author.key)
    yield Notice(
        say(
            "Forgotten: {turns} turns are deleted. Backups that were made "
            "before may hold them for a while.",
            turns=turns,
        ),
        private=True,
    )


@hookimpl
def register_skills() -> Sequence[Skill]:
    return [Skill("settings", commands=(settings, mydata, forget))]
