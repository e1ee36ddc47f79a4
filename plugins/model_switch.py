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
    join_sentences,
    lay_out,
    model_names,
    say,
)

Width = Literal["here", "channel", "workspace", "default"]
WORDS: Mapping[Scope, str] = {
    "conversation": say("chosen for this thread"),
    "person": say("chosen by you"),
    "channel": say("chosen for this channel"),
    "workspace": say("chosen for this workspace"),
    "default": say("the default"),
}
ANSWERS: Mapping[Scope, str] = {
    "conversation": say("everybody in this thread"),
    "person": say("you in this channel"),
    "channel": say("everybody in this channel who has not chosen another"),
    "workspace": say("everybody in this workspace where nothing else is chosen"),
    "default": say("wherever nothing else is chosen"),
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
        about = f": {one.description}" if one.description else ""
        line = lay_out(
            "- **{name}** ({engine}, {state}){about}",
            name=one.name,
            engine=one.engine,
            state=one.state,
            about=about,
        )
        if one.name == current:
            chosen = _chosen(ctx, scope)
            line = say("{line} ← answers here, {chosen}", line=line, chosen=chosen)
        lines.append(line)
    return join_sentences(lines, "\n")


async def _use(ctx: Context, name: str, width: Width) -> str:
    if not name:
        raise UsageError(say("Name a model: /model use {name}", name=ctx.models.names()[0]))
    scope: Scope = ctx.asker.here if width == "here" else width
    await ctx.authorize(f"model.use:{scope}")
    await ctx.models.use(await ctx.model(name), scope, ctx.conversation, ctx.author.key)
    current, holds = await ctx.models.current(ctx.conversation, ctx.author.key)
    whom = say("you here") if ctx.asker.direct and scope == "channel" else ANSWERS[scope]
    if current != name:
        return say(
            "{name} now answers {whom}; you get {current} here, {chosen}.",
            name=name,
            whom=whom,
            current=current,
            chosen=_chosen(ctx, holds),
        )
    return say("{name} now answers {whom}.", name=name, whom=whom)


def _chosen(ctx: Context, scope: Scope) -> str:
    """By whom, or for what, the model was chosen."""
    direct = ctx.asker.direct and scope == "channel"
    return say("chosen for this conversation") if direct else WORDS[scope]


async def _info(ctx: Context, name: str) -> str:
    current, scope = await ctx.models.current(ctx.conversation, ctx.author.key)
    wanted = await ctx.model(name) if name else current
    about = next((one for one in await ctx.models.describe() if one.name == wanted), None)
    can = await ctx.models.capabilities(wanted)
    described = f": {about.description}" if about and about.description else ""
    lines = [f"**{wanted}**{described}"]
    if about:
        lines.append(say("- Engine: {engine}, {state}", engine=about.engine, state=about.state))
        lines += [lay_out("- {item}", item=one) for one in (about.detail, *about.replicas) if one]
    if can.context:
        lines.append(say("- Context: {number:,} tokens", number=can.context))
    if can.family:
        lines.append(say("- Family: {family}", family=can.family))
    skills = ((say("tools"), can.tools), (say("JSON"), can.json_schema))
    able = [word for word, does in skills if does]
    if can.vision:
        able.append(say("seeing pictures"))
    if can.thinking:
        able.append(say("thinking before it answers"))
    if able:
        lines.append(say("- Knows: {skills}", skills=join_sentences(able, ", ")))
    lines += [lay_out("- {note}", note=note) for note in can.notes]
    if wanted == current:
        lines.append(say("- Answers here: {chosen}", chosen=_chosen(ctx, scope)))
    return join_sentences(lines, "\n")


@hookimpl
def register_skills() -> Sequence[Skill]:
    return [Skill("model_switch", commands=(model,))]
