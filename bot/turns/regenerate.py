"""Rebuilds the event of a stored question, so that it can be answered again."""

from __future__ import annotations

from typing import Any

from bot.events import ActionCall, CommandCall, Message
from bot.history.attachments import AttachmentSnapshot
from bot.history.protocol import StoredMessage
from bot.turns.actions import is_same_channel
from bot.types import ConversationKey


def rebuild_event(
    question: StoredMessage, call: ActionCall, snapshot: AttachmentSnapshot
) -> Message | CommandCall:
    """Return the stored question as a new event of the person who pressed the button, with the
    attachments and context that it had at first."""
    key = ConversationKey.parse(question.conversation)
    shared: dict[str, Any] = {
        "direct": call.direct and is_same_channel(key, call.conversation),
        "attachments": snapshot.attachments,
        "context": snapshot.context,
        "earlier": call.earlier,
    }
    if not question.command:
        text = call.value or question.text  # the question may have been edited
        return Message(call.id, key, call.author, text, **shared)
    options = {name: value for name, value in question.options.items() if value is not None}
    target = snapshot.target.restore() if snapshot.target is not None else None
    return CommandCall(
        call.id, key, call.author, question.command, options, target=target, **shared
    )
