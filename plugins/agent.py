"""`/agent`: a task that takes tools; `/tools`, `/approvals`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

from bot.api import (
    Context,
    Example,
    Explanation,
    Failed,
    Notice,
    Option,
    Refused,
    Scope,
    Skill,
    Text,
    act,
    add_summary,
    as_code,
    command,
    fit_conversation,
    hookimpl,
    join_sentences,
    lay_out,
    model_names,
    open_prompt,
    read_provenance,
    say,
    usable_tools,
)

_MAX_LINE_CHARACTERS = 160
_SWITCH = ("on", "off")
_RULE = "command.tool"
"""The setting that says who may have any tool used."""


@command(
    "agent",
    remember=True,
    question="task",
    examples=[Example("/agent what is 17 % of 2,340?")],
)
async def agent(
    ctx: Context,
    task: Annotated[str, Option("What should be done", multiline=True)],
    model: Annotated[str | None, Option("Which model does it", complete=model_names)] = None,
) -> None:
    """Do something with tools: search, look up, calculate. I ask before I change anything."""
    if task.strip().lower() in _SWITCH:
        await _switch(ctx, on=task.strip().lower() == "on")
        return
    name = await ctx.model(model)
    capabilities = await ctx.models.capabilities(name)
    if not capabilities.tools:
        raise Refused(await _no_tools(ctx, name))
    tools = (await usable_tools(ctx)).tools
    history = await ctx.history.recent(str(ctx.conversation))
    opening = await open_prompt(ctx, name, history)
    system = opening.system
    if tools:
        system = join_sentences((system, ctx.prompts.render("agent", capabilities)), "\n")
    said = opening.said(ctx, task)
    fitted = await fit_conversation(
        ctx,
        name,
        system=system,
        compose=lambda blocks: said,
        blocks=0,
        history=history,
        who=opening.who,
    )
    provenance = read_provenance(ctx, task, history)
    opening.add_to(provenance, ctx.author.key)
    add_summary(provenance, fitted.summary, ctx.author.key)
    await ctx.say(
        Explanation(
            model=name,
            turns_used=fitted.turns_used,
            turns_left_out=fitted.turns_left_out,
            summary=fitted.summary.id if fitted.summary is not None else 0,
        )
    )
    await act(
        ctx,
        fitted.messages,
        tools,
        task=task,
        provenance=provenance,
        model=name,
    )


async def _switch(ctx: Context, *, on: bool) -> None:
    """Turn the tools of a place on or off, for an admin."""
    if (settings := ctx.services.settings) is None:
        raise Failed(say("Settings cannot be changed here; whoever runs me sets them."))
    scope: Scope = "conversation" if ctx.conversation.thread is not None else "channel"
    if on:
        await settings.clear(_RULE, scope, ctx.conversation, ctx.author.key)
        await ctx.say(Notice(say("I may use tools here.")))
        return
    await settings.put(_RULE, "nobody", scope, ctx.conversation, ctx.author.key)
    await ctx.say(Notice(say("I use no tools here any more; /agent on turns them on again.")))


async def _no_tools(ctx: Context, name: str) -> str:
    able = [one for one in ctx.models.names() if (await ctx.models.capabilities(one)).tools]
    if able:
        return say(
            "{name} cannot use tools. Choose one that can with /model: {able}.",
            name=name,
            able=", ".join(able),
        )
    return say("{name} cannot use tools, and no other model here can.", name=name)


@command("tools", quick=True, private=True, examples=[Example("/tools")])
async def tools(ctx: Context) -> None:
    """What you may have me use here, and why not the others."""
    found = await usable_tools(ctx)
    if not found.tools and not found.refused:
        await ctx.say(Text(say("There are no tools here.")))
        return
    lines = [
        lay_out("- **{name}**: {about}", name=one.name, about=_short(one.description))
        for one in found.tools
    ]
    if found.refused:
        lines.append(lay_out("\n{words}", words=say("Not here:")))
        lines += [
            lay_out("- **{name}**: {reason}", name=one.tool.name, reason=one.reason)
            for one in found.refused
        ]
    await ctx.say(Text(join_sentences(lines, "\n")))


@command("approvals", quick=True, private=True, examples=[Example("/approvals")])
async def approvals(ctx: Context) -> None:
    """What waits for your approval, and what may or may not have been done."""
    if (calls := ctx.services.calls) is None:
        raise Failed(say("Nothing can wait here."))
    found = await calls.of_person(ctx.author.key, ("waiting", "unknown"))
    lines = [_call_line(one.tool, dict(one.arguments), one.state == "waiting") for one in found]
    await ctx.say(Text(join_sentences(lines, "\n") or say("Nothing waits for you.")))


def _call_line(tool: str, arguments: dict[str, object], waits: bool) -> str:
    given = _short(", ".join(f"{name}: {value}" for name, value in arguments.items()))
    about = f" ({as_code(given)})" if given else ""
    state = say("waits for you") if waits else say("it is not known whether it was done")
    return lay_out("- **{tool}**{about}: {state}", tool=tool, about=about, state=state)


def _short(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= _MAX_LINE_CHARACTERS else line[:_MAX_LINE_CHARACTERS] + "…"


@hookimpl
def register_skills() -> Sequence[Skill]:
    return [Skill("agent", commands=(agent, tools, approvals))]
