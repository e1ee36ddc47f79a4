"""Events of platforms as they came, kept until they are surely handled.

An adapter stores an event before it acknowledges it to its platform. Where the process that handles
it dies before the core has claimed the event (`processed_events`), another one of the same database
handles it, or the next one that starts.

By their role, processes divide the work: a `front` receives events and gives each to a `worker`,
always the same one for the same place as long as it lives; `all` does both.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import uuid
from collections import deque
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from typing import Any, Final, Literal, NamedTuple, TypeAlias

import structlog
from sqlalchemy import ColumnElement, Connection, bindparam, delete, exists, or_, select, update

from bot.errors import StorageError
from bot.history.tables import processed_events
from bot.processes.crew import Crew
from bot.processes.tables import processes, received_events
from bot.storage.database import Database
from bot.storage.insert import InsertStatement

log = structlog.get_logger(__name__)

Given: TypeAlias = Literal["here", "elsewhere", "known"]
"""Who handles an event that was stored: this process or another; or it was delivered before."""
Handle: TypeAlias = Callable[[Mapping[str, Any]], Awaitable[None]]
"""Handles an event of one platform; returns when the core has taken it."""


class Handler(NamedTuple):
    """What handles the events of one platform, and the number of the format that it reads."""

    handle: Handle
    format: int = 0


STORE_S: Final = 1.5
"""How long an event may take to be stored, in seconds; Slack waits 3 s for its acknowledgement."""
MAX_PAYLOAD_BYTES: Final = 256 * 1024
"""Largest event that is stored; a larger one is handled by whoever received it."""
_KEPT_ROUNDS: Final = 12
"""Rounds after which an event of this process is surely handled: its question is claimed."""
_ROUND_S: Final = 5.0
_MAX_TRIES: Final = 3
"""How often an event is given to a process; one that ends each of them is given up."""
_MAX_TAKEN_EVENTS: Final = 100
"""Events that are taken at once."""
_GIVEN: Final = "event_given"
_TAKES: Final = "takes"

_NOBODY: Final = ""
"""The process of an event that is to be given to one in the next round."""

_events = received_events.c
_INSERT: Final = InsertStatement(
    lambda insert: insert(received_events).on_conflict_do_nothing(
        index_elements=["platform", "key"]
    )
)
_CLAIMED: Final = exists().where(
    processed_events.c.platform == _events.platform, processed_events.c.event_id == _events.event
)

_OF_PROCESS: Final = select(_events.number).where(_events.process == bindparam("process")).limit(1)


class ReceivedEvents:
    """The table `received_events`. `handlers` returns what handles the events of each platform that
    is connected here; none while this process ends. `run` must be running."""

    def __init__(
        self,
        database: Database,
        crew: Crew,
        handlers: Callable[[], Mapping[str, Handler]],
    ) -> None:
        self._role = crew.role
        self._database = database
        self._membership = crew.membership
        self._handlers = handlers
        self._id = crew.membership.id if crew.membership is not None else uuid.uuid4().hex
        self._look, self._round = asyncio.Event(), asyncio.Event()
        self._known: Mapping[str, Mapping[str, int]] | None = None
        self._newest = 0
        self._newest_before: deque[int] = deque(maxlen=_KEPT_ROUNDS)
        database.on_told(_GIVEN, self._on_given)
        if crew.membership is not None:
            crew.membership.mourn(self.look_again)
            crew.membership.tell(_TAKES, self._takes)
            crew.membership.watch(self._note_takers)

    async def put(
        self,
        platform: str,
        key: str,
        event: str,
        place: str,
        person: str,
        payload: Mapping[str, Any],
    ) -> Given:
        """Store an event as it came; see `bot.adapters.protocol.ReceivedEvents`."""
        process, written = self._choose(platform, place) or self._id, json.dumps(payload)
        if len(written) > MAX_PAYLOAD_BYTES:
            raise StorageError("The event is too large to be stored.")
        row = {
            "platform": platform, "key": key, "event": event, "place": place, "person": person,
            "process": process, "begun": process == self._id, "tries": 1,
            "payload": written, "at": self._database.now(),
        }  # fmt: skip

        def job(connection: Connection) -> int | None:
            inserting = _INSERT(connection).returning(_events.number)
            number: int | None = connection.execute(inserting, row).scalar()
            if number is not None and process != self._id:
                self._database.tell(connection, _GIVEN, process)
            return number

        try:
            async with asyncio.timeout(STORE_S):
                number = await self._database.write(job)
        except TimeoutError as error:
            raise StorageError("The event was not stored in time.") from error
        if number is None:
            return "known"
        if process != self._id:
            return "elsewhere"
        if not self._newest:
            self._look.set()  # rounds begin, in which it is deleted
        self._newest = max(self._newest, number)
        return "here"

    def stop_taking(self) -> None:
        """Tell the others at once what this process takes by now, as it is about to end."""
        if self._membership is not None:
            self._membership.hurry()

    def look_again(self) -> None:
        """Look at once what other processes have left: one of them was removed, or a platform
        connects."""
        self._round.set()
        self._look.set()

    async def run(self) -> None:
        """Handle what is given to this process, and what dead ones have left, until cancelled."""
        self.look_again()
        try:
            while True:
                self._look.clear()
                try:
                    await self._work()
                except StorageError as error:
                    log.warning("event.not_taken", reason=str(error))
                except Exception:  # the next round may go well
                    log.exception("event.not_taken")
                try:
                    async with asyncio.timeout(self._pause_s):
                        await self._look.wait()
                except TimeoutError:
                    self._round.set()
        finally:
            with suppress(StorageError):  # what was begun has ended with the turns of this process
                await self._delete_of(self._id, _events.begun)

    @property
    def _pause_s(self) -> float | None:
        """Seconds until the next round; alone there is none without an event of its own."""
        return _ROUND_S if self._membership is not None or self._newest else None

    async def _work(self) -> None:
        if self._round.is_set():
            self._round.clear()
            await self._give_again()
            await self._delete_handled()
        while await self._take():
            pass

    # --- who handles it -------------------------------------------------------------------------

    def _takes(self) -> Mapping[str, int]:
        """What is told to the others: the platforms whose events may be given to this process, and
        in which format it reads those of each."""
        if self._role == "front":
            return {}
        return {platform: handler.format for platform, handler in self._handlers().items()}

    def _note_takers(self) -> None:
        """Look again when other processes have come, gone, or begun to drain."""
        others = self._membership.others if self._membership is not None else {}
        known = {process: told.get(_TAKES, {}) for process, told in others.items()}
        if known != self._known:
            self._known = known
            self.look_again()

    def _choose(self, platform: str, place: str) -> str | None:
        """The process that handles an event of a place; None where there is none. A front gives it
        to the one that comes first by rendezvous hashing; others handle what they receive."""
        if self._role != "front":
            return self._id if platform in self._handlers() else None
        return max(
            self._takers(platform) or [self._id],
            key=lambda process: hashlib.blake2b(f"{process} {place}".encode()).digest(),
        )

    def _takers(self, platform: str) -> list[str]:
        """The processes that events of a platform may be given to: those of another version, which
        read another format, are not among them."""
        handler, known = self._handlers().get(platform), self._known or {}
        if handler is None:
            return []
        takers = [
            process for process, takes in known.items() if takes.get(platform) == handler.format
        ]
        return takers if self._role == "front" else [*takers, self._id]

    async def _give_again(self) -> None:
        """Give events to a living process whose own has died, or does not serve the platform; drop
        those that the dead one has claimed."""
        alive = select(processes.c.id)
        died = _events.process.not_in(alive) & (_events.process != self._id)
        for platform in self._handlers():
            left: ColumnElement[bool] = died
            if self._known is not None:
                serving = [self._id, *(p for p, takes in self._known.items() if platform in takes)]
                left = or_(died, _events.begun.is_(False) & _events.process.not_in(serving))
            query = select(received_events, _CLAIMED.label("claimed"))
            query = query.where(_events.platform == platform, left)
            query = query.order_by(_events.number).limit(_MAX_TAKEN_EVENTS)
            async with self._database.read() as connection:
                rows = (await connection.execute(query)).all()
            for row in rows:
                process = self._choose(platform, row.place)
                if row.claimed:
                    await self._delete_of(row.process, _events.number == row.number)
                elif row.tries >= _MAX_TRIES:
                    log.error("event.given_up", number=row.number, tries=row.tries)
                    await self._delete_of(row.process, _events.number == row.number)
                elif process is not None and process != row.process:
                    await self._give(row.number, row.process, row.tries, process)

    async def _give(self, number: int, before: str, tries: int, process: str) -> None:
        here = (_events.number == number) & (_events.process == before)
        values = {"process": process, "begun": False, "tries": tries + 1}

        def job(connection: Connection) -> None:
            given = connection.execute(update(received_events).where(here).values(**values))
            if given.rowcount and process != self._id:
                self._database.tell(connection, _GIVEN, process)

        await self._database.write(job)
        log.info("event.given_again", number=number, here=process == self._id)

    # --- what is handled here -------------------------------------------------------------------

    def _on_given(self, process: str | None) -> None:
        if process in (None, self._id):
            self._look.set()

    async def _take(self) -> bool:
        """Handle the next events of this process; returns whether there may be more."""
        handlers = self._handlers()
        waiting = (
            select(_events.number)
            .where(_events.process == self._id, _events.begun.is_(False))
            .where(_events.platform.in_([*handlers]))
            .order_by(_events.number)
            .limit(_MAX_TAKEN_EVENTS)
        )
        taking = (
            update(received_events)
            .where(_events.number.in_(waiting))
            .values(begun=True)
            .returning(_events.number, _events.platform, _events.payload, _events.tries)
        )
        async with self._database.read() as connection:
            if (await connection.execute(waiting)).first() is None:
                return False
        rows = await self._database.write(lambda connection: connection.execute(taking).all())
        for row in sorted(rows):
            self._newest = max(self._newest, row.number)
            try:
                await handlers[row.platform].handle(json.loads(row.payload))
            except Exception:  # the others are handled all the same
                log.exception("event.not_handled", number=row.number, platform=row.platform)
                await self._leave(row.number)
        return len(rows) == _MAX_TAKEN_EVENTS

    async def _leave(self, number: int) -> None:
        """Have an event given to a process in the next round."""
        leaving = update(received_events).where(_events.number == number)
        leaving = leaving.values(process=_NOBODY, begun=False)
        await self._database.write(lambda connection: connection.execute(leaving) and None)

    async def _delete_handled(self) -> None:
        """Delete the events of this process that are claimed, or that it had so many rounds ago."""
        if not self._newest:
            return
        full, newest = len(self._newest_before) == _KEPT_ROUNDS, self._newest
        handled = self._newest_before[0] if full else 0
        old = or_(_CLAIMED, _events.number <= handled)
        await self._delete_of(self._id, _events.begun & old)
        self._newest_before.append(newest)
        async with self._database.read() as connection:
            left = (await connection.execute(_OF_PROCESS, {"process": self._id})).first()
        if left is None and newest == self._newest:
            self._newest = 0
            self._newest_before.clear()

    async def _delete_of(self, process: str, which: ColumnElement[bool]) -> None:
        """Delete events of a process."""
        deleting = delete(received_events).where(_events.process == process, which)
        await self._database.write(lambda connection: connection.execute(deleting) and None)
