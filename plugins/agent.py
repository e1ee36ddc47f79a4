"""`/agent`: a task that takes tools; `/tools`, `/approvals`."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from typing import Annotated, Literal

from bot.api import (
    BackendError,
    Completion,
    Context,
    Example,
    Explanation,
    Failed,
    NotFound,
    Notice,
    Option,
    Refused,
    Scope,
    Services,
    Skill,
    StoredCall,
    Text,
    UsageError,
    act,
    add_summary,
    as_code,
    catalog_tool_models,
    command,
    fit_conversation,
    hookimpl,
    join_sentences,
    lay_out,
    model_names,
    open_calls,
    open_prompt,
    read_provenance,
    require_budget,
    say,
    usable_tools,
)

_MAX_LINE_CHARACTERS = 160
_LEAST_CODE_LETTERS = 4
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
    if ctx.resumed is None:
        await require_budget(ctx)
    tools = (await usable_tools(ctx)).tools
    history = await ctx.history.recent(str(ctx.conversation))
    opening = await open_prompt(ctx, name, history, task)
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
    able = []
    for one in ctx.models.names():
        with suppress(BackendError):  # one that cannot be reached cannot be chosen
            able += [one] if (await ctx.models.capabilities(one)).tools else []
    if able:
        return say(
            "{name} cannot use tools. Choose one that can with /model: {able}.",
            name=name,
            able=", ".join(able),
        )
    return say(
        "{name} cannot use tools, and no other model here can. Whoever runs me can add one of the "
        "catalogue that can: {others}, or a larger one.",
        name=name,
        others=", ".join(catalog_tool_models()),
    )


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


async def _waiting_codes(query: Completion) -> Sequence[str]:
    """Complete the letters of what waits for a person."""
    found = await _open_calls(query.services, query.author.key)
    return [code for code in _codes(found).values() if code.startswith(query.prefix)]


@command(
    "approvals",
    quick=True,
    private=True,
    examples=[Example("/approvals")],
)
async def approvals(
    ctx: Context,
    action: Annotated[
        Literal["list", "approve", "refuse", "seen"],
        Option("What to do: list, approve, refuse, or seen for what may have been done"),
    ] = "list",
    which: Annotated[
        str, Option("Its letters in the list", complete=_waiting_codes, max_length=40)
    ] = "",
) -> None:
    """What waits for your approval, and what may or may not have been done."""
    found = await _open_calls(ctx.services, ctx.author.key)
    if action == "list":
        await ctx.say(Text(await _list_calls(ctx, found)))
        return
    turn = _find(found, which)
    states = {one.state for one in found[turn]}
    if action == "seen":
        if states == {"waiting"}:
            raise Refused(say("This still waits for you: approve or refuse it."))
        assert ctx.services.calls is not None
        await ctx.services.calls.saw(turn)
        await ctx.say(Notice(say("Noted; it is not listed any more.")))
        return
    suspensions = ctx.services.suspensions
    if "waiting" not in states:
        raise Refused(say("This was begun already; whether it was done is not known."))
    if suspensions is None or not await suspensions.choose(turn, action, ctx.author.name):
        raise Refused(say("This was answered already, or its time is over."))
    if action == "approve":
        await ctx.say(Notice(say("Approved; I go on where you asked for it.")))
    else:
        await ctx.say(Notice(say("Refused; I say so where you asked for it.")))


async def _open_calls(services: Services, person: str) -> Mapping[str, Sequence[StoredCall]]:
    return await open_calls(services.calls, services.suspensions, person)


async def _list_calls(ctx: Context, found: Mapping[str, Sequence[StoredCall]]) -> str:
    if not found or ctx.services.suspensions is None:
        return say("Nothing waits for you.")
    cards = {one.turn: one.card for one in await ctx.services.suspensions.of_person(ctx.author.key)}
    blocks = []
    for turn, code in _codes(found).items():
        for one in found[turn]:
            waits = one.state == "waiting"
            shown = cards.get(turn, "") if waits else ""
            line = _call_line(one.tool, {} if shown else one.arguments, waits)
            head = lay_out("`{code}` {line}", code=code, line=line)
            calls = ("approve", "refuse") if waits else ("seen",)
            how = ", ".join(ctx.written(f"/approvals {do} {code}") for do in calls)
            blocks.append("\n".join(filter(None, (head, shown, how))))
    return join_sentences(blocks, "\n\n")


def _codes(turns: Collection[str]) -> Mapping[str, str]:
    """The first letters of the id of each turn: as many as tell all of them apart."""
    size = _LEAST_CODE_LETTERS
    while len({turn[:size] for turn in turns}) < len(turns):
        size += 1
    return {turn: turn[:size] for turn in turns}


def _find(found: Collection[str], which: str) -> str:
    """The turn with these first letters. Raises `UsageError` and `NotFound`."""
    wanted = which.strip().strip("`").lower()
    if len(wanted) < _LEAST_CODE_LETTERS:
        raise UsageError(say("Say which: its letters stand in the list of /approvals."))
    matching = [turn for turn in found if turn.startswith(wanted)]
    if len(matching) != 1:
        raise NotFound(say("Nothing of that name waits for you; /approvals lists what does."))
    return matching[0]


def _call_line(tool: str, arguments: Mapping[str, object], waits: bool) -> str:
    given = _short(", ".join(f"{name}: {value}" for name, value in arguments.items()))
    about = f" ({as_code(given)})" if given else ""
    state = say("waits for you") if waits else say("it is not known whether it was done")
    return lay_out("**{tool}**{about}: {state}", tool=tool, about=about, state=state)


def _short(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= _MAX_LINE_CHARACTERS else line[:_MAX_LINE_CHARACTERS] + "…"


@hookimpl
def register_skills() -> Sequence[Skill]:
    return [Skill("agent", commands=(agent, tools, approvals))]
