"""Converts stored messages to rows of the tables, and back."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from pydantic import TypeAdapter

from backends.base import Usage
from bot.history.attachments import AttachmentSnapshot
from bot.history.protocol import Cut, StoredMessage
from bot.types import Explanation, Source

_USAGE: TypeAdapter[Usage] = TypeAdapter(Usage)
SNAPSHOT: TypeAdapter[AttachmentSnapshot] = TypeAdapter(AttachmentSnapshot)
_EXPLANATION: TypeAdapter[Explanation] = TypeAdapter(Explanation)
_CUT: TypeAdapter[Cut] = TypeAdapter(Cut)


def platform_of(conversation: str) -> str:
    """The platform of a conversation's key (`ConversationKey.__str__` puts it first)."""
    return conversation.partition(":")[0]


def to_row(turn: StoredMessage) -> dict[str, Any]:
    """All columns of a new message."""
    return {
        "id": turn.id,
        "platform": platform_of(turn.conversation),
        "conversation": turn.conversation,
        "role": turn.role,
        "author": turn.author,
        "author_name": turn.author_name,
        "at": turn.at,
        "command": turn.command,
        "options": json.dumps(dict(turn.options), ensure_ascii=False) if turn.options else "{}",
        "event_id": turn.event_id,
        "answers": turn.answers,
        "remember": turn.remember,
        "superseded": False,
        "private": turn.private,
        **answer_columns(turn),
    }


def answer_columns(turn: StoredMessage) -> dict[str, Any]:
    """The columns that change while an answer is written."""
    usage, why, cut = turn.usage, turn.explanation, turn.cut
    return {
        "text": turn.text,
        "status": turn.status,
        "model": turn.model,
        "usage": None if usage is None else _USAGE.dump_json(usage).decode(),
        "explanation": None if why is None else _EXPLANATION.dump_json(why).decode(),
        "cut": None if cut is None else _CUT.dump_json(cut).decode(),
        "error": turn.error or None,
        **measured_columns(usage),
    }


def measured_columns(usage: Usage | None) -> dict[str, int]:
    """The columns of an answer by which turns are sorted."""
    if usage is None:
        return {"wait_ms": 0, "total_ms": 0, "written": 0}
    wait_s = usage.queue_s + usage.load_s + usage.prefill_s
    return {
        "wait_ms": round(wait_s * 1000),
        "total_ms": round((wait_s + usage.decode_s) * 1000),
        "written": usage.completion_tokens,
    }


def read_usage(stored: str | None) -> Usage | None:
    """The usage of a row of `turns`."""
    return None if stored is None else _USAGE.validate_json(stored)


def to_message(row: Mapping[Any, Any]) -> StoredMessage:
    """The message of a row of `turns`."""
    usage, why, cut = row["usage"], row["explanation"], row["cut"]
    return StoredMessage(
        id=row["id"],
        conversation=row["conversation"],
        role=row["role"],
        text=row["text"],
        author=row["author"],
        at=row["at"],
        author_name=row["author_name"],
        command=row["command"],
        options=json.loads(row["options"]),
        event_id=row["event_id"],
        answers=row["answers"],
        remember=row["remember"],
        model=row["model"],
        status=row["status"],
        usage=read_usage(usage),
        explanation=None if why is None else _EXPLANATION.validate_json(why),
        cut=None if cut is None else _CUT.validate_json(cut),
        private=row["private"],
        error=row["error"] or "",
    )


def find_source(explanation: str | None, passage: str) -> Source | None:
    """The source in a stored explanation that feedback is about, by its number or document id."""
    why = None if explanation is None else _EXPLANATION.validate_json(explanation)
    for source in why.passages if why is not None else ():
        if passage in {str(source.number), source.document}:
            return source
    return None
