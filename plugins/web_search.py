"""The tool `search_web`, where the operator has set up a search service."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

from bot.api import (
    AgentTool,
    Context,
    Option,
    ToolResult,
    hookimpl,
    say,
    tool,
)

_MAX_QUERY_CHARACTERS = 150


@tool(
    effect="outward",
    matters=("query",),
    repeatable=True,
    results="web",
    service="web_search",
    status=say("Searching the web"),
)
async def search_web(
    ctx: Context,
    query: Annotated[
        str,
        Option(
            "A few words of what the person asked, as they wrote them",
            max_length=_MAX_QUERY_CHARACTERS,
        ),
    ],
) -> ToolResult:
    """Search the web; returns titles, addresses and extracts of pages. Search in the person's own
    words: others need their approval."""
    service = ctx.services.web_search
    assert service is not None  # else there is no such tool
    found = await service.search(query)
    lines = [f"{number}. {one.title}\n{one.url}\n{one.text}" for number, one in enumerate(found, 1)]
    if not lines:
        return ToolResult("Nothing was found on the web.", origin="model")
    return ToolResult("\n\n".join(lines), name="a web search")


@hookimpl
def register_tools() -> Sequence[AgentTool]:
    return [search_web]
