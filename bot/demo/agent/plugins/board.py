"""The board of a lighthouse: a tool that changes something, and a command that shows it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from typing import Annotated

from bot.api import (
    AgentTool,
    Context,
    Example,
    Option,
    Part,
    Skill,
    Text,
    command,
    hookimpl,
    join_sentences,
    lay_out,
    say,
    tool,
)

BOARD: list[tuple[str, str]] = []


@tool(effect="write", status=say("Writing on the board"))
async def write_on_board(
    ctx: Context,
    name: Annotated[str, Option("Whose line it is")],
    what: Annotated[str, Option("What they do")],
) -> str:
    """Write a line on the board of the team; returns the line."""
    BOARD.append((name, what))
    return f"{name}: {what}"


@command("board", quick=True, examples=[Example("/board")])
async def board(ctx: Context) -> AsyncIterator[Part]:
    """What stands on the board."""
    lines = [lay_out("- **{name}**: {what}", name=name, what=what) for name, what in BOARD]
    yield Text(join_sentences(lines, "\n") or say("The board is empty."))


@hookimpl
def register_tools() -> Sequence[AgentTool]:
    return [write_on_board]


@hookimpl
def register_skills() -> Sequence[Skill]:
    return [Skill("board", commands=(board,))]
