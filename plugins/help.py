"""`/help`, made from what the commands declare, and `/stop`."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from typing import Annotated

from bot.api import (
    Command,
    Completion,
    Context,
    Example,
    Message,
    NotFound,
    Notice,
    Option,
    Part,
    Skill,
    Text,
    command,
    hookimpl,
    join_sentences,
    lay_out,
    nearest,
    say,
)

_GREETING_EXAMPLES = 3


async def command_names(asked: Completion) -> Sequence[str]:
    """Completes the name of a command."""
    prefix = asked.prefix.lstrip("/")
    return [
        one.name
        for one in asked.services.commands
        if one.name.startswith(prefix) and await asked.allowed(one.name)
    ]


@command(
    "help",
    quick=True,
    private=True,
    examples=[Example("/help", says="/ask"), Example("/help rap")],
)
async def help_(
    ctx: Context,
    about: Annotated[
        str, Option("A command to explain", complete=command_names, max_length=60)
    ] = "",
) -> AsyncIterator[Part]:
    """What you can ask for, and how."""
    mine = [one for one in ctx.services.commands if await ctx.allowed(one.name)]
    if not about:
        writes = await ctx.allowed("message") and await ctx.allowed("chat")
        yield Text(_overview(ctx, sorted(mine, key=lambda one: one.name), writes=writes))
        return
    name = about.strip().lstrip("/").lower()
    found = next((one for one in mine if one.name == name), None)
    if found is None:
        near = nearest(name, [one.name for one in mine])
        hint = (
            say(" Did you mean /{near}?", near=near)
            if near
            else say(" Write /help to see them all.")
        )
        raise NotFound(say("There is no command /{name}.{hint}", name=name[:60], hint=hint))
    yield Text(_page(ctx, found))


def _overview(ctx: Context, commands: Sequence[Command], *, writes: bool) -> str:
    first = say("Just write to me, or use a command.") if writes else say("Use a command.")
    asking = [one for one in commands if not one.quick]
    others = [one for one in commands if one.quick]
    lines: list[str] = [first]
    for title, found in ((say("Ask"), asking), (say("Settings and more"), others)):
        if found:
            lines.append(lay_out("\n**{title}**", title=title))
            lines += [_named(ctx.written(_short_usage(one)), one.description) for one in found]
    more = say("{call} tells more about one of them.", call=ctx.written("/help NAME"))
    return join_sentences((*lines, lay_out("\n{more}", more=more)), "\n")


def _named(name: str, about: str) -> str:
    return say("- {name}: {about}", name=name, about=about)


def _short_usage(one: Command) -> str:
    """What a call needs; the rest is told by the command's own page."""
    required = [option.name.upper() for option in one.options if option.required]
    return " ".join([f"/{one.name}", *required])


def _page(ctx: Context, found: Command) -> str:
    lines = [ctx.written(found.usage), lay_out("\n{about}", about=found.description)]
    if found.options:
        lines.append(lay_out("\n{title}", title=say("Options:")))
    for option in found.options:
        lines.append(_named(f"`{option.name}`", _about(option)))
    if found.examples:
        lines.append(lay_out("\n{title}", title=say("Examples:")))
        lines += [f"- {ctx.written(one.call)}" for one in found.examples]
    if found.menu:
        menu = say("Also in the menu of a message: {menu}", menu=found.menu)
        lines.append(lay_out("\n{menu}", menu=menu))
    return join_sentences(lines, "\n")


def _about(option: Option) -> str:
    """What an option is for, and in brackets what may be given."""
    more: list[str] = []
    if option.choices:
        more.append(say("one of {choices}", choices=", ".join(option.choices)))
    if option.required:
        more.append(say("required"))
    elif option.default not in (None, ""):
        more.append(say("{default} unless given", default=option.default))
    if not more:
        return option.description
    return lay_out("{about} ({more})", about=option.description, more=join_sentences(more, ", "))


@command("stop", quick=True, private=True)
async def stop(ctx: Context) -> AsyncIterator[Part]:
    """Stop the answer that is being written here."""
    stopped = await ctx.services.turns.stop(ctx.conversation, ctx.asker)
    words = say("Stopped.") if stopped else say("Nothing is being written here.")
    if stopped > 1:
        words = say("Stopped {number} answers.", number=stopped)
    yield Notice(words, private=True)


async def greet(ctx: Context) -> None:
    """Answer a person who names the bot and says nothing more."""
    mine = [one for one in ctx.services.commands if await ctx.allowed(one.name)]
    if not mine:
        await ctx.say(Text(say("Hello!")))
        return
    asked = [one for one in sorted(mine, key=_by_use) if one.examples and one.name != "help"]
    examples = "\n".join(
        f"- {ctx.written(one.examples[0].call)}" for one in asked[:_GREETING_EXAMPLES]
    )
    lines = [say("Hello! Ask me something, for example:"), examples]
    if any(one.name == "help" for one in mine):
        lines.append(say("{call} lists everything.", call=ctx.written("/help")))
    await ctx.say(Text(join_sentences(lines, "\n\n")))


def _by_use(one: Command) -> bool:
    """Commands that a model answers come first."""
    return bool(one.quick)


def _is_empty(message: Message) -> bool:
    return not message.text.strip() and not message.attachments


@hookimpl
def register_skills() -> Sequence[Skill]:
    return [
        Skill("help", commands=(help_, stop)),
        Skill("greeting", answer=greet, wants=_is_empty, priority=0, quick=True),
    ]
