"""`/model`: which models there are, which one answers here, and choosing another."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Mapping, Sequence
from contextlib import aclosing, suppress
from typing import Annotated, Literal

from bot.api import (
    Completion,
    Context,
    Example,
    Failed,
    NotFound,
    Notice,
    Option,
    Part,
    PullStep,
    Scope,
    Skill,
    Status,
    Text,
    UsageError,
    Value,
    catalog_chat_models,
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


_SPARE_S = 15.0
"""Time that is left of a turn's, in seconds, to say that a fetch goes on by itself."""
_PATIENCE_S = 600.0


async def model_references(asked: Completion) -> Sequence[str]:
    """Completes what a model may be called: those that are here, and those of the catalogue for
    whoever may fetch them."""
    names = list(await model_names(asked))
    if asked.services.pulls is not None and await asked.allowed("model.pull"):
        further = [name for name in catalog_chat_models() if name.startswith(asked.prefix)]
        names += [name for name in further if name not in names]
    return names


def _is_private(given: Mapping[str, Value]) -> bool:
    """A fetch is not: Slack shows neither progress nor Stop in what one person alone sees."""
    match given.get("action"):
        case "pull":
            return False
        case "use":
            return given.get("scope", "here") == "here"
    return True


@command(
    "model",
    quick=lambda given: given.get("action") != "pull",
    reads_history="never",
    private=_is_private,
    examples=[Example("/model list"), Example("/model use default here", says="default")],
)
async def model(
    ctx: Context,
    action: Annotated[
        Literal["list", "use", "info", "pull"], Option("What to do: list, use, info or pull")
    ] = "list",
    name: Annotated[
        str, Option("The model's name", complete=model_references, max_length=300)
    ] = "",
    scope: Annotated[
        Width, Option("For whom: here is you, or the thread; wider needs an admin")
    ] = "here",
) -> AsyncIterator[Part]:
    """List the models, choose the one that answers, look at one, or fetch another."""
    match action:
        case "list":
            yield Text(await _list(ctx))
        case "use":
            yield Notice(await _use(ctx, name, scope))
        case "info":
            yield Text(await _info(ctx, name))
        case "pull":
            async with aclosing(_pull(ctx, name)) as parts:
                async for part in parts:
                    yield part


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
    name = await _served(ctx, name)
    await ctx.models.use(name, scope, ctx.conversation, ctx.author.key)
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


async def _served(ctx: Context, name: str) -> str:
    """The name of the model that is meant. Raises `NotFound`, which says how it is fetched."""
    pulls = ctx.services.pulls
    if pulls is None or name in ctx.models.names():
        return await ctx.model(name)
    if not await ctx.allowed("model.pull"):
        with suppress(NotFound, UsageError):
            return await ctx.model(pulls.served(name) or name)
        return await ctx.model(name)
    if (served := pulls.served(name)) is None:
        call = ctx.written(lay_out("/model pull {name}", name=name))
        raise NotFound(say("{name} is not here yet; {call} fetches it.", name=name, call=call))
    return await ctx.model(served)


async def _pull(ctx: Context, name: str) -> AsyncGenerator[Part, None]:
    await ctx.authorize("model.pull")
    pulls = ctx.services.pulls
    if pulls is None:
        raise Failed(say("No further models can be fetched here."))
    if not name:
        raise UsageError(say("Name a model, as in /model pull qwen3-4b."))
    patience_s = max(0.0, (ctx.deadline_s or _PATIENCE_S) - _SPARE_S)
    async with aclosing(pulls.pull(name, ctx.author.key, patience_s)) as steps:
        async for step in steps:
            if step.state == "ready":
                yield Notice(_ready(ctx, step))
            elif step.state == "continues":
                yield Notice(
                    say(
                        "{name} is still being fetched{share}, and that goes on by itself; "
                        "{call} shows how far it is.",
                        name=step.name,
                        share=_share(step),
                        call=ctx.written(lay_out("/model pull {name}", name=name)),
                    )
                )
            else:
                yield Status("working", _progress(step))


def _progress(step: PullStep) -> str:
    match step.state:
        case "looking":
            return say("Looking for {name}", name=step.name)
        case "trying":
            return say("{name} is here; trying it out", name=step.name)
    if not step.total:
        return say("Fetching {name}", name=step.name)
    return say(
        "Fetching {name}: {done:.1f} of {total:.1f} GB{share}",
        name=step.name,
        done=step.done / 1e9,
        total=step.total / 1e9,
        share=_share(step),
    )


def _share(step: PullStep) -> str:
    return say(" ({share:.0%})", share=step.done / step.total) if step.total else ""


def _ready(ctx: Context, step: PullStep) -> str:
    call = ctx.written(lay_out("/model use {name}", name=step.name))
    if not step.written_per_s:
        return say("{name} is here; {call} chooses it.", name=step.name, call=call)
    return say(
        "{name} is here and writes about {number:.0f} tokens a second; {call} chooses it.",
        name=step.name,
        number=step.written_per_s,
        call=call,
    )


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
