"""The tools that keep something for a person, and that search what they said earlier."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Literal

from bot.api import (
    MAX_MEMORY_CHARACTERS,
    AgentTool,
    Context,
    Failed,
    Notice,
    Option,
    Origin,
    PastExchange,
    ToolResult,
    Writer,
    answer_origin,
    hookimpl,
    least_trusted,
    plain_name,
    quoted,
    say,
    stands_in,
    tool,
)
from plugins.memory import keep, kept_words

_MAX_FOUND = 6
_MAX_SHOWN_CHARACTERS = 400


@tool(
    "remember",
    effect="write",
    matters=("text",),
    status=say("Keeping something"),
    offer=say("Keep this"),
)
async def remember(
    ctx: Context,
    text: Annotated[str, Option("One short fact", max_length=MAX_MEMORY_CHARACTERS)],
    here: Annotated[bool, Option("For everybody in this channel, not for the asker alone")] = False,
) -> str:
    """Keep a fact about the person for later conversations; they are asked before."""
    said = ctx.event.text or ""
    origin: Literal["asker", "people"] = "asker" if stands_in(text, said) else "people"
    one = await keep(ctx, text, shared=here, origin=origin)
    await ctx.say(Notice(kept_words(one), "footer"))
    return "It is kept."


@tool(results="people", status=say("Looking through earlier conversations"))
async def recall(
    ctx: Context, query: Annotated[str, Option("A few words that were said", max_length=300)]
) -> ToolResult:
    """Search what the person said earlier, and what was answered."""
    if (past := ctx.services.past) is None:
        raise Failed(say("Nothing can be searched here."))
    found = await past.find(query, ctx.asker, _MAX_FOUND)
    if not found:
        return ToolResult("Nothing was found.", origin="model")
    origins = [origin for one in found for origin in _origins(ctx, one)]
    lines = [line for one in found for line in _exchange_lines(one)]
    least = least_trusted(Writer(origin) for origin in origins)
    return ToolResult("\n".join(lines), origin=least.origin if least is not None else None)


def _exchange_lines(one: PastExchange) -> list[str]:
    asked, said = one.question, one.answer
    name = plain_name(asked.author_name)
    return [
        f"{asked.at:%Y-%m-%d %H:%M}",
        quoted(name, _short(asked.text)),
        quoted("answer", _short(said.text)),
    ]


def _origins(ctx: Context, one: PastExchange) -> tuple[Origin, Origin]:
    own = one.question.author == ctx.author.key
    return ("asker" if own else "people", answer_origin(one.answer))


def _short(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= _MAX_SHOWN_CHARACTERS else line[:_MAX_SHOWN_CHARACTERS] + "…"


@hookimpl
def register_tools() -> Sequence[AgentTool]:
    return [remember, recall]
