"""The model servers that several bot processes use: what this one wants of them, and its shares.

The processes tell each other their demand through an exchange, which is no part of the pool:

    sharing.hear(await told_by_all(), own_name)  # before the first request
    while True:
        await tell_all(own_name, sharing.tell())
        await asyncio.sleep(0.05)  # so that it is told 20 times a second at most
        await at_most(1.0, sharing.changed.wait())

and calls `hear` again whenever another process has told something, or is gone. A process that is
alone has all slots, and its requests cost nothing more. Nobody starts more than it has told the
others of, and nobody counts on what another has not given up yet. So more than the slots are in use
only where two have told of more at the same moment, until those answers have ended.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from backends.pool.shares import Demand, agree_on_slots, divide_slots, grant_slots

if TYPE_CHECKING:
    from backends.pool.admission import Admission
    from backends.pool.replica import Replica


_CHECK_S = 0.01
"""After a request has come, started or gone: what comes meanwhile is checked together."""


class SharedServer:
    """One model of one server, with this process's share of its slots.

    `slots`, `limit` and `sharers` (the other processes) are 0 while no other process uses it; then
    a replica has the slots that its engine says. `limit` is for all replicas of this process that
    are the same model of the same server.
    """

    def __init__(self) -> None:
        self.slots = self.limit = self.sharers = 0
        self.told = Demand()
        """What the others know of this process."""
        self._own = ""
        self._others: dict[str, Demand] = {}
        self._used: list[tuple[Replica, Admission]] = []

    def add(self, replica: Replica, admission: Admission) -> None:
        self._used.append((replica, admission))

    def limit_of(self, replica: Replica) -> int:
        """Return how many requests may run on one of the replicas; at least one."""
        elsewhere = sum(other.busy for other, _ in self._used if other is not replica)
        return max(1, self.limit - elsewhere)

    @property
    def limit_for_one(self) -> int:
        """How many requests one person may run here: while nobody asks elsewhere one less than the
        limit, so that a newcomer here need not wait either.
        """
        asked_elsewhere = any(other.people for other in self._others.values())
        return self.limit if asked_elsewhere else max(1, self.limit - 1)

    def take(self, others: dict[str, Demand], own: str) -> None:
        """Take what the other processes want, by name; `own` is this one's."""
        self._others, self._own = others, own
        self.sharers = len(others)
        self._settle()

    def tell(self) -> Demand:
        """Return what this process wants and may hold, which counts from now on."""
        self.told = self._next()
        self._settle()
        return self.told

    def wants_telling(self) -> bool:
        """Whether somebody who waits would have more if this process told its demand."""
        told = self._next()
        before, after = self._all(self.told), self._all(told)
        slots = self._count(after)
        held = max(self.limit, self._running)
        if told.wanted > held and (
            not self.told.short  # others give up only what somebody is known to be short of
            or told.held > held
            or divide_slots(slots, before) != divide_slots(slots, after)
        ):
            return True
        known, granted = grant_slots(slots, before), grant_slots(slots, after)
        return any(
            other.short and granted[name] > known[name] for name, other in self._others.items()
        )

    def _next(self) -> Demand:
        """Return what this process has to tell."""
        wanted = self._demand(max(self.limit, self._running))
        demands = self._all(wanted)
        granted = grant_slots(self._count(demands), demands)[self._own]
        return replace(wanted, held=max(granted, self._running))

    def _settle(self) -> None:
        """Take the share that all know of, and start what can start by it.

        One that has become smaller holds at once, a greater one when it is told.
        """
        before = (self.slots, self.limit)
        self.slots = self.limit = 0
        if self._others:
            demands = self._all(self.told)
            self.slots = self._count(demands)
            share = divide_slots(self.slots, demands)[self._own]
            self.limit = max(1, min(self.told.held, share))
        if (self.slots, self.limit) != before or len(self._used) > 1:
            for _, admission in self._used:
                admission.refresh()

    @property
    def _running(self) -> int:
        return sum(replica.busy for replica, _ in self._used)

    def _demand(self, held: int) -> Demand:
        """What this process wants now.

        A request that waits for one of several replicas is wanted of each.
        """
        people: set[str] = set()
        requests = background = slots = 0
        for replica, admission in self._used:
            if replica.slots_known:
                slots = replica.engine_slots
            for ticket in admission.wanted_of(replica):
                if ticket.background:
                    background += 1
                else:
                    people.add(ticket.flow)
                    requests += 1
        return Demand(slots, len(people), requests, background, held)

    def _all(self, own: Demand) -> dict[str, Demand]:
        return {**self._others, self._own: own}

    def _count(self, demands: Mapping[str, Demand]) -> int:
        """The slots of the server."""
        return agree_on_slots(demands) or self._used[0][0].engine_slots


class Sharing:
    """All servers of a pool that other processes may use, too, by the name of each."""

    def __init__(self) -> None:
        self.changed = asyncio.Event()
        """Set when the others should be told at once; `tell` clears it."""
        self._servers: dict[str, SharedServer] = {}
        self._shared: tuple[SharedServer, ...] = ()
        """Those that others use now."""
        self._timer: asyncio.TimerHandle | None = None

    def server(self, name: str) -> SharedServer:
        """Return the server of that name."""
        return self._servers.setdefault(name, SharedServer())

    def tell(self) -> dict[str, dict[str, int]]:
        """Return what the others are to be told, and count on their knowing it."""
        self.changed.clear()
        told = {name: server.tell().to_json() for name, server in self._servers.items()}
        self.note_change()
        return told

    def hear(self, told: Mapping[str, Mapping[str, Any]], own: str) -> None:
        """Take what all processes have told last, by process; one that is not there is gone.

        `own` is the name of this one, by which the others know it; its entry may be there or not.
        """
        others = [
            (process, wanted)
            for process, wanted in told.items()
            if process != own and isinstance(wanted, Mapping)
        ]
        for name, server in self._servers.items():
            demands = {p: Demand.parse(wanted[name]) for p, wanted in others if name in wanted}
            server.take(demands, own)
        self._shared = tuple(each for each in self._servers.values() if each.sharers)
        self.note_change()

    def note_change(self) -> None:
        """Note that a request has come, started or gone."""
        if self._shared and self._timer is None and not self.changed.is_set():
            self._timer = asyncio.get_running_loop().call_later(_CHECK_S, self._check)

    def close(self) -> None:
        self._shared = ()
        if self._timer is not None:
            self._timer.cancel()

    def _check(self) -> None:
        self._timer = None
        if any(server.wants_telling() for server in self._shared):
            self.changed.set()
