"""What a homeserver tells in one answer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from plugins.matrix.homeserver import Json


@dataclass(frozen=True, slots=True)
class RoomEvent:
    """An event of a room as the client-server API writes it, decrypted where that was possible.

    `name` is the display name of its sender.
    """

    room: str
    event: Json
    name: str = ""


@dataclass(frozen=True, slots=True)
class Room:
    """What is known of a room that the account is in. `people` counts those who were invited, too;
    None where the homeserver has not said it."""

    id: str
    name: str
    encrypted: bool
    people: int | None


@dataclass(frozen=True, slots=True)
class Gap:
    """Events of a room that one answer of the homeserver could not hold: those before `before`."""

    room: str
    before: str


@dataclass(frozen=True, slots=True)
class Batch:
    """What has happened since the last one; `token` names the place to go on from."""

    token: str
    events: Sequence[RoomEvent]
    invites: Mapping[str, Sequence[Json]]
    """The events that describe the rooms to which the account is invited, by room."""
    rooms: Sequence[Room]
    left: Sequence[str]
    gaps: Sequence[Gap]
    unreadable: Sequence[str]
    """The rooms in which something was said whose key has not come for a while."""
