"""A queue that is fair by person: deficit round robin, as a plain data structure.

Each person has a round in which their next request is due. Serving a request moves its person on
by at least one round, and by more if it was long; what is left of a round is carried over. The
smallest round goes first, and within a round whoever came to it first. Somebody new joins the
round that is being served, so that ten waiting requests of one person count as one to them. Only
`joiners` people may join a round; more go to the next ones: so nobody waits for ever.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Generic, TypeVar

T = TypeVar("T")

_MAX_REMEMBERED_DEBTORS = 1_024


@dataclass(slots=True)
class _Flow(Generic[T]):
    """One person's requests, oldest first, each with its cost in rounds."""

    round: int
    place: int
    debt: float = 0.0
    waiting: list[tuple[T, float]] = field(default_factory=list)


class FairQueue(Generic[T]):
    """Items wait by person; costs are in rounds, and every request costs at least one."""

    def __init__(self, joiners: int = 32) -> None:
        self._joiners = joiners
        self._flows: dict[str, _Flow[T]] = {}
        self._round = 0
        self._joined = 0
        self._places = 0
        self._size = 0

    def __len__(self) -> int:
        return self._size

    def push(self, item: T, person: str, cost: float) -> None:
        """Put an item last among those of its person."""
        flow = self._flows.get(person)
        if flow is None:
            flow = self._flows[person] = _Flow(self._open_round(), self._place())
        elif not flow.waiting and flow.round < self._round:
            flow.round, flow.place = self._open_round(), self._place()
        flow.waiting.append((item, max(1.0, cost)))
        self._size += 1

    def remove(self, item: T, person: str) -> bool:
        """Take an item out unserved, at no cost to its person; return whether it was there."""
        flow = self._flows.get(person)
        if flow is None:
            return False
        kept = [entry for entry in flow.waiting if entry[0] is not item]
        if len(kept) == len(flow.waiting):
            return False
        self._size -= len(flow.waiting) - len(kept)
        flow.waiting = kept
        self._forget_settled()
        return True

    def take(self, fits: Callable[[T], bool]) -> T | None:
        """Return the first item in order of service that fits, and charge its person."""
        for person, item, cost in self._in_order():
            if fits(item):
                flow = self._flows[person]
                flow.waiting = [entry for entry in flow.waiting if entry[0] is not item]
                self._size -= 1
                if flow.round > self._round:
                    passed = flow.round - self._round
                    self._joined = max(0, self._joined - passed * self._joiners)
                    self._round = flow.round
                self._charge(flow, cost)
                self._forget_settled()
                return item
        return None

    def settle(self, person: str, difference: float) -> None:
        """Correct what a person was charged, in rounds, once the true cost is known."""
        flow = self._flows.get(person)
        if flow is not None:
            flow.debt += difference

    def ordered(self) -> list[T]:
        """Return all items in the order in which they would be served if nobody else came."""
        return [item for _, item, _ in self._in_order()]

    def _in_order(self) -> list[tuple[str, T, float]]:
        if self._size == 1:  # the usual case costs nothing
            return [
                (person, item, cost)
                for person, flow in self._flows.items()
                for item, cost in flow.waiting
            ]
        heap = [
            (flow.round, flow.place, person, 0, flow.debt)
            for person, flow in self._flows.items()
            if flow.waiting
        ]
        heapq.heapify(heap)
        order = []
        place = self._places
        while heap:
            due, _, person, at, debt = heapq.heappop(heap)
            flow = self._flows[person]
            item, cost = flow.waiting[at]
            order.append((person, item, cost))
            if at + 1 < len(flow.waiting):
                place += 1
                steps = max(1, int(debt + cost))
                heapq.heappush(heap, (due + steps, place, person, at + 1, debt + cost - steps))
        return order

    def _charge(self, flow: _Flow[T], cost: float) -> None:
        steps = max(1, int(flow.debt + cost))
        flow.debt += cost - steps
        flow.round += steps
        flow.place = self._place()

    def _open_round(self) -> int:
        self._joined += 1
        return self._round + (self._joined - 1) // self._joiners

    def _place(self) -> int:
        self._places += 1
        return self._places

    def _forget_settled(self) -> None:
        """Drop people who wait for nothing and owe nothing."""
        idle = [person for person, flow in self._flows.items() if not flow.waiting]
        settled = [p for p in idle if self._flows[p].round <= self._round]
        for person in settled or idle[: max(0, len(idle) - _MAX_REMEMBERED_DEBTORS)]:
            del self._flows[person]
