"""The bounded, fair queue in front of one model, and the slots behind it.

A request enters, waits for its turn (and is told where it stands), runs on one replica, and
leaves. Everything happens on one event loop, in plain calls between awaits: there is no lock, and
no task of its own. A timer runs only while somebody waits for something that time alone brings.
"""

from __future__ import annotations

import asyncio
import itertools
import time
from collections.abc import AsyncGenerator, Callable, Iterator, Sequence

from backends.base import Progress
from backends.errors import BackendBusy, BackendError, BackendUnavailable, DeadlineExceeded
from backends.pool.announcer import QueueAnnouncer
from backends.pool.fair_queue import FairQueue
from backends.pool.replica import Replica
from backends.pool.routing import ReplicaRouter
from backends.pool.spec import PoolLimits
from backends.pool.ticket import Ticket
from backends.pool.wait_forecast import forecast_starts

_LONGEST_GIVING_WAY_S = 5.0
"""How long background work lets questions go first, so that it is done some day."""
_QUESTIONS_COME_S = 30.0


class Admission:
    """Decides who runs next on which of a model's replicas.

    Fair by person; questions before background work; never more on a replica than its slots; never
    more waiting than `queue`. `changed` is called when a request has come, started or gone.
    """

    def __init__(
        self,
        replicas: Sequence[Replica],
        limits: PoolLimits,
        queue: int,
        changed: Callable[[], None] | None = None,
    ) -> None:
        self._replicas = tuple(replicas)
        self._limits = limits
        self._room = queue
        self._changed = changed
        self._questions: FairQueue[Ticket] = FairQueue()
        self._background: FairQueue[Ticket] = FairQueue()
        self._again: list[Ticket] = []
        self._inside: dict[int, Ticket] = {}
        self._numbers = itertools.count(1)
        self._router = ReplicaRouter(self._replicas)
        self._timer: asyncio.TimerHandle | None = None
        self._announcer = QueueAnnouncer(self._replicas, limits.progress_interval_s, self._in_order)
        self._closed = False
        self._questioned_at = float("-inf")

    @property
    def waiting(self) -> int:
        """Requests that wait for a slot."""
        return len(self._questions) + len(self._background) + len(self._again)

    @property
    def questions_come(self) -> bool:
        """Whether a question came lately, so that the next one may come soon."""
        return time.monotonic() - self._questioned_at < _QUESTIONS_COME_S

    @property
    def running(self) -> int:
        """Requests that hold a slot."""
        return len(self._inside) - self.waiting

    def wanted_of(self, replica: Replica) -> Iterator[Ticket]:
        """The requests that run on a replica, or wait and may go there."""
        for ticket in self._inside.values():
            if ticket.replica is replica or (
                ticket.replica is None and replica.index not in ticket.tried
            ):
                yield ticket

    def enter(
        self,
        *,
        person: str | None,
        channel: str | None,
        conversation: str | None,
        prompt_tokens: int,
        max_tokens: int,
        deadline_s: float,
        background: bool = False,
    ) -> Ticket:
        """Take a place in the queue; with `background` behind all questions.

        Raises `BackendBusy` if the queue, a person or a channel is full.
        """
        if self._closed:
            raise BackendUnavailable("The bot is shutting down.")
        now = time.monotonic()
        ticket = Ticket(
            number=next(self._numbers),
            flow=person or conversation or "",
            person=person,
            channel=channel,
            conversation=conversation,
            prompt_tokens=prompt_tokens,
            max_tokens=max_tokens,
            ends=now + deadline_s,
            entered=now,
            background=background,
        )
        self._refuse_if_crowded(ticket)
        if not background:
            self._questioned_at = now
        self._inside[ticket.number] = ticket
        self._queue_of(ticket).push(ticket, ticket.flow, ticket.cost(max_tokens))
        self._dispatch()
        if ticket.replica is None and ticket.error is None and self.waiting > self._room:
            self.leave(ticket)
            raise BackendBusy(self._expected_wait())
        return ticket

    async def wait(self, ticket: Ticket) -> AsyncGenerator[Progress, None]:
        """Wait until the ticket has a replica; yield its position whenever that changes.

        Raises `DeadlineExceeded`, or the error that says why no replica is available.
        """
        while ticket.replica is None:
            if ticket.error is not None:
                raise ticket.error
            if ticket.progress is None:
                self._announcer.announce()
            if ticket.progress is not None and ticket.news.is_set():
                ticket.news.clear()
                yield ticket.progress
                continue
            try:
                async with asyncio.timeout(max(0.0, ticket.ends - time.monotonic())):
                    await ticket.news.wait()
            except TimeoutError:
                raise DeadlineExceeded("The request waited in the queue for too long.") from None

    def retry(self, ticket: Ticket, error: BackendError) -> None:
        """Give up the slot after a failure and wait, ahead of all, for a replica not tried yet.

        Raises `error` if there is none.
        """
        assert ticket.replica is not None
        self._release(ticket)
        ticket.error = None
        if all(replica.index in ticket.tried for replica in self._replicas):
            self._dispatch()
            raise error
        ticket.news.clear()
        ticket.progress = None
        self._again.append(ticket)
        self._dispatch()

    def leave(self, ticket: Ticket, written: int | None = None) -> None:
        """Give back the slot, or the place in the queue.

        `written` is the answer's number of tokens.
        """
        if self._inside.pop(ticket.number, None) is None:
            return
        if ticket.replica is not None:
            if written is not None:
                difference = ticket.cost(written) - ticket.cost(ticket.max_tokens)
                self._queue_of(ticket).settle(ticket.flow, difference)
            self._release(ticket)
        elif ticket in self._again:
            self._again.remove(ticket)
        else:
            self._queue_of(ticket).remove(ticket, ticket.flow)
        self._dispatch()

    def give_way(self, ticket: Ticket) -> bool:
        """Hand the slot of background work to a question that waits, and wait again.

        Returns False, and keeps the slot, if no question does.
        """
        assert ticket.replica is not None
        if not self._again and not len(self._questions):
            return False
        ticket.replica.finish_request(ticket.number)
        ticket.replica = None
        ticket.entered = time.monotonic()
        ticket.progress = None
        ticket.news.clear()
        self._background.push(ticket, ticket.flow, ticket.cost(ticket.max_tokens))
        self._dispatch()
        return True

    def record_answer(self, ticket: Ticket) -> None:
        """Record that the ticket's answer is complete: its replica now holds the conversation's
        cache.
        """
        assert ticket.replica is not None
        self._router.record_home(ticket.conversation, ticket.replica)

    def refresh(self) -> None:
        """Start requests that can run now, after a replica has changed."""
        self._dispatch()

    def close(self) -> None:
        """Turn away everybody who waits, and all later requests."""
        self._closed = True
        for ticket in self._in_order():
            ticket.error = BackendUnavailable("The bot is shutting down.")
            ticket.news.set()
        self._announcer.close()
        if self._timer is not None:
            self._timer.cancel()

    def _release(self, ticket: Ticket) -> None:
        if ticket.replica is not None:
            ticket.replica.finish_request(ticket.number)
            ticket.tried.add(ticket.replica.index)
            ticket.replica = None

    def _refuse_if_crowded(self, ticket: Ticket) -> None:
        inside = self._inside.values()
        if ticket.person is not None:
            same = sum(1 for other in inside if other.person == ticket.person)
            if same >= self._limits.per_person:
                raise BackendBusy(
                    self._expected_wait(),
                    f"You already have {same} requests waiting; try again when one is answered.",
                )
        if ticket.channel is not None:
            same = sum(1 for other in inside if other.channel == ticket.channel)
            if same >= self._limits.per_channel:
                raise BackendBusy(
                    self._expected_wait(),
                    f"This channel already has {same} requests waiting; try again in a moment.",
                )

    # -- who runs next ---------------------------------------------------------------------------

    def _dispatch(self) -> None:
        """Start all requests that can start now, and update those that keep waiting."""
        while self.waiting and any(replica.free for replica in self._replicas):
            ticket = self._next()
            if ticket is None:
                break
        self._turn_away()
        self._set_timer()
        if self._changed is not None:
            self._changed()
        if self.waiting:
            self._announcer.announce_soon()

    def _next(self) -> Ticket | None:
        for ticket in self._again:
            replica = self._choose(ticket)
            if replica is not None:
                self._again.remove(ticket)
                self._start(ticket, replica)
                return ticket
        held = self._held_by_person()
        queues = [self._questions, self._background]
        if self._background_waited_s() > _LONGEST_GIVING_WAY_S:
            queues.reverse()
        for queue in queues:
            taken = queue.take(
                lambda one: self._may_hold_more(one, held) and self._choose(one) is not None
            )
            if taken is not None:
                replica = self._choose(taken)
                assert replica is not None
                self._start(taken, replica)
                return taken
        return None

    def _queue_of(self, ticket: Ticket) -> FairQueue[Ticket]:
        return self._background if ticket.background else self._questions

    def _in_order(self) -> list[Ticket]:
        """Everybody who waits, in order of service."""
        return [*self._again, *self._questions.ordered(), *self._background.ordered()]

    def _background_waited_s(self) -> float:
        waiting = self._background.ordered()
        oldest = min((ticket.entered for ticket in waiting), default=float("inf"))
        return time.monotonic() - oldest

    def _start(self, ticket: Ticket, replica: Replica) -> None:
        now = time.monotonic()
        ticket.replica, ticket.started = replica, now
        expected = replica.throughput.service_s(ticket.prompt_tokens, ticket.max_tokens)
        replica.start_request(ticket.number, expected)
        ticket.news.set()

    def _choose(self, ticket: Ticket) -> Replica | None:
        """Return the replica to start on, if one is free; background work leaves a slot free."""
        replica = self._router.choose(
            ticket.conversation,
            ticket.prompt_tokens,
            waited_s=time.monotonic() - ticket.entered,
            tried=ticket.tried,
        )
        if replica is not None and ticket.background and 1 < replica.slots <= replica.busy + 1:
            return None
        return replica

    def _held_by_person(self) -> dict[str, int]:
        held: dict[str, int] = {}
        for ticket in self._inside.values():
            if ticket.replica is not None:
                held[ticket.flow] = held.get(ticket.flow, 0) + 1
        return held

    def _may_hold_more(self, ticket: Ticket, held: dict[str, int]) -> bool:
        """Return whether a person may take another slot; one is left for others if there are
        several.
        """
        has = held.get(ticket.flow, 0)
        if ticket.person is None or not has:
            return True
        awake = [replica for replica in self._replicas if replica.pause_left_s == 0]
        of_all = int(sum(replica.whole_slots for replica in awake) * self._limits.person_share)
        return has < min(of_all, sum(replica.slots_for_one for replica in awake))

    def _turn_away(self) -> None:
        """Fail the requests that no replica can serve soon."""
        for ticket in self._in_order():
            able = self._router.able(ticket.tried)
            if ticket.error is None and all(
                replica.pause_left_s > self._limits.patience_s for replica in able
            ):
                rest = min((replica.pause_left_s for replica in able), default=0.0)
                why = next((r.last_error for r in able if r.last_error), "It cannot be reached.")
                ticket.error = BackendUnavailable(f"{why} It is tried again in {rest:.0f} s.")
                ticket.news.set()

    def _set_timer(self) -> None:
        """Wake when a replica's pause ends or a wait for the home replica has been long enough."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if not self.waiting or self._closed:
            return
        rests = [replica.pause_left_s for replica in self._replicas if replica.pause_left_s > 0]
        if any(replica.free for replica in self._replicas):
            rests.append(0.1)
        if rests:
            loop = asyncio.get_running_loop()
            self._timer = loop.call_later(max(0.005, min(rests)), self._dispatch)

    def _expected_wait(self) -> float:
        """Seconds until the next slot, and with it a place in the queue, is free."""
        return forecast_starts(self._replicas, [(0, 1)])[0]
