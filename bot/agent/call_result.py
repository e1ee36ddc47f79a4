"""A call and its result as they are stored with the turn, and as a person reads of them."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any, Final, NotRequired, TypedDict

from pydantic import TypeAdapter

from backends.base import ToolCall, UnreadCall
from bot.agent.model_words import length_problem, unreadable
from bot.catalogue.sentence import lay_out, say
from bot.history.tool_calls import CallState
from bot.replies.wording import as_code, shorten
from bot.skills.tool import Origin
from bot.surrogates import repair_surrogates
from bot.types import Source

_MAX_STEP_CHARACTERS: Final = 200
_MAX_NAME_CHARACTERS: Final = 100
_ESCAPED = re.compile(r"\\.")
_SOURCES: Final = TypeAdapter(tuple[Source, ...])
_STATE_WORDS: Final[Mapping[CallState, str]] = {
    "waiting": say("waits for approval"),
    "offered": say("offered below the answer"),
    "running": say("is being done"),
    "done": say("done"),
    "refused": say("refused"),
    "failed": say("failed"),
    **dict.fromkeys(("untold", "unknown", "seen"), say("it is not known whether it was done")),
}


class CallResult(TypedDict):
    """How a call ended, what the model reads of it, and who wrote that; JSON. `note` is said before
    it, in our own words. `kept` is a result in full that was cut, `card` what is shown of a call
    that was offered."""

    state: CallState
    text: str
    origin: Origin
    name: str
    sources: Any
    kept: str
    note: NotRequired[str]
    card: NotRequired[str]


def call_result(
    state: CallState,
    text: str,
    origin: Origin = "model",
    name: str = "",
    sources: tuple[Source, ...] = (),
    kept: str = "",
    note: str = "",
    card: str = "",
) -> CallResult:
    """Return a result as it is stored."""
    told = _SOURCES.dump_python(sources, mode="json")
    made = CallResult(state=state, text=text, origin=origin, name=name, sources=told, kept=kept)
    if note:
        made["note"] = note
    if card:
        made["card"] = card
    return made


def sources_of(result: CallResult) -> tuple[Source, ...]:
    """Return the sources of a stored result."""
    return _SOURCES.validate_python(result["sources"])


def words_of(arguments: Mapping[str, Any]) -> str:
    """The arguments of a call as text, without what JSON escapes."""
    return _ESCAPED.sub(" ", json.dumps(arguments, ensure_ascii=False, default=str))


def stored_call(call: ToolCall | UnreadCall, number: str) -> list[Any]:
    """Return a call as it is stored: its id, its name, its arguments, and why it has to be written
    again; what is too long is not kept."""
    name = repair_surrogates(call.name[:_MAX_NAME_CHARACTERS])
    if isinstance(call, UnreadCall):
        return [number, name, {}, unreadable(name)]
    if problem := length_problem(name, call.arguments):
        return [call.id or number, name, {}, problem]
    plain = json.dumps(dict(call.arguments), ensure_ascii=False, default=str)
    return [call.id or number, name, json.loads(repair_surrogates(plain)), ""]


def step_line(call: ToolCall, state: CallState) -> str:
    """Return a call and its end in a line, for "Why this answer?"."""
    given = ", ".join(f"{name}: {value}" for name, value in call.arguments.items())
    about = f" ({as_code(shorten(given, _MAX_STEP_CHARACTERS))})" if given else ""
    return lay_out("{tool}{about}: {state}", tool=call.name, about=about, state=_STATE_WORDS[state])
