"""Processes that share a server, step by step: what comes, goes and is told in whatever order."""

from __future__ import annotations

import itertools
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from backends.pool.admission import Admission
from backends.pool.replica import Replica
from backends.pool.sharing import Sharing
from backends.pool.spec import PoolLimits
from backends.pool.ticket import Ticket
from backends.scripted.backend import ScriptedBackend


class Process:
    """The admission of one process, whose every request is of another person."""

    def __init__(self, name: str, slots: int) -> None:
        self.name = name
        self.sharing = Sharing()
        self.server = self.sharing.server("server")
        backend = ScriptedBackend("m", parallel=slots)
        replica = Replica(backend, "scripted", 0, 1.0, 1.0, server=self.server)
        self.door = Admission([replica], PoolLimits(), 100, self.sharing.note_change)
        self.server.add(replica, self.door)
        self._inside: list[Ticket] = []
        self._people = itertools.count()

    def do(self, step: str) -> None:
        if step == "in":
            self._enter()
        elif step == "out":
            self._leave()

    def _enter(self) -> None:
        person = f"{self.name} {next(self._people)}"
        self._inside.append(
            self.door.enter(
                person=person,
                channel=None,
                conversation=None,
                prompt_tokens=9,
                max_tokens=9,
                deadline_s=60.0,
            )
        )

    def _leave(self) -> None:
        """End the answer that began first, if there is one."""
        for ticket in self._inside:
            if ticket.replica is not None:
                self._inside.remove(ticket)
                self.door.leave(ticket)
                break

    def close(self) -> None:
        self.door.close()
        self.sharing.close()


@settings(deadline=None, max_examples=40)
@given(
    slots=st.integers(3, 9),
    processes=st.integers(2, 3),
    steps=st.lists(
        st.tuples(st.integers(0, 2), st.sampled_from(["in", "out", "tell"]), st.integers(1, 5)),
        max_size=30,
    ),
)
async def test_what_is_told_in_whatever_order_fills_the_slots_and_never_more(
    slots: int, processes: int, steps: list[tuple[int, str, int]]
) -> None:
    crowd = [Process(f"process {at}", slots) for at in range(processes)]
    told: dict[str, Any] = {}

    def tell(one: Process) -> None:
        told[one.name] = one.sharing.tell()
        for other in crowd:
            other.sharing.hear(told, other.name)

    for one in crowd:
        one.sharing.hear(told, one.name)
        tell(one)
    for at, step, count in steps:
        one = crowd[at % processes]
        for _ in range(count):
            one.do(step)
        if step == "tell":
            tell(one)
        assert sum(each.door.running for each in crowd) <= slots
    for _ in range(4 * processes):
        if telling := [one for one in crowd if one.server.wants_telling()]:
            tell(telling[0])
    assert not any(one.server.wants_telling() for one in crowd), "it is told again and again"
    if any(one.door.waiting for one in crowd):
        assert sum(max(1, one.door.running) for one in crowd) == slots
    for one in crowd:
        one.close()
