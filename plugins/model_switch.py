"""`/model`: which models there are, which one answers here, and choosing another."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Annotated, Literal

from bot.api import (
    Context,
    Example,
    Notice,
    Option,
    Part,
    Scope,
    Skill,
    Text,
    UsageError,
    command,
    hookimpl,
    model_names,
)

Width = Literal["here", "channel", "workspace", "default"]
WORDS: Mapping[Scope, str] = {
    "conversation": "chosen for this thread",
    "person": "chosen by you",
    "channel": "chosen for this channel",
    "workspace": "chosen for this workspace",
    "default": "the default",
}
ANSWERS: Mapping[Scope, str] = {
    "conversation": "everybody in this thread",
    "person": "you in this channel",
    "channel": "everybody in this channel who has not chosen another",
    "workspace": "everybody in this workspace where nothing else is chosen",
    "default": "wherever nothing else is chosen",
}


@command(
    "model",
    quick=True,
    private=lambda given: given.get("action") != "use" or given.get("scope", "here") == "here",
    examples=[Example("/model list"), Example("/model use default here", says="default")],
)
async def model(
    ctx: Context,
    action: Annotated[
        Literal["list", "use", "info"], Option("What to do: list, use or info")
    ] = "list",
    name: Annotated[str, Option("The model's name", complete=model_names, max_length=100)] = "",
    scope: Annotated[
        Width, Option("For whom: here is you, or the thread; wider needs an admin")
    ] = "here",
) -> AsyncIterator[Part]:
    """List the models, choose the one that answers, or look at one."""
    match action:
        case "list":
            yield Text(await _list(ctx))
        case "use":
            yield Notice(await _use(ctx, name, scope))
        case "info":
            yield Text(await _info(ctx, name))


async def _list(ctx: Context) -> str:
    current, scope = await ctx.models.current(ctx.conversation, ctx.author.key)
    lines = []
    for one in await ctx.models.describe():
        mark = f" ← answers here, {_chosen(ctx, scope)}" if one.name == current else ""
        about = f": {one.description}" if one.description else ""
        lines.append(f"- **{one.name}** ({one.engine}, {one.state}){about}{mark}")
    return "\n".join(lines)


async def _use(ctx: Context, name: str, width: Width) -> str:
    if not name:
        raise UsageError(f"Name a model: /model use {ctx.models.names()[0]}")
    scope: Scope = ctx.asker.here if width == "here" else width
    await ctx.authorize(f"model.use:{scope}")
    await ctx.models.use(await ctx.model(name), scope, ctx.conversation, ctx.author.key)
    current, holds = await ctx.models.current(ctx.conversation, ctx.author.key)
    whom = "you here" if ctx.asker.direct and scope == "channel" else ANSWERS[scope]
    if current != name:
        return f"{name} now answers {whom}; you get {current} here, {_chosen(ctx, holds)}."
    return f"{name} now answers {whom}."


def _chosen(ctx: Context, scope: Scope) -> str:
    """By whom, or for what, the model was chosen."""
    direct = ctx.asker.direct and scope == "channel"
    return "chosen for this conversation" if direct else WORDS[scope]


async def _info(ctx: Context, name: str) -> str:
    current, scope = await ctx.models.current(ctx.conversation, ctx.author.key)
    wanted = await ctx.model(name) if name else current
    about = next((one for one in await ctx.models.describe() if one.name == wanted), None)
    can = await ctx.models.capabilities(wanted)
    lines = [f"**{wanted}**" + (f": {about.description}" if about and about.description else "")]
    if about:
        lines.append(f"- Engine: {about.engine}, {about.state}")
        if about.detail:
            lines.append(f"- {about.detail}")
        lines += [f"- {replica}" for replica in about.replicas]
    if can.context:
        lines.append(f"- Context: {can.context:,} tokens")
    if can.family:
        lines.append(f"- Family: {can.family}")
    able = [word for word, does in (("tools", can.tools), ("JSON", can.json_schema)) if does]
    if can.thinking:
        able.append("thinking before it answers")
    if able:
        lines.append(f"- Knows: {', '.join(able)}")
    lines += [f"- {note}" for note in can.notes]
    if wanted == current:
        lines.append(f"- Answers here: {_chosen(ctx, scope)}")
    return "\n".join(lines)


@hookimpl
def register_skills() -> Sequence[Skill]:
    return [Skill("model_switch", commands=(model,))]
