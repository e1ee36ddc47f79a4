"""Converts between Slack's message markup and readable text."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

_MENTION = re.compile(r"<@([UW]\w++)(?:\|([^<>]*+))?>")
_SPECIAL = re.compile(r"<!(\w++)(?:\^[^<>|]*+)?(?:\|([^<>]*+))?>")
_CHANNEL = re.compile(r"<#\w++(?:\|([^<>]*+))?>")
_LINK = re.compile(r"<((?:https?|mailto):[^<>|]++)(?:\|([^<>]*+))?>")
_SCHEME = re.compile(r"^(https?://|mailto:)")
_STOP_ACTION = "parlance:stop"
_WORKING_MARK = "⏳"


def find_mentions(text: str) -> tuple[str, ...]:
    """The ids of the people whom a text names, each once, in order."""
    return tuple(dict.fromkeys(match[1] for match in _MENTION.finditer(text)))


def to_readable(text: str, own_id: str, names: Mapping[str, str] | None = None) -> str:
    """Convert a person's text from Slack's markup: names for mentions, escapes resolved.

    The bot's own mention is removed. `names` are display names by id; others are shown by id.
    """
    known = names or {}

    def person(match: re.Match[str]) -> str:
        return "" if match[1] == own_id else "@" + (known.get(match[1]) or match[2] or match[1])

    text = _MENTION.sub(person, text)
    text = _CHANNEL.sub(lambda m: "#" + (m[1] or "a channel"), text)
    text = _SPECIAL.sub(lambda m: m[2] or "@" + m[1], text)
    text = _LINK.sub(_link, text)
    return text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&").strip()


def _link(match: re.Match[str]) -> str:
    """The address of a link, after its label if the label says something else."""
    address = match[1].removeprefix("mailto:")
    words = (match[2] or "").strip()
    if not words or _SCHEME.sub("", words).rstrip("/") == _SCHEME.sub("", address).rstrip("/"):
        return address
    return f"{words} ({address})"


def extract_markup(message: Mapping[str, Any]) -> str:
    """A message's text in Slack's markup, with that of a message that it shares.

    Messages of other apps often have text in attachments and blocks alone.
    """
    attached = [a for a in message.get("attachments") or () if isinstance(a, Mapping)]
    text = str(message.get("text") or "")
    if text.strip():
        shared = [a for a in attached if a.get("is_share") or a.get("is_msg_unfurl")]
        return "\n".join([text, *_words(shared)])
    return "\n".join([*_sections(message), *_words(attached)])


def _words(attached: list[Mapping[str, Any]]) -> Iterator[str]:
    for one in attached:
        words = str(one.get("text") or one.get("fallback") or "").strip()
        if words:
            author = str(one.get("author_name") or "").strip()
            yield f"{author}: {words}" if author else words


def _sections(message: Mapping[str, Any]) -> Iterator[str]:
    for block in message.get("blocks") or ():
        text = block.get("text") if block.get("type") in {"section", "header"} else None
        if isinstance(text, Mapping) and text.get("text"):
            yield str(text["text"])


def extract_answer(message: Mapping[str, Any]) -> str:
    """The text of an answer of the bot, as Markdown; empty while it is being written."""
    blocks = message.get("blocks") or ()
    pressed = (e for b in blocks if b.get("type") == "actions" for e in b.get("elements") or ())
    if any(str(element.get("action_id", "")).startswith(_STOP_ACTION) for element in pressed):
        return ""
    said = [str(b.get("text") or "") for b in blocks if b.get("type") == "markdown"]
    said = said or list(_sections(message))
    if not said and any(block.get("type") == "context" for block in blocks):
        return ""  # small print alone; the text beside it is for notifications
    text = "\n".join(said) if said else to_readable(str(message.get("text") or ""), "")
    return "" if text.startswith(_WORKING_MARK) else text.replace("<\u200b", "<").strip()


def is_from_a_person(event: Mapping[str, Any], own_id: str) -> bool:
    """Whether a person wrote the message: not a bot, not this one, not Slack itself."""
    usual = event.get("subtype") in _PEOPLE_SUBTYPES
    return (
        usual and not event.get("bot_id") and event.get("user") not in (None, own_id, "USLACKBOT")
    )


_PEOPLE_SUBTYPES = frozenset({None, "file_share", "thread_broadcast", "me_message"})
"""Subtypes of messages that people write; all others are Slack's (joined, renamed …)."""
