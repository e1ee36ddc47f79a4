"""What the fake Discord knows: people, servers, channels, messages and interactions."""

from __future__ import annotations

import base64
import itertools
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from tests.fakes.timeline import Kind, Timeline

EPOCH_MS = 1_420_070_400_000
BOT = 100
APPLICATION = BOT
GUILD = 200
CHANNEL = 300
OTHER_CHANNEL = 301
DM = 400
GROUP_DM = 401
OTHERS_DM = 402
ADA = 1
EVE = 2
ROOT = 3
TOKEN = base64.b64encode(str(APPLICATION).encode()).decode().rstrip("=") + ".fake.token"
EPHEMERAL = 64
TEXT, DIRECT, GROUP, PUBLIC_THREAD = 0, 1, 3, 11
HAS_THREAD = 1 << 5
ALL_PERMISSIONS = (1 << 50) - 1

Json = dict[str, Any]


@dataclass
class Call:
    """A REST request as it came in."""

    method: str
    path: str
    body: Any
    at: float
    status: int = 0
    files: dict[str, bytes] = field(default_factory=dict)
    query: Mapping[str, str] = field(default_factory=dict)


class Unknown(Exception):
    """Something that is not there; Discord's error code and sentence."""

    def __init__(self, code: int, message: str, status: int = 404) -> None:
        super().__init__(message)
        self.code = code
        self.status = status


def stamp() -> str:
    """Now, as Discord writes it."""
    return datetime.now(UTC).isoformat()


@dataclass
class World:
    """Everything that is kept. Ids are snowflakes, so that they sort by age."""

    users: dict[int, Json] = field(default_factory=dict)
    channels: dict[int, Json] = field(default_factory=dict)
    messages: dict[int, Json] = field(default_factory=dict)
    files: dict[int, bytes] = field(default_factory=dict)
    interactions: dict[str, Json] = field(default_factory=dict)
    nonces: dict[tuple[int, str], int] = field(default_factory=dict)
    closed_channels: set[int] = field(default_factory=set)
    roles: dict[int, tuple[int, ...]] = field(default_factory=dict)
    """The roles that people have in the server now."""
    owner: int = ADA
    left: set[int] = field(default_factory=set)
    """People who are not in the server any more."""
    in_threads: set[tuple[int, int]] = field(default_factory=set)
    """Private threads and people who were added to them."""
    bot_permissions: int = ALL_PERMISSIONS
    people_permissions: int = ALL_PERMISSIONS
    reactions: dict[int, list[str]] = field(default_factory=dict)
    """The bot's own reactions, by message."""
    timeline: Timeline = field(default_factory=Timeline)
    no_context: bool = False
    """Interactions do not say where they happen."""

    def __post_init__(self) -> None:
        self._counter = itertools.count()
        for number, name in ((BOT, "parlance"), (ADA, "ada"), (EVE, "eve"), (ROOT, "root")):
            self.add_user(number, name)
        for number in (CHANNEL, OTHER_CHANNEL):
            self.add_channel(number)
        self.add_private(DM, DIRECT, ADA)
        for number, kind in ((GROUP_DM, GROUP), (OTHERS_DM, DIRECT)):
            self.add_private(number, kind, ADA, EVE)
            self.closed_channels.add(number)

    def add_user(self, number: int, name: str) -> int:
        """Somebody new; returns the id."""
        self.users[number] = {
            "id": str(number),
            "username": name,
            "global_name": None,
            "discriminator": "0",
            "avatar": None,
            "bot": number == BOT,
        }
        return number

    def add_channel(self, number: int) -> int:
        """A text channel in the server, there before anybody connects; returns the id."""
        self.channels[number] = {
            "id": str(number),
            "type": TEXT,
            "guild_id": str(GUILD),
            "name": f"c{number}",
            "position": 0,
            "permission_overwrites": [],
        }
        return number

    def add_private(self, number: int, kind: int, *people: int) -> int:
        """A channel without a server: the bot's own with one person, or one of several people, in
        which it is not; returns the id."""
        self.channels[number] = {
            "id": str(number),
            "type": kind,
            "recipients": [self.users[person] for person in people],
            "last_message_id": None,
        }
        return number

    def direct(self, person: int) -> Json:
        """The channel of the bot's direct messages with somebody, made if need be. Raises
        `Unknown`."""
        if person not in self.users:
            raise Unknown(50007, "Cannot send messages to this user", 403)
        for channel in self.channels.values():
            people = channel.get("recipients", ())
            if channel["type"] == DIRECT and [p["id"] for p in people] == [str(person)]:
                return channel
        return self.channels[self.add_private(4000 + person, DIRECT, person)]

    def context(self, channel: int) -> int:
        """Where an interaction there happens: in a server, with the bot alone, or elsewhere."""
        people = self.channels[channel].get("recipients")
        return 0 if people is None else 1 if len(people) == 1 else 2

    def snowflake(self) -> int:
        """A new id."""
        ms = int(time.time() * 1000) - EPOCH_MS
        return (ms << 22) | (next(self._counter) & 0x3FFFFF)

    def guild(self) -> Json:
        """The server as GUILD_CREATE has it."""
        everyone = {
            "id": str(GUILD),
            "name": "@everyone",
            "permissions": str(self.people_permissions),
            "color": 0,
            "colors": {"primary_color": 0, "secondary_color": None, "tertiary_color": None},
            "hoist": False,
            "position": 0,
            "managed": False,
            "mentionable": False,
            "flags": 0,
        }
        ours = {**everyone, "id": "250", "name": "Parlance", "tags": {"bot_id": str(BOT)}}
        ours["permissions"] = str(self.bot_permissions)
        kinds = self.channels.values()
        return {
            "id": str(GUILD),
            "name": "The Lab",
            "owner_id": str(self.owner),
            "roles": [everyone, ours, {**everyone, "id": "260", "name": "staff"}],
            "members": [self.member(BOT)],
            "channels": [c for c in kinds if c["type"] == TEXT],
            "threads": [c for c in kinds if c["type"] == PUBLIC_THREAD],
            "emojis": [],
            "stickers": [],
            "features": [],
            "member_count": 3,
            "verification_level": 0,
            "default_message_notifications": 0,
            "explicit_content_filter": 0,
            "mfa_level": 0,
            "premium_tier": 0,
            "system_channel_flags": 0,
            "preferred_locale": "en-US",
            "nsfw_level": 0,
            "stage_instances": [],
            "presences": [],
            "voice_states": [],
            "guild_scheduled_events": [],
            "soundboard_sounds": [],
            "icon": None,
            "splash": None,
            "banner": None,
            "description": None,
            "afk_timeout": 0,
            "afk_channel_id": None,
            "premium_progress_bar_enabled": False,
            "large": False,
            "unavailable": False,
            "joined_at": "2024-01-01T00:00:00+00:00",
        }

    def member(self, user: int) -> Json:
        """A person as a member of the server."""
        return {
            "user": self.users[user],
            "roles": [str(r) for r in self.roles.get(user, ())],
            "joined_at": "2024-01-01T00:00:00+00:00",
            "deaf": False,
            "mute": False,
            "flags": 0,
            "permissions": str(self.people_permissions),
        }

    def channel(self, number: int) -> Json:
        """A channel that exists and that the bot may see. Raises `Unknown`."""
        if number in self.closed_channels:
            raise Unknown(50001, "Missing Access", 403)
        if number not in self.channels:
            raise Unknown(10003, "Unknown Channel")
        return self.channels[number]

    def message(self, number: int, channel: int | None = None) -> Json:
        """A message that exists. Raises `Unknown`."""
        found = self.messages.get(number)
        if found is None or (channel is not None and int(found["channel_id"]) != channel):
            raise Unknown(10008, "Unknown Message")
        return found

    def add_message(self, channel: int, author: int, content: str, **more: Any) -> Json:
        """Keep a new message."""
        number = more.pop("id", None) or self.snowflake()
        message: Json = {
            "id": str(number),
            "channel_id": str(channel),
            "author": self.users[author],
            "content": content,
            "timestamp": stamp(),
            "edited_timestamp": None,
            "tts": False,
            "mention_everyone": False,
            "mentions": [],
            "mention_roles": [],
            "attachments": [],
            "embeds": [],
            "pinned": False,
            "type": 0,
            "components": [],
            "flags": 0,
            **more,
        }
        self.messages[number] = message
        self.note("ephemeral" if message["flags"] & EPHEMERAL else "create", message)
        return message

    def change_message(self, number: int, at: float, **changes: Any) -> Json:
        """Edit a message; the times of its edits are kept with it."""
        message = self.messages[number]
        message |= changes
        message["edited_timestamp"] = stamp()
        message.setdefault("edits", []).append(at)
        self.note("edit", message)
        return message

    def remove_message(self, number: int) -> Json:
        """Delete a message."""
        message = self.messages.pop(number)
        self.note("delete", message)
        return message

    def react(self, channel: int, number: int, emoji: str, *, gone: bool = False) -> None:
        """Put the bot's reaction on a message, or take it back. Raises `Unknown`."""
        self.message(number, channel)
        ours = self.reactions.setdefault(number, [])
        if not gone and emoji not in ours:
            ours.append(emoji)
        elif gone and emoji in ours:
            ours.remove(emoji)
        kind: Kind = "reaction gone" if gone else "reaction"
        self.timeline.add(kind, "parlance", channel, number, emoji)

    def note(self, kind: Kind, message: Json) -> None:
        """Write down what happened to a message."""
        embeds = [e.get("description", "") for e in message["embeds"]]
        labels = [b.get("label", "") for row in message["components"] for b in row["components"]]
        payload = {k: v for k, v in message.items() if k not in {"edits", "author"}}
        self.timeline.add(
            kind,
            message["author"]["username"],
            message["channel_id"],
            message["id"],
            "\n".join(filter(None, [message["content"], *embeds])),
            buttons=[label for label in labels if label],
            payload=payload,
        )

    def add_file(self, base: str, name: str, data: bytes, size: int | None = None) -> Json:
        """Keep a file; returns the attachment."""
        number = self.snowflake()
        self.files[number] = data
        return {
            "id": str(number),
            "filename": name,
            "size": len(data) if size is None else size,
            "url": f"{base}/cdn/{number}/{name}",
            "proxy_url": f"{base}/cdn/{number}/{name}",
            "content_type": "text/plain; charset=utf-8",
        }

    def add_thread(self, message: int, name: str) -> Json:
        """Open the thread of a message. Raises `Unknown`."""
        parent = int(self.message(message)["channel_id"])
        if message in self.channels:
            raise Unknown(160004, "A thread has already been created for this message", 400)
        thread = {
            "id": str(message),
            "type": PUBLIC_THREAD,
            "guild_id": str(GUILD),
            "parent_id": str(parent),
            "owner_id": str(BOT),
            "name": name,
            "message_count": 0,
            "member_count": 1,
            "rate_limit_per_user": 0,
            "last_message_id": None,
            "thread_metadata": {
                "archived": False,
                "auto_archive_duration": 1440,
                "archive_timestamp": stamp(),
                "locked": False,
            },
        }
        self.channels[message] = thread
        self.messages[message]["flags"] |= HAS_THREAD
        return thread

    def in_channel(self, channel: int) -> list[Json]:
        """The messages of a channel, oldest first."""
        found = [m for m in self.messages.values() if int(m["channel_id"]) == channel]
        return sorted(found, key=lambda m: int(m["id"]))
