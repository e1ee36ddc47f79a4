"""The result of a call as it is stored with the turn, and as a person reads of it."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any, Final, TypedDict

from pydantic import TypeAdapter

from backends.base import ToolCall
from bot.catalogue.sentence import lay_out, say
from bot.history.tool_calls import CallState
from bot.replies.wording import as_code, shorten
from bot.skills.tool import Origin
from bot.types import Source

_MAX_STEP_CHARACTERS: Final = 200
_ESCAPED = re.compile(r"\\.")
_SOURCES: Final = TypeAdapter(tuple[Source, ...])
_STATE_WORDS: Final[Mapping[CallState, str]] = {
    "waiting": say("waits for approval"),
    "running": say("is being done"),
    "done": say("done"),
    "refused": say("refused"),
    "failed": say("failed"),
    **dict.fromkeys(("untold", "unknown", "seen"), say("it is not known whether it was done")),
}


class CallResult(TypedDict):
    """How a call ended, what the model reads of it, and who wrote that; JSON. `kept` is a result in
    full that was cut."""

    state: CallState
    text: str
    origin: Origin
    name: str
    sources: Any
    kept: str


def call_result(
    state: CallState,
    text: str,
    origin: Origin = "model",
    name: str = "",
    sources: tuple[Source, ...] = (),
    kept: str = "",
) -> CallResult:
    """Return a result as it is stored."""
    told = _SOURCES.dump_python(sources, mode="json")
    return CallResult(state=state, text=text, origin=origin, name=name, sources=told, kept=kept)


def sources_of(result: CallResult) -> tuple[Source, ...]:
    """Return the sources of a stored result."""
    return _SOURCES.validate_python(result["sources"])


def words_of(arguments: Mapping[str, Any]) -> str:
    """The arguments of a call as text, without what JSON escapes."""
    return _ESCAPED.sub(" ", json.dumps(arguments, ensure_ascii=False, default=str))


def step_line(call: ToolCall, state: CallState) -> str:
    """Return a call and its end in a line, for "Why this answer?"."""
    given = ", ".join(f"{name}: {value}" for name, value in call.arguments.items())
    about = f" ({as_code(shorten(given, _MAX_STEP_CHARACTERS))})" if given else ""
    return lay_out("{tool}{about}: {state}", tool=call.name, about=about, state=_STATE_WORDS[state])
