"""Reads Matrix events: what somebody said, edited, took back, or put under a message."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, TypeAlias

from plugins.matrix.homeserver import Json

_FILE_TYPES = frozenset({"m.file", "m.image", "m.audio", "m.video"})
_TEXT_TYPES = frozenset({"m.text", "m.emote"})
_QUOTE = re.compile(r"(?:>[^\n]*+(?:\n|\Z))++\n?")
"""What older clients write above a reply: the message that is replied to, line by line."""
_PILL = re.compile(r"https://matrix\.to/#/(@[^\"'?<>\s]{1,255})")
_COMMAND = re.compile(r"[a-z][a-z0-9_-]{0,31}+(?!\S)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class SharedFile:
    """A file in an event. `key` is what decrypts it; empty for one that is not encrypted."""

    name: str
    mxc: str
    size: int
    content_type: str
    key: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Said:
    """A message of a person. `thread` is the event that its thread began with, `reply_to` the one
    that it answers; `mentions` are people's ids."""

    id: str
    sender: str
    at: datetime
    text: str
    thread: str | None = None
    reply_to: str | None = None
    mentions: frozenset[str] = frozenset()
    file: SharedFile | None = None


@dataclass(frozen=True, slots=True)
class Edited:
    """An edit of the message `target`, by whoever sent it: only its own author's counts."""

    id: str
    sender: str
    target: str


@dataclass(frozen=True, slots=True)
class Reacted:
    """A reaction to the event `target`."""

    id: str
    sender: str
    at: datetime
    target: str
    emoji: str


@dataclass(frozen=True, slots=True)
class Redacted:
    """The content of the event `target` was taken away."""

    sender: str
    target: str


Happening: TypeAlias = Said | Edited | Reacted | Redacted


def read_event(event: Json) -> Happening | None:
    """What an event says; None for one that is nothing to the bot, or is not well-formed."""
    content = event.get("content")
    if not isinstance(content, Mapping) or "state_key" in event:
        return None
    match event.get("type"):
        case "m.room.message":
            return _read_message(event, content)
        case "m.reaction":
            relation = _mapping(content, "m.relates_to")
            target, emoji = _text(relation, "event_id"), _text(relation, "key")
            if not target or not emoji:
                return None
            return Reacted(*_who(event), _at(event), target, emoji)
        case "m.room.redaction":
            target = _text(content, "redacts") or _text(event, "redacts")
            return Redacted(_text(event, "sender"), target) if target else None
    return None


def _read_message(event: Json, content: Json) -> Happening | None:
    relation = _mapping(content, "m.relates_to")
    if relation.get("rel_type") == "m.replace":
        target = _text(relation, "event_id")
        return Edited(*_who(event), target) if target else None
    return read_said(event, content)


def read_said(event: Json, content: Json) -> Said | None:
    """A message with a content, its own or a newer one; None for what no person writes."""
    kind = content.get("msgtype")
    if kind not in _TEXT_TYPES | _FILE_TYPES:
        return None
    relation = _mapping(_mapping(event, "content"), "m.relates_to")
    thread = _text(relation, "event_id") if relation.get("rel_type") == "m.thread" else ""
    reply_to = _text(_mapping(relation, "m.in_reply_to"), "event_id")
    if thread and relation.get("is_falling_back"):
        reply_to = ""  # it only stands there for clients without threads
    file = _read_file(content) if kind in _FILE_TYPES else None
    return Said(
        *_who(event), _at(event), _said_text(content, file),
        thread or None, reply_to or None, _find_mentions(content), file,
    )  # fmt: skip


def _said_text(content: Json, file: SharedFile | None) -> str:
    body = _text(content, "body")
    if file is not None:  # the text of a file is its caption, if it has a name beside it
        name = _text(content, "filename")
        return body.strip() if name and name != body else ""
    if body.startswith(">") and (quoted := _QUOTE.match(body)) is not None:
        body = body[quoted.end() :]
    return body.strip()


def _read_file(content: Json) -> SharedFile | None:
    encrypted, info = _mapping(content, "file"), _mapping(content, "info")
    mxc = _text(encrypted, "url") or _text(content, "url")
    if not mxc.startswith("mxc://"):
        return None
    size, name = info.get("size"), _text(content, "filename") or _text(content, "body")
    return SharedFile(
        name[:200] or "file",
        mxc,
        size if isinstance(size, int) else 0,
        _text(info, "mimetype"),
        encrypted,
    )


def _find_mentions(content: Json) -> frozenset[str]:
    """The people whom a message names: as it says itself, else by the links of older clients."""
    if isinstance(mentions := content.get("m.mentions"), Mapping):
        users = mentions.get("user_ids")
        return frozenset(map(str, users)) if isinstance(users, list) else frozenset()
    return frozenset(_PILL.findall(_text(content, "formatted_body")[:20_000]))


def newest_content(event: Json) -> Json:
    """The content of an event as it was edited last; its edit is bundled with it, decrypted."""
    edit = bundled_edit(event)
    found = _mapping(_mapping(edit, "content"), "m.new_content") if edit is not None else {}
    return found or _mapping(event, "content")


def bundled_edit(event: Json) -> Json | None:
    """The newest edit of an event, where the homeserver has added it."""
    relations = _mapping(_mapping(event, "unsigned"), "m.relations")
    return _mapping(relations, "m.replace") or None


def without_name(text: str, names: frozenset[str]) -> str:
    """A text without the name of the bot, by which it is addressed, at its beginning or end."""
    for name in sorted(names, key=len, reverse=True):
        for form in (f"@{name}", name):
            if text.lower().startswith(form.lower()):
                rest = text[len(form) :]
                if not rest[:1].isalnum():
                    return rest.lstrip(":, \n\t")
            if text.lower().endswith(f" {form}".lower()):
                return text[: -len(form)].rstrip(", ")
    return text


def called_command(text: str, prefix: str) -> str:
    """The name of the command that a text calls: `ask` of `!ask how so?`; empty for none."""
    if not text.startswith(prefix) or (name := _COMMAND.match(text, len(prefix))) is None:
        return ""
    return name[0].lower()


def server_of(user: str) -> str:
    """The homeserver of a person: `example.org` of `@ada:example.org`."""
    return user.partition(":")[2]


def _who(event: Json) -> tuple[str, str]:
    return _text(event, "event_id"), _text(event, "sender")


def _at(event: Json) -> datetime:
    stamp = event.get("origin_server_ts")
    try:
        return datetime.fromtimestamp(stamp / 1000 if isinstance(stamp, int) else 0, UTC)
    except (OverflowError, ValueError):
        return datetime.fromtimestamp(0, UTC)


def _mapping(of: Json, key: str) -> Json:
    found = of.get(key)
    return found if isinstance(found, Mapping) else {}


def _text(of: Json, key: str) -> str:
    found = of.get(key)
    return found if isinstance(found, str) else ""
