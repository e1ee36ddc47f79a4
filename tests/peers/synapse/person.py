"""A person at a Matrix client: a real one, `nio`, encrypted where the room is."""

from __future__ import annotations

import asyncio
import io
import uuid
from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from typing import Any

import nio
from nio.crypto.attachments import decrypt_attachment, encrypt_attachment

from plugins.matrix.loop_thread import LoopThread
from tests.peers.synapse.server import Login
from tests.until import until

_NOTHING = {"not_types": ["*"]}
_FILTER = {"presence": _NOTHING, "room": {"timeline": {"limit": 500}, "ephemeral": _NOTHING}}


class MatrixPerson:
    """Reads along in all of their rooms; nio works in `thread`, as that of the bot does.

    `shown` is what stands there: by event, its room, its sender and its newest content; what was
    redacted is gone.
    """

    def __init__(self, url: str, login: Login, folder: Path, thread: LoopThread) -> None:
        self.login = login
        self._thread = thread
        self._place = url, str(folder)
        self.nio: Any = None
        self.shown: dict[str, tuple[str, str, Mapping[str, Any]]] = {}
        self.reactions: dict[str, tuple[str, str, str]] = {}
        """Who has put which emoji to which event, by reaction."""
        self.kinds: dict[str, str] = {}
        """How an event came: `m.room.encrypted`, or its own type."""
        self.files: dict[str, bytes] = {}
        """What is in the files that stand there, by event."""
        self.undecrypted: list[str] = []
        self._reading: asyncio.Task[None] | None = None

    async def open(self) -> MatrixPerson:
        """Read what is there, and read along from then on."""
        await self._thread.run(self._open())
        await self._thread.run(self._sync(0))
        self._reading = asyncio.create_task(self._read_along())
        return self

    async def close(self) -> None:
        if self._reading is not None:
            self._reading.cancel()
            await asyncio.gather(self._reading, return_exceptions=True)
        await self._thread.run(self.nio.close())

    async def _open(self) -> None:
        user, device, (url, folder) = self.login.user, self.login.device, self._place
        config = nio.AsyncClientConfig(encryption_enabled=True, max_timeout_retry_wait_time=0.5)
        self.nio = nio.AsyncClient(url, user, device_id=device, store_path=folder, config=config)
        self.nio.restore_login(user, device, self.login.token)

    async def keep_key_from(self, login: Login) -> None:
        """Do not tell a device the keys of what is said from now on."""

        def devices() -> Any:
            return self.nio.olm.device_store[login.user]

        await self.until(lambda: login.device in devices(), "the device")
        device = devices()[login.device]

        async def blacklist() -> None:
            self.nio.blacklist_device(device)

        await self._thread.run(blacklist())

    # --- acting ---------------------------------------------------------------------------------

    async def say(self, room: str, content: Mapping[str, Any]) -> str:
        """Send a message; returns its id."""
        await self.until(lambda: room in self.nio.rooms, "the room")
        return await self._send(room, "m.room.message", content)

    async def react(self, room: str, event: str, emoji: str) -> str:
        """Put a reaction to an event; one of theirs that is there already goes before."""
        same = (self.login.user, event, emoji)
        for before in [one for one, said in self.reactions.items() if said == same]:
            await self.redact(room, before)
        relation = {"rel_type": "m.annotation", "event_id": event, "key": emoji}
        return await self._send(room, "m.reaction", {"m.relates_to": relation})

    async def _send(self, room: str, kind: str, content: Mapping[str, Any]) -> str:
        key = uuid.uuid4().hex
        answer = await self._thread.run(
            self.nio.room_send(room, kind, dict(content), key, ignore_unverified_devices=True)
        )
        assert isinstance(answer, nio.RoomSendResponse), answer
        return str(answer.event_id)

    async def redact(self, room: str, event: str) -> None:
        """Take an event back."""
        answer = await self._thread.run(self.nio.room_redact(room, event))
        assert isinstance(answer, nio.RoomRedactResponse), answer

    async def send_file(
        self, room: str, name: str, data: bytes, content_type: str, caption: str
    ) -> str:
        """Send an encrypted file with a caption."""
        encrypted, keys = await asyncio.to_thread(encrypt_attachment, data)
        answer, _ = await self._thread.run(
            self.nio.upload(
                io.BytesIO(encrypted), "application/octet-stream", filesize=len(encrypted)
            )
        )
        assert isinstance(answer, nio.UploadResponse), answer
        content = {
            "msgtype": "m.file", "body": caption, "filename": name, "m.mentions": {},
            "file": {**keys, "url": answer.content_uri},
            "info": {"mimetype": content_type, "size": len(data)},
        }  # fmt: skip
        return await self.say(room, content)

    async def read_file(self, content: Mapping[str, Any]) -> bytes:
        """The file of a message, decrypted where it is encrypted."""
        file = content.get("file") or {"url": content["url"]}
        answer = await self._thread.run(self.nio.download(file["url"]))
        assert isinstance(answer, nio.MemoryDownloadResponse), answer
        if "key" not in file:
            return bytes(answer.body)
        key, hashes, iv = file["key"]["k"], file["hashes"]["sha256"], file["iv"]
        found: bytes = await asyncio.to_thread(decrypt_attachment, answer.body, key, hashes, iv)
        return found

    # --- reading --------------------------------------------------------------------------------

    def by(self, user: str, room: str | None = None) -> dict[str, Mapping[str, Any]]:
        """The messages of somebody, in a room or everywhere, as they stand there now."""
        return {
            event: content
            for event, (where, who, content) in self.shown.items()
            if who == user and room in {None, where}
        }

    def members(self, room: str) -> Collection[str]:
        """Who has joined a room."""
        known = self.nio.rooms.get(room)
        return () if known is None else set(known.users) - set(known.invited_users)

    async def until(self, true: Callable[[], Any], what: str = "") -> Any:
        """Wait for something to be so."""
        return await until(true, what)

    async def _read_along(self) -> None:
        while True:
            await self._thread.run(self._sync(10_000))
            for event, (_, _, content) in [*self.shown.items()]:
                if content.get("msgtype") == "m.file" and event not in self.files:
                    self.files[event] = await self.read_file(content)

    async def _sync(self, wait_ms: int) -> None:
        answer = await self.nio.sync(wait_ms, _FILTER)
        if not isinstance(answer, nio.SyncResponse):
            await asyncio.sleep(0.1)
            return
        for room, info in answer.rooms.join.items():
            for event in info.timeline.events:
                self._take(room, event)
        if self.nio.should_upload_keys:
            await self.nio.keys_upload()
        if self.nio.should_query_keys:
            await self.nio.keys_query()
        if self.nio.should_claim_keys:
            await self.nio.keys_claim(self.nio.get_users_for_key_claiming())
        await self.nio.send_to_device_messages()

    def _take(self, room: str, event: Any) -> None:
        source = event.source
        if isinstance(event, nio.MegolmEvent):
            self.undecrypted.append(event.event_id)
            return
        self.kinds[event.event_id] = "m.room.encrypted" if event.decrypted else source["type"]
        content = source.get("content") or {}
        relation = content.get("m.relates_to") or {}
        match source["type"]:
            case "m.room.message" if relation.get("rel_type") == "m.replace":
                known = self.shown.get(relation["event_id"])
                if known is not None and known[1] == event.sender:
                    new = {**content["m.new_content"]}
                    if "m.relates_to" in known[2]:
                        new["m.relates_to"] = known[2]["m.relates_to"]
                    self.shown[relation["event_id"]] = (room, event.sender, new)
            case "m.room.message" if content:
                self.shown[event.event_id] = (room, event.sender, content)
            case "m.reaction" if relation:
                who = (event.sender, relation["event_id"], relation["key"])
                self.reactions[event.event_id] = who
            case "m.room.redaction":
                gone = str(source.get("redacts") or content.get("redacts"))
                self.shown.pop(gone, None)
                self.reactions.pop(gone, None)
