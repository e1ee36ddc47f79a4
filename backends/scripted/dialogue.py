"""Looks in a prompt for what a script refers to: the task, and what tools returned."""

from __future__ import annotations

import re
from collections.abc import Sequence

from backends.base import COPIES_NOTHING, ChatMessage

_PLACEHOLDER = re.compile(r"\{(?:text|result:([\w-]+))\}")


def last_message(messages: Sequence[ChatMessage]) -> ChatMessage:
    """Return the last message that is not the beginning of the answer."""
    asked = [message for message in messages if message.role != "assistant"]
    return asked[-1] if asked else messages[-1]


def task_of(messages: Sequence[ChatMessage]) -> ChatMessage:
    """Return the last message of a person."""
    asked = [message for message in messages if message.role == "user"]
    return asked[-1] if asked else messages[-1]


def steps_since_task(messages: Sequence[ChatMessage]) -> int:
    """Count the answers with calls since the last message of a person."""
    steps = 0
    for message in messages:
        if message.role == "user":
            steps = 0
        elif message.tool_calls:
            steps += 1
    return steps


def fill_in(text: str, messages: Sequence[ChatMessage]) -> str:
    """Put the last message in place of `{text}`, and in place of `{result:NAME}` what the tool of
    that name returned last; nothing where it was not called."""
    last = last_message(messages).content

    def value(found: re.Match[str]) -> str:
        return last if found[1] is None else _result_of(found[1], messages)

    return _PLACEHOLDER.sub(value, text)


def copied_lines(text: str, texts: Sequence[str]) -> str:
    """Return the lines of a reply that stand in one of the texts, as an engine would be held to
    them."""
    lines = {line for given in texts for line in given.splitlines()}
    kept = [one for one in text.splitlines() if one.strip() and any(one in line for line in lines)]
    return "\n".join(kept) or COPIES_NOTHING


def _result_of(tool: str, messages: Sequence[ChatMessage]) -> str:
    calls = {call.id for message in messages for call in message.tool_calls if call.name == tool}
    results = (one.content for one in reversed(messages) if one.tool_call_id in calls)
    return next(results, "")
