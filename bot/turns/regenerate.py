"""Rebuilds the event of a stored question, so that it can be answered again or go on."""

from __future__ import annotations

from typing import Any

from bot.events import CommandCall, Message, Reader
from bot.history.attachments import AttachmentSnapshot
from bot.history.protocol import StoredMessage
from bot.types import Author, ConversationKey


def rebuild_event(
    question: StoredMessage,
    snapshot: AttachmentSnapshot,
    author: Author,
    *,
    id: str,
    direct: bool,
    edited: str = "",
    earlier: Reader | None = None,
) -> Message | CommandCall:
    """Return the stored question as an event of a person, with the attachments and context that it
    had at first. `edited` is its text, if that has changed."""
    key = ConversationKey.parse(question.conversation)
    shared: dict[str, Any] = {
        "direct": direct,
        "attachments": snapshot.attachments,
        "context": snapshot.context,
        "earlier": earlier,
    }
    if not question.command:
        return Message(id, key, author, edited or question.text, **shared)
    options = {name: value for name, value in question.options.items() if value is not None}
    target = snapshot.target.restore() if snapshot.target is not None else None
    return CommandCall(id, key, author, question.command, options, target=target, **shared)
