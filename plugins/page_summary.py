"""The tool `summarize_page`: a long page is read by calls of their own, which have no tools."""

from __future__ import annotations

from collections.abc import Sequence
from copy import copy
from typing import Annotated

from bot.api import (
    AgentTool,
    Context,
    Option,
    Part,
    Source,
    Status,
    Text,
    ToolResult,
    hookimpl,
    say,
    tool,
)
from plugins.summarize import summarize_text


@tool(
    effect="outward",
    matters=("url",),
    repeatable=True,
    results="web",
    timeout_s=300,
    status=say("Reading a page"),
)
async def summarize_page(
    ctx: Context,
    url: Annotated[str, Option("The page's address")],
    question: Annotated[str, Option("What you want to know of it", max_length=300)] = "",
) -> ToolResult:
    """Have a long web page read for you; returns what it says about a question, or a summary."""
    page = await ctx.web.read(url)
    said: list[str] = []

    async def keep(part: Part) -> None:
        if isinstance(part, Text):
            said.append(part.delta)
        elif isinstance(part, Status) and part.total:
            await ctx.say(part)

    quiet = copy(ctx)  # the page's text is read by calls without tools, and no part of the reply
    quiet.say = keep
    await summarize_text(quiet, page, await ctx.model(), "prose", "", question)
    return ToolResult("".join(said), name=url, sources=(Source(1, page.title, page.url),))


@hookimpl
def register_tools() -> Sequence[AgentTool]:
    return [summarize_page]
