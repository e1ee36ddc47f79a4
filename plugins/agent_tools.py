"""The tools that ship: documents, pages, the conversation, arithmetic, the time."""

from __future__ import annotations

import ast
import asyncio
import operator
import re
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Annotated, Any, Final
from zoneinfo import ZoneInfo

from bot.api import (
    AgentTool,
    Context,
    Failed,
    NotFound,
    Option,
    Source,
    ToolResult,
    UsageError,
    difference_text,
    hookimpl,
    parse_since,
    say,
    search_for,
    source,
    tool,
)
from plugins.summary_source import read_messages

_MAX_PASSAGES: Final = 6
_MAX_CHANGES: Final = 30
_PART_CHARACTERS: Final = 20_000
_USUAL_MESSAGES: Final = 30
_MAX_MESSAGES: Final = 200
_ADDRESS = re.compile(r"https?://[^\s\\]+", re.IGNORECASE)
_ADDED: Final = ("added", "changed", "unchanged")
_MAX_POWER: Final = 1_000
_MAX_EXPRESSION_CHARACTERS: Final = 300
_MAX_ABSOLUTE: Final = 10.0**100
_OPERATORS: Final[Mapping[type, Callable[..., Any]]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv,
    ast.Mod: operator.mod,
    ast.Pow: operator.pow,
    ast.USub: operator.neg,
    ast.UAdd: operator.pos,
}


@tool(status=say("Searching the documents"), results="documents")
async def search_documents(
    ctx: Context, query: Annotated[str, Option("What to search for, in a few words")]
) -> ToolResult:
    """Search the team's documents; returns the passages that fit best."""
    bases = await ctx.knowledge.bases(ctx.asker)
    found = await search_for(ctx, query, bases=bases)
    passages = found.passages[:_MAX_PASSAGES]
    if not passages:
        return ToolResult("Nothing was found in the documents.", origin="model")
    text = "\n\n".join(f"{one.title}:\n{one.text}" for one in passages)
    sources = tuple(source(number, one) for number, one in enumerate(passages, 1))
    return ToolResult(text, name=passages[0].title, sources=sources)


@tool(
    status=say("Reading a document"),
    results="documents",
    result_characters=_PART_CHARACTERS + 100,
)
async def read_document(
    ctx: Context,
    document: Annotated[str, Option("Its title or address", max_length=500)],
    part: Annotated[int, Option("Which part of a long one", min_value=1)] = 1,
) -> ToolResult:
    """Read one of the team's documents; long ones come in parts."""
    page = await ctx.knowledge.read(document)
    parts = max(1, -(-len(page.text) // _PART_CHARACTERS))
    if part > parts:
        raise UsageError(f"this document has {parts} parts")
    text = page.text[(part - 1) * _PART_CHARACTERS : part * _PART_CHARACTERS]
    if parts > 1:
        text = f"(part {part} of {parts})\n\n{text}"
    return ToolResult(text, name=page.title, sources=(Source(1, page.title, page.url),))


@tool(status=say("Looking for changes"), results="documents")
async def changed_documents(
    ctx: Context,
    since: Annotated[str, Option("For instance 7d, 12h or 2026-11-01", max_length=40)] = "7d",
    document: Annotated[
        str, Option("A document's title, to see what changed in it", max_length=500)
    ] = "",
) -> str:
    """List which of the team's documents were added, changed or removed since a time, or what
    changed in one of them."""
    moment = parse_since(since, datetime.now(UTC))
    if moment is None:
        raise UsageError("since must be a time such as 7d, 12h or 2026-11-01")
    if document:
        return difference_text(await ctx.knowledge.difference(document, since=moment))
    found = await ctx.knowledge.changes(moment)
    lines = [f"{one.at:%Y-%m-%d} {one.state}: {one.title}" for one in found[:_MAX_CHANGES]]
    return "\n".join(lines) or "No document has changed."


@tool(effect="outward", matters=("url",), results="web", status=say("Reading a page"))
async def read_page(ctx: Context, url: Annotated[str, Option("The page's address")]) -> ToolResult:
    """Read a web page as text."""
    page = await ctx.web.read(url)
    return ToolResult(f"{page.title}\n\n{page.text}", name=url)


@tool(results="people", status=say("Reading the conversation"))
async def read_conversation(
    ctx: Context,
    last: Annotated[
        int, Option("How many messages, the newest", min_value=1, max_value=_MAX_MESSAGES)
    ] = _USUAL_MESSAGES,
) -> str:
    """Read what was said in this thread or channel before this message."""
    said, _ = await read_messages(ctx, last)
    return said or "Nothing was said here before."


@tool(
    effect="write",
    matters=("location",),
    needs=("docs.add",),
    status=say("Adding a document"),
    timeout_s=300,
)
async def add_document(
    ctx: Context, location: Annotated[str, Option("The address of a page: https://…")]
) -> str:
    """Add a page to the team's documents, so that it can be searched."""
    if _ADDRESS.fullmatch(location.strip()) is None:  # a path would be one of the server's disk
        raise UsageError("location must be the whole address of a web page, and no path")
    steps = [step async for step in ctx.knowledge.add(location.strip(), by=ctx.author.key)]
    ended = [step for step in steps if step.state in _ADDED]
    if not ended:
        said = next((step.detail for step in reversed(steps) if step.detail), "")
        raise Failed(said or say("Nothing was added."))
    return "\n".join(f"{step.location}: {step.state}" for step in ended)


@tool()
async def calculate(
    ctx: Context,
    expression: Annotated[
        str, Option("Such as (17 / 100) * 2340", max_length=_MAX_EXPRESSION_CHARACTERS)
    ],
) -> str:
    """Calculate an arithmetic expression of numbers, + - * / // % ** and brackets."""
    try:
        return f"{evaluate(expression):.12g}"
    except (SyntaxError, ValueError, ArithmeticError, RecursionError, TypeError) as error:
        raise UsageError(f"this cannot be calculated ({error})") from None


def evaluate(expression: str) -> float:
    """Return the value of an arithmetic expression. Raises `ValueError` for anything else, and
    `ArithmeticError`."""
    return float(_value(ast.parse(expression.strip(), mode="eval").body))


def _value(node: ast.AST) -> float:
    match node:
        case ast.Constant(value=bool()):
            pass
        case ast.Constant(value=int() | float() as number):
            return _bounded(number)
        case ast.BinOp(left=left, op=op, right=right) if type(op) in _OPERATORS:
            one, other = _value(left), _value(right)
            if isinstance(op, ast.Pow) and abs(other) > _MAX_POWER:
                raise ValueError("the power is too large")
            return _bounded(_OPERATORS[type(op)](float(one), float(other)))
        case ast.UnaryOp(op=op, operand=operand) if type(op) in _OPERATORS:
            return _bounded(_OPERATORS[type(op)](_value(operand)))
    raise ValueError("only numbers, + - * / // % ** and brackets")


def _bounded(number: float | complex) -> float:
    if isinstance(number, complex) or abs(number) > _MAX_ABSOLUTE:
        raise ValueError("no number of a usual size")
    return number


@tool()
async def current_time(
    ctx: Context, zone: Annotated[str, Option("Such as Europe/Berlin", max_length=60)] = "UTC"
) -> str:
    """Return the date, weekday and time now in a time zone."""
    try:
        now = datetime.now(await asyncio.to_thread(ZoneInfo, zone))  # reads a file
    except (OSError, ValueError, LookupError):
        raise NotFound("there is no such time zone; write one such as Europe/Berlin") from None
    return f"{now:%A, %Y-%m-%d %H:%M} ({zone})"


@hookimpl
def register_tools() -> Sequence[AgentTool]:
    return [
        search_documents,
        read_document,
        changed_documents,
        read_page,
        read_conversation,
        add_document,
        calculate,
        current_time,
    ]
