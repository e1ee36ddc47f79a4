"""What the workspace holds: messages, streams, views, and the calls that were made."""

from __future__ import annotations

import itertools
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


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

    @property
    def shown(self) -> str:
        """What a person reads: Markdown blocks and sections first, else the text."""
        said = [
            block["text"] if block["type"] == "markdown" else block["text"]["text"]
            for block in self.blocks
            if block["type"] == "markdown" or (block["type"] == "section" and "text" in block)
        ]
        return "\n".join([self.text, *said] if self.streamed else said or [self.text])


@dataclass(frozen=True)
class Call:
    """One call of the Web API as it came."""

    method: str
    arguments: Mapping[str, Any]
    at: float


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


class Workspace:
    """Messages by channel and time stamp."""

    def __init__(self) -> None:
        self._numbers = itertools.count(1)
        self.messages: dict[tuple[str, str], Posted] = {}
        self.views: list[dict[str, Any]] = []
        self.files: dict[str, bytes] = {}
        self.redirects: dict[str, str] = {}
        """Where the download of a file leads instead, by the file's id."""
        self.sessions: dict[tuple[str, str], str] = {}
        self.statuses: dict[tuple[str, str], list[str]] = {}
        """By channel and thread: all that the status line has said."""
        self.titles: dict[tuple[str, str], str] = {}
        self.prompts: dict[tuple[str, str], list[dict[str, str]]] = {}
        self.people: dict[str, dict[str, Any]] = {}
        """What `users.info` says of somebody more than of anybody."""
        self.groups: dict[str, list[str]] = {}
        """The members of each user group."""
        self.channels: dict[str, list[str]] = {}
        """The people in each channel; the bot is in those that are not `Methods.away`."""
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
        return message

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
