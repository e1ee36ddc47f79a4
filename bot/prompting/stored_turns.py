"""Stored turns as the messages of a prompt."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

from backends.base import ChatMessage
from bot.history.protocol import StoredMessage
from bot.prompting.speakers import Speakers

_CITATION = re.compile(r"[ \t]?\[\d{1,3}\]")
_QUOTE_SIGN = re.compile(r"^>[ \t]?", re.MULTILINE)
_MAX_NAMED_TOOLS = 8


def group_exchanges(history: Sequence[StoredMessage]) -> list[list[StoredMessage]]:
    """Turns in groups that begin with a person's; what comes before the first is left out."""
    groups: list[list[StoredMessage]] = []
    for turn in history:
        if turn.role == "user":
            groups.append([turn])
        elif groups and turn.text.strip():
            groups[-1].append(turn)
    return [group for group in groups if len(group) > 1]


def note_tools(group: list[StoredMessage]) -> list[StoredMessage]:
    """Return an exchange whose question says which tools were called for its answer. A line in the
    answer itself would be imitated."""
    why = next((turn.explanation for turn in reversed(group) if turn.explanation is not None), None)
    if why is None or not why.steps:
        return group
    names = list(dict.fromkeys(step.partition(" (")[0] for step in why.steps))
    called = ", ".join(names[:_MAX_NAMED_TOOLS])
    noted = replace(group[0], text=f"{group[0].text}\n(For this you called: {called}.)")
    return [noted, *group[1:]]


def spoken_text(turn: StoredMessage, who: Speakers) -> str:
    """What was said, with the speaker's name where several speak."""
    return who.said(turn.author, turn.text) if turn.role == "user" else turn.text


def to_chat_message(turn: StoredMessage, who: Speakers) -> ChatMessage:
    """A turn as a prompt has it."""
    text = spoken_text(turn, who)
    if turn.role == "assistant" and turn.explanation is not None and turn.explanation.passages:
        # Its citations point to passages that this prompt does not have, and would be imitated.
        text = _QUOTE_SIGN.sub("", _CITATION.sub("", text)).strip() or text
    return ChatMessage(turn.role, text)
