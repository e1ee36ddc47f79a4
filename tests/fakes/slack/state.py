"""What the workspace holds: messages, streams, views, and the calls that were made."""

from __future__ import annotations

import itertools
import re
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from tests.fakes.timeline import Kind, Timeline


@dataclass
class Posted:
    """A message in a channel; `ephemeral_to` is the one person who sees it."""

    channel: str
    ts: str
    user: str
    text: str = ""
    blocks: list[dict[str, Any]] = field(default_factory=list)
    thread_ts: str | None = None
    streaming: bool = False
    streamed: bool = False
    stopped: bool = False
    """Slack's own Stop was pressed while it was streaming."""
    ephemeral_to: str | None = None
    deleted: bool = False
    edits: list[float] = field(default_factory=list)
    more: dict[str, Any] = field(default_factory=dict)
    """What Slack says more of a person's message: `files`, `bot_id`, `subtype`, `attachments`."""
    metadata: dict[str, Any] = field(default_factory=dict)

    @property
    def shown(self) -> str:
        """What a person reads: Markdown blocks and sections first, else the text."""
        said = [
            block["text"] if block["type"] == "markdown" else block["text"]["text"]
            for block in self.blocks
            if block["type"] == "markdown" or (block["type"] == "section" and "text" in block)
        ]
        return "\n".join([self.text, *said] if self.streamed else said or [self.text])

    @property
    def small_print(self) -> list[str]:
        """The elements of the context blocks."""
        return [e["text"] for b in self.blocks if b["type"] == "context" for e in b["elements"]]

    @property
    def labels(self) -> list[str]:
        """What stands on the buttons."""
        rows = [b["elements"] for b in self.blocks if b["type"] == "actions"]
        return [e["text"]["text"] for row in rows for e in row if "text" in e]


@dataclass(frozen=True)
class Call:
    """One call of the Web API as it came."""

    method: str
    arguments: Mapping[str, Any]
    at: float
    limited: bool = False
    """Whether it was refused for its rate."""


@dataclass
class Fault:
    """What to answer instead, the next `times` times that a method is called."""

    method: str
    times: int
    status: int = 200
    error: str = ""
    retry_after: float | None = None
    page: tuple[str, str] | None = None
    """A content type and a text instead of Slack's JSON, as a proxy answers."""
    cut: bool = False
    """The call is done, and the connection is cut before the answer."""


class Workspace:
    """Messages by channel and time stamp."""

    def __init__(self) -> None:
        self._numbers = itertools.count(1)
        self.timeline = Timeline()
        self.messages: dict[tuple[str, str], Posted] = {}
        self.views: list[dict[str, Any]] = []
        self.files: dict[str, bytes] = {}
        self.redirects: dict[str, str] = {}
        """Where the download of a file leads instead, by the file's id."""
        self.sessions: dict[tuple[str, str], str] = {}
        self.statuses: dict[tuple[str, str], list[str]] = {}
        """By channel and thread: all that the status line has said."""
        self.reactions: dict[tuple[str, str], list[str]] = {}
        """The bot's own reactions, by channel and message."""
        self.titles: dict[tuple[str, str], str] = {}
        self.prompts: dict[tuple[str, str], list[dict[str, str]]] = {}
        self.people: dict[str, dict[str, Any]] = {}
        """What `users.info` says of somebody more than of anybody."""
        self.groups: dict[str, list[str]] = {}
        """The members of each user group."""
        self.channels: dict[str, list[str]] = {}
        """The people in each channel; the bot is in those that are not `Methods.away`."""
        self.names: dict[str, str] = {}
        """The names of channels; without one it is the id in small letters."""
        self.archived: set[str] = set()
        self.gone: set[str] = set()
        """Channels that were deleted."""
        self.directs: dict[str, str] = {}
        """The bot's direct conversations: the person by the channel."""

    def ts(self) -> str:
        """A new time stamp, later than all before it."""
        return f"1700000000.{next(self._numbers):06d}"

    def add(self, message: Posted) -> Posted:
        """Keep a message."""
        self.messages[message.channel, message.ts] = message
        self._note("create" if message.ephemeral_to is None else "ephemeral", message)
        return message

    def record_edit(self, message: Posted) -> None:
        """Note that a message was changed."""
        message.edits.append(time.monotonic())
        self._note("edit", message)

    def remove(self, message: Posted) -> None:
        """Delete a message."""
        message.deleted = True
        self._note("delete", message)

    def react(self, channel: str, ts: str, name: str, *, gone: bool = False) -> bool:
        """Put the bot's reaction on a message, or take it back; whether anything changed."""
        ours = self.reactions.setdefault((channel, ts), [])
        if gone is (name not in ours):
            return False
        if gone:
            ours.remove(name)
        else:
            ours.append(name)
        self.timeline.add("reaction gone" if gone else "reaction", "UBOT", channel, ts, name)
        return True

    def _note(self, kind: Kind, message: Posted) -> None:
        place = f"{message.channel}/{message.thread_ts}" if message.thread_ts else message.channel
        content = "\n".join([message.shown, *message.small_print])
        payload = {"text": message.text, "blocks": message.blocks, "to": message.ephemeral_to}
        self.timeline.add(
            kind, message.user, place, message.ts, content, buttons=message.labels, payload=payload
        )

    def find(self, channel: str, ts: str) -> Posted | None:
        """The message, unless it was deleted."""
        message = self.messages.get((channel, ts))
        return None if message is None or message.deleted else message

    def by(self, user: str, channel: str | None = None) -> list[Posted]:
        """What a user has posted and not deleted, in order."""
        return [
            m
            for m in self.messages.values()
            if m.user == user and not m.deleted and channel in (None, m.channel)
        ]


def method_matches(pattern: str, method: str) -> bool:
    """Whether a fault's method (a regular expression) is the one called."""
    return re.fullmatch(pattern, method) is not None
