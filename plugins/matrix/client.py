"""nio: what a homeserver tells, what is sent to rooms, and the keys of both.

nio writes its keys to SQLite and checks each event against a schema, which would hold up the event
loop. So it lives in a thread of its own, and everything else asks `Homeserver`. All accounts share
that thread: what nio keeps its keys with has one database open in a process at a time.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

import aiohttp
import nio
import structlog
from nio.exceptions import EncryptionError, ProtocolError

from plugins.matrix.batch import Batch, Gap, Room, RoomEvent
from plugins.matrix.errors import MatrixError
from plugins.matrix.homeserver import Json
from plugins.matrix.identity import Identity
from plugins.matrix.loop_thread import LoopThread
from plugins.matrix.settings import MatrixTiming

_log = structlog.get_logger(__name__)

_NO_EVENTS = {"not_types": ["*"]}
_TIMELINE_EVENTS = 100
_SYNC_FILTER: Mapping[str, Any] = {
    "presence": _NO_EVENTS,
    "account_data": _NO_EVENTS,
    "room": {
        "ephemeral": _NO_EVENTS,
        "account_data": _NO_EVENTS,
        "state": {"lazy_load_members": True},
        "timeline": {"limit": _TIMELINE_EVENTS, "lazy_load_members": True},
    },
}
_FIRST_SYNC_TIMEOUT_S = 300.0
_NEW_ROOM_TIMEOUT_S = 10.0
_MAX_UNDECRYPTED = 200
"""Events whose keys have not come yet that are tried again."""

T = TypeVar("T")


class Client:
    """One account's nio. Made and used in the event loop, it works in `thread`.

    `keys` is the file of the device's keys; the same device must come with the same file, for ever.
    """

    def __init__(
        self, url: str, identity: Identity, token: str, keys: Path, thread: LoopThread,
        timing: MatrixTiming,
    ) -> None:  # fmt: skip
        self._timing = timing
        self._identity = identity
        self._token = token
        self._keys = keys
        self._url = url
        self._thread = thread
        self._nio: Any = None
        self._synced = asyncio.Event()
        """Set once the next answer is there; then it is another one."""
        self._undecrypted: dict[str, tuple[Any, float]] = {}
        """Events whose keys have not come, each with when it came, by the event loop's clock."""

    async def open(self) -> None:
        """Load the keys, or make them. Raises `MatrixError`."""
        await self._run(self._open())

    async def close(self) -> None:
        """Close the connections."""
        if self._nio is not None:
            await self._thread.run(self._nio.close())

    async def sync(self, since: str | None, *, first: bool) -> Batch:
        """Wait until something happens, or nothing for a while. The `first` call of a process
        also reads what the rooms are. Raises `MatrixError`, or an `OSError`."""
        return await self._run(self._sync(since, first))

    async def send(self, room: str, content: Json, key: str, kind: str = "m.room.message") -> str:
        """Send an event, encrypted where the room is; returns its id. The same `key` again is the
        same event, also from another process. Raises as `sync` does."""

        async def send() -> Any:
            async with asyncio.timeout(_NEW_ROOM_TIMEOUT_S):
                while room not in self._nio.rooms:  # joined, and not told of yet
                    await self._synced.wait()
            answer = await self._nio.room_send(
                room, kind, dict(content), tx_id=key, ignore_unverified_devices=True
            )
            if not self._nio.access_token:
                # nio takes a key that could not be shared for the end of its login, and would not
                # share it again.
                self._nio.access_token = self._token
                self._nio.invalidate_outbound_session(room)
                raise MatrixError("", "KEY_NOT_SHARED")
            return answer

        return str((await self._run(self._checked(send))).event_id)

    async def decrypt(self, room: str, event: Json) -> Json:
        """An event with its content, where the keys for it are there."""
        if event.get("type") != "m.room.encrypted":
            return event

        async def decrypt() -> Json:
            parsed = nio.Event.parse_encrypted_event(dict(event))
            if not isinstance(parsed, nio.MegolmEvent):
                return event
            parsed.room_id = room
            found = self._decrypted(parsed)
            return event if found is None else {**found, "unsigned": event.get("unsigned") or {}}

        return await self._run(decrypt())

    async def identity_keys(self) -> Mapping[str, str]:
        """The public keys of the device, by their kind."""

        async def read() -> Mapping[str, str]:
            return dict(self._nio.olm.account.identity_keys)

        return await self._run(read())

    # --- in the thread --------------------------------------------------------------------------

    async def _run(self, work: Coroutine[Any, Any, T]) -> T:
        try:
            return await self._thread.run(work)
        except aiohttp.ClientError as exc:
            raise ConnectionError(str(exc) or type(exc).__name__) from exc
        except (ProtocolError, EncryptionError) as exc:
            raise MatrixError(str(exc) or type(exc).__name__) from exc

    @staticmethod
    async def _checked(call: Callable[[], Coroutine[Any, Any, Any]]) -> Any:
        """The answer to a call of nio's, which returns errors instead of raising them."""
        answer = await call()
        if isinstance(answer, nio.ErrorResponse):
            status = getattr(getattr(answer, "transport_response", None), "status", 0)
            wait_ms = answer.retry_after_ms
            code = answer.status_code if isinstance(answer.status_code, str) else ""
            wait_s = None if wait_ms is None else wait_ms / 1000
            text = str(answer.message) if code else f"HTTP {status}: {answer.message}"
            raise MatrixError(text[:300], code, status, wait_s)
        return answer

    async def _open(self) -> None:
        logging.getLogger("nio").setLevel(logging.ERROR)  # it logs each retry, and each lost key
        user, device = self._identity.user, self._identity.device
        config = nio.AsyncClientConfig(
            store_name=self._keys.name,
            max_limit_exceeded=0,
            max_timeouts=0,
            request_timeout=self._timing.request,
            encryption_enabled=True,
        )
        self._nio = nio.AsyncClient(
            self._url, user, device_id=device, store_path=str(self._keys.parent), config=config
        )
        self._nio.restore_login(user, device, self._token)

    async def _sync(self, since: str | None, first: bool) -> Batch:
        poll_s = self._timing.poll

        async def sync() -> Any:
            self._nio.access_token = self._token  # see `send`
            wait_ms = 0 if first else int(poll_s * 1000)
            return await self._nio.sync(wait_ms, _SYNC_FILTER, since, full_state=first or None)

        async with asyncio.timeout(_FIRST_SYNC_TIMEOUT_S if first else poll_s + 30.0):
            answer = await self._checked(sync)
        self._synced.set()
        self._synced = asyncio.Event()
        # What is written before a key has come is tried again when others have.
        late = self._try_again() if answer.to_device_events else []
        events = [
            event for room, info in answer.rooms.join.items() for event in self._read(room, info)
        ]
        await self._exchange_keys()
        gaps = [
            Gap(room, info.timeline.prev_batch)
            for room, info in answer.rooms.join.items()
            if info.timeline.limited and info.timeline.prev_batch
        ]
        invites = {
            # nio takes the content out of the source of these.
            room: [{"content": getattr(e, "content", {}), **e.source} for e in info.invite_state]
            for room, info in answer.rooms.invite.items()
        }
        rooms = [self._describe(room) for room in answer.rooms.join if room in self._nio.rooms]
        left = list(answer.rooms.leave)
        events = [*late, *events]
        return Batch(answer.next_batch, events, invites, rooms, left, gaps, self._give_up())

    def _read(self, room: str, info: Any) -> Sequence[RoomEvent]:
        found = []
        for event in info.timeline.events:
            if isinstance(event, nio.MegolmEvent):
                self._remember(event, room)
                continue
            if isinstance(source := getattr(event, "source", None), dict):
                found.append(RoomEvent(room, source, self._name(room, event.sender)))
        return found

    def _remember(self, event: Any, room: str) -> None:
        event.room_id = room
        self._undecrypted[event.event_id] = event, asyncio.get_running_loop().time()
        while len(self._undecrypted) > _MAX_UNDECRYPTED:
            del self._undecrypted[next(iter(self._undecrypted))]

    def _try_again(self) -> Sequence[RoomEvent]:
        """The earlier events whose keys have come meanwhile."""
        found = []
        for id_, (event, _) in list(self._undecrypted.items()):
            if (source := self._decrypted(event)) is not None:
                del self._undecrypted[id_]
                name = self._name(event.room_id, event.sender)
                found.append(RoomEvent(event.room_id, source, name))
        return found

    def _give_up(self) -> Sequence[str]:
        """Forget the events whose keys do not come; returns their rooms."""
        too_old = asyncio.get_running_loop().time() - self._timing.key_patience
        late = [id_ for id_, (_, since) in self._undecrypted.items() if since < too_old]
        return [self._undecrypted.pop(id_)[0].room_id for id_ in late]

    def _decrypted(self, event: Any) -> Json | None:
        try:
            source = getattr(self._nio.decrypt_event(event), "source", None)
        except (ProtocolError, EncryptionError):
            return None
        return source if isinstance(source, dict) else None

    def _name(self, room: str, user: str) -> str:
        known = self._nio.rooms.get(room)
        return str((known.user_name(user) if known is not None else None) or user)

    def _describe(self, room: str) -> Room:
        known = self._nio.rooms[room]
        told = getattr(known.summary, "joined_member_count", None) is not None
        people = known.member_count if told else None
        return Room(room, str(known.display_name or ""), bool(known.encrypted), people)

    async def _exchange_keys(self) -> None:
        """Do what the keys need after each answer; what fails is tried at the next."""
        client = self._nio
        try:
            if client.should_upload_keys:
                await self._checked(client.keys_upload)
            if client.should_query_keys:
                await self._checked(client.keys_query)
            if client.should_claim_keys:
                users = client.get_users_for_key_claiming()
                await self._checked(lambda: client.keys_claim(users))
            await client.send_to_device_messages()
        except (MatrixError, OSError, aiohttp.ClientError, ProtocolError) as exc:
            _log.info("matrix.keys_not_exchanged", error=str(exc)[:200])
