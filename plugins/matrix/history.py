"""Reads earlier messages of rooms and threads, decrypted and as they were edited last."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Mapping, Sequence
from typing import Any

import structlog

from bot.api import Attachment, ContextMessage, Failed, Reader, Refused, say
from plugins.matrix.account import Account
from plugins.matrix.errors import MATRIX_FAILURES, MatrixError
from plugins.matrix.events import Said, bundled_edit, newest_content, read_said
from plugins.matrix.files import attachment
from plugins.matrix.homeserver import Json, path_of, relations_path
from plugins.matrix.render import own_answer
from plugins.matrix.settings import PLATFORM

_log = structlog.get_logger(__name__)

_READ_TIMEOUT_S = 30.0
_CONTEXT_TIMEOUT_S = 2.5
_NAMES_REUSE_S = 30.0
_MAX_PAGE_EVENTS = 100
_MAX_PAGES = 8
_READ_BY_ALL = frozenset({"shared", "world_readable"})
_BOT_NAME = "Parlance"


class History:
    """Reads an account's rooms."""

    def __init__(self, account: Account) -> None:
        self._account = account

    # --- one event ------------------------------------------------------------------------------

    async def event(self, room: str, event: str) -> Json | None:
        """An event with its newest edit, decrypted; None if it is gone. Raises one of
        `MATRIX_FAILURES` where nothing tells."""
        try:
            found = await self._account.homeserver.event(room, event)
        except MatrixError as exc:
            if exc.is_missing:
                return None
            raise
        return await self.readable(room, found)

    async def readable(self, room: str, event: Json) -> Json:
        """An event and its bundled edit, decrypted."""
        decrypt = self._account.client.decrypt
        found, edit = await decrypt(room, event), bundled_edit(event)
        if edit is not None and edit.get("sender") == event.get("sender"):
            relations = {"m.replace": await decrypt(room, edit)}
        else:
            relations = {}
        return {**found, "unsigned": {**(found.get("unsigned") or {}), "m.relations": relations}}

    async def said(self, room: str, event: str) -> Said | None:
        """A person's message as it is now; None if it is gone."""
        found = await self.event(room, event)
        return None if found is None else read_said(found, newest_content(found))

    async def files(self, room: str, event: str) -> Sequence[Attachment]:
        """The files of a message."""
        found = await self.said(room, event)
        return (attachment(self._account, found.file),) if found and found.file else ()

    # --- many events ----------------------------------------------------------------------------

    def reader(
        self, room: str, thread: str | None, *, person: str = "", before: str = ""
    ) -> Reader:
        """A reader of the newest messages of a room or thread, up to the event `before`, as far
        as the person could read them in the room; an empty one is somebody who may read all."""

        async def read(limit: int) -> Sequence[ContextMessage]:
            try:
                async with asyncio.timeout(_READ_TIMEOUT_S):
                    return await self._read(room, thread, person, before, max(0, limit))
            except MATRIX_FAILURES as exc:
                _log.info("matrix.history_not_read", error=str(exc)[:200])
                if isinstance(exc, MatrixError) and exc.is_refusal:
                    words = say("I may not read the earlier messages of this room.")
                    raise Refused(words) from exc
                raise Failed(
                    say("The homeserver did not hand the messages out just now; try again soon.")
                ) from exc

        return read

    async def thread_context(self, room: str, said: Said, limit: int) -> tuple[ContextMessage, ...]:
        """What a question stands in: the messages that it replies to, else its thread before it.
        What cannot be read in time is left out."""
        if not limit:
            return ()
        try:
            async with asyncio.timeout(_CONTEXT_TIMEOUT_S):
                if said.reply_to is not None:
                    return await self._chain(room, said.reply_to, limit)
                if said.thread is not None:
                    found = await self._read(room, said.thread, said.sender, said.id, limit)
                    return tuple(found)
        except MATRIX_FAILURES as exc:
            _log.info("matrix.context_not_read", error=str(exc)[:200])
        return ()

    async def _chain(self, room: str, last: str, limit: int) -> tuple[ContextMessage, ...]:
        found: list[ContextMessage] = []
        at: str | None = last
        while at and len(found) < limit:
            if (event := await self.event(room, at)) is None:
                break
            if (message := await self._context_message(room, event)) is not None:
                found.append(message)
            relation = (event.get("content") or {}).get("m.relates_to") or {}
            in_thread = relation.get("rel_type") == "m.thread" and relation.get("is_falling_back")
            at = None if in_thread else (relation.get("m.in_reply_to") or {}).get("event_id")
        return tuple(reversed(found))

    async def _read(
        self, room: str, thread: str | None, person: str, before: str, limit: int
    ) -> Sequence[ContextMessage]:
        since = await self._readable_since(room, person) if person else None
        found: list[ContextMessage] = []
        token, passed = "", not before
        if thread is None and before:
            around = path_of("rooms", room, "context", before)
            answer = await self._account.homeserver.call("GET", around, query={"limit": "0"})
            token, passed = str(answer.get("start") or ""), True
        for _ in range(_MAX_PAGES):
            events, token = await self._page(room, thread, token)
            for event in events:
                if passed and _is_since(event, since):
                    message = await self._context_message(room, await self.readable(room, event))
                    found += [message] if message is not None and message.id != before else []
                passed = passed or event.get("event_id") == before
            if len(found) >= limit or not token:
                break
        return found[:limit][::-1]

    async def _page(self, room: str, thread: str | None, token: str) -> tuple[Sequence[Json], str]:
        """Events from the newest on, and where those before them begin."""
        more = {"from": token} if token else {}
        if thread is None:
            path = path_of("rooms", room, "messages")
            answer = await self._get(path, more)
            return answer.get("chunk") or (), str(answer.get("end") or "")
        answer = await self._get(relations_path(room, thread, "m.thread"), more)
        events, end = list(answer.get("chunk") or ()), str(answer.get("next_batch") or "")
        if not end:
            events.append(await self._account.homeserver.event(room, thread))
        return events, end

    async def _get(self, path: str, query: Mapping[str, str]) -> dict[str, Any]:
        given = {"dir": "b", "limit": str(_MAX_PAGE_EVENTS), **query}
        return await self._account.homeserver.call("GET", path, query=given)

    async def _readable_since(self, room: str, person: str) -> float | None:
        """Since when a person could read a room, at the latest, in ms since 1970: None where they
        can read all, infinite where nothing tells."""
        state = self._account.homeserver.state_event
        seen = await state(room, "m.room.history_visibility")
        if (seen.get("content") or {}).get("history_visibility", "shared") in _READ_BY_ALL:
            return None
        stamp = (await state(room, "m.room.member", person)).get("origin_server_ts")
        return stamp if isinstance(stamp, int) else math.inf

    async def _context_message(self, room: str, event: Json) -> ContextMessage | None:
        """An event as context; None for one that nobody said, and for an unfinished answer."""
        sender, id_ = str(event.get("sender") or ""), str(event.get("event_id") or "")
        if sender == self._account.user:
            text = own_answer(newest_content(event))
            return ContextMessage(_BOT_NAME, text, True, id_) if text else None
        relation = (event.get("content") or {}).get("m.relates_to") or {}
        said = None
        if relation.get("rel_type") != "m.replace" and event.get("type") == "m.room.message":
            said = read_said(event, newest_content(event))
        if said is None or not (said.text or said.file):
            return None
        people = await self._account.rooms.members(room, _NAMES_REUSE_S)
        files = (attachment(self._account, said.file),) if said.file is not None else ()
        name, by = people.get(sender, sender), f"{PLATFORM}:{sender}"
        return ContextMessage(name, said.text, False, id_, files, by=by)


def _is_since(event: Json, since_ms: float | None) -> bool:
    stamp = event.get("origin_server_ts")
    return since_ms is None or (isinstance(stamp, int) and stamp >= since_ms)
