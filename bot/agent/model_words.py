"""What a model reads of a call that was not carried out, or not as it was meant; no person does."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Mapping
from typing import Any, Final

from bot.errors import UsageError, nearest
from bot.skills.tool import AgentTool

_MAX_NAMED: Final = 20
_MAX_PROBLEM_CHARACTERS: Final = 300
_MAX_ARGUMENTS_CHARACTERS: Final = 100_000


ABOUT_FIND_TOOLS: Final = "Find more tools by what they do; what is found can be called afterwards."
ABOUT_QUERY: Final = "What the tool should do"
ABOUT_READ_MORE: Final = "Read on in a result that was too long to be shown whole."
ABOUT_RESULT: Final = "The id that stands where the result was cut"
ABOUT_FROM: Final = "The number of the character to begin with"
NOTHING_MORE: Final = "The result has nothing more."
NO_MORE_CALLS: Final = "Not done: no more tools may be called in this turn."
REFUSED: Final = "The person refused this. Do not try it again."
OFFERED: Final = "The person can do this with a button below your answer; go on without it."
STOPPED: Final = "It was stopped."
BROKEN: Final = "It failed: something went wrong in this tool."
EMPTY: Final = "(nothing)"
FAILED: Final = "It failed:"
MAY_BE_DONE: Final = "It may have been done; do not call it again."


def called_before(result: str) -> str:
    """The same call was answered before."""
    return f"This was called before, and returned:\n{result}"


def not_done(reason: str) -> str:
    """A call was refused."""
    return f"Not done: {reason}"


def too_late(seconds: float | None) -> str:
    """A call took too long; None where the tool says so of something that it asked."""
    how = "it took too long" if seconds is None else f"it took longer than {seconds:g} s"
    return f"It failed: {how}."


def head_and_tail(text: str, limit: int, id_: str = "") -> str:
    """A text of at most about `limit` characters: its beginning, and of its end a third of that.
    With an id it says how to read on."""
    if len(text) <= limit:
        return text
    tail = limit // 4
    head = limit - tail
    left_out = len(text) - limit
    gap = read_on(id_, head, left_out) if id_ else f"({left_out:,} characters are left out)"
    return f"{text[:head]}\n… {gap} …\n{text[-tail:]}"


def read_on(id_: str, at: int, left: int) -> str:
    """Where a long result goes on."""
    return f'({left:,} characters are left out; read_more with id "{id_}" from {at} reads on)'


def nothing_kept(ids: Collection[str]) -> str:
    """There is no result of that id."""
    return f"There is no such result; the ids are: {', '.join(ids)}."


def unknown_tool(name: str, known: Collection[str]) -> str:
    """There is no such tool."""
    near = nearest(name, known)
    if near:
        return f"There is no tool {name[:60]!r}; did you mean {near!r}?"
    return f"There is no tool {name[:60]!r}; there are: {', '.join(list(known)[:_MAX_NAMED])}."


def unreadable(name: str) -> str:
    """A call whose arguments could not be read."""
    return f"The arguments of {name[:60]!r} could not be read; write them as one JSON object."


def length_problem(name: str, given: Mapping[str, Any]) -> str:
    """That the arguments of a call are too long; empty if they are not."""
    if _size(given) <= _MAX_ARGUMENTS_CHARACTERS:
        return ""
    return f"The arguments of {name[:60]!r} are too long; write less."


async def argument_problem(tool: AgentTool, given: Mapping[str, Any]) -> str:
    """What is wrong with the arguments of a call; empty if nothing is."""
    problem = (
        _problem(tool, given) if tool.options else await asyncio.to_thread(_problem, tool, given)
    )
    return f"Wrong arguments for {tool.name!r}: {problem}. Call it again." if problem else ""


def _problem(tool: AgentTool, given: Mapping[str, Any]) -> str:
    if tool.options:
        try:
            tool.bind(given)
        except (UsageError, ValueError) as error:
            return str(error).rstrip(".")
        return ""
    from jsonschema import Draft202012Validator  # slow to import

    errors = Draft202012Validator(dict(tool.parameters)).iter_errors(dict(given))
    found = next(iter(errors), None)
    if found is None:
        return ""
    where = ".".join(str(step) for step in found.absolute_path)
    words = f"{where}: {found.message}" if where else found.message
    return " ".join(words.split())[:_MAX_PROBLEM_CHARACTERS]


def _size(value: Any) -> int:
    """About how many characters a value has; stops counting where that is too many."""
    total, waiting = 0, [value]
    while waiting and total <= _MAX_ARGUMENTS_CHARACTERS:
        one = waiting.pop()
        total += 1
        if isinstance(one, Mapping):
            waiting += [*one, *one.values()]
        elif isinstance(one, list | tuple):
            waiting += one
        else:
            total += len(str(one))
    return total
