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
    nearest,
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
        hint = f" Did you mean /{near}?" if near else " Write /help to see them all."
        raise NotFound(f"There is no command /{name:.60}.{hint}")
    yield Text(_page(ctx, found))


def _overview(ctx: Context, commands: Sequence[Command], *, writes: bool) -> str:
    first = "Just write to me, or use a command." if writes else "Use a command."
    asking = [one for one in commands if not one.quick]
    groups = {"Ask": asking, "Settings and more": [one for one in commands if one.quick]}
    lines = [first]
    for title, found in groups.items():
        if found:
            lines += ["", f"**{title}**"]
            lines += [f"- {ctx.written(_short_usage(one))}: {one.description}" for one in found]
    return "\n".join([*lines, "", f"{ctx.written('/help NAME')} tells more about one of them."])


def _short_usage(one: Command) -> str:
    """What a call needs; the rest is told by the command's own page."""
    required = [option.name.upper() for option in one.options if option.required]
    return " ".join([f"/{one.name}", *required])


def _page(ctx: Context, found: Command) -> str:
    lines = [ctx.written(found.usage), "", found.description]
    if found.options:
        lines += ["", "Options:"]
    for option in found.options:
        words = [option.description]
        if option.choices:
            words.append("one of " + ", ".join(option.choices))
        if option.required:
            words.append("required")
        elif option.default not in (None, ""):
            words.append(f"{option.default} unless given")
        lines.append(f"- `{option.name}`: {'; '.join(words)}")
    if found.examples:
        lines += ["", "Examples:", *(f"- {ctx.written(one.call)}" for one in found.examples)]
    if found.menu:
        lines += ["", f"Also in the menu of a message: {found.menu}"]
    return "\n".join(lines)


@command("stop", quick=True, private=True)
async def stop(ctx: Context) -> AsyncIterator[Part]:
    """Stop the answer that is being written here."""
    stopped = await ctx.services.turns.stop(ctx.conversation, ctx.asker)
    yield Notice("Stopped." if stopped else "Nothing is being written here.", private=True)


async def greet(ctx: Context) -> None:
    """Answer a person who names the bot and says nothing more."""
    mine = [one for one in ctx.services.commands if await ctx.allowed(one.name)]
    if not mine:
        await ctx.say(Text("Hello!"))
        return
    asked = [one for one in sorted(mine, key=_by_use) if one.examples and one.name != "help"]
    lines = [f"- {ctx.written(one.examples[0].call)}" for one in asked[:_GREETING_EXAMPLES]]
    if any(one.name == "help" for one in mine):
        lines += ["", f"{ctx.written('/help')} lists everything."]
    await ctx.say(Text("\n".join(["Hello! Ask me something, for example:", "", *lines])))


def _by_use(one: Command) -> bool:
    """Commands that a model answers come first."""
    return one.quick


def _is_empty(message: Message) -> bool:
    return not message.text.strip() and not message.attachments


@hookimpl
def register_skills() -> Sequence[Skill]:
    return [
        Skill("help", commands=(help_, stop)),
        Skill("greeting", answer=greet, wants=_is_empty, priority=0, quick=True),
    ]
