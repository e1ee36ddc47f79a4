"""Divides the slots of a model server among the bot processes that use it: the rule alone.

Every process applies it to the same figures and finds the same shares, so nobody hands them out.
Each process has one slot at least, so that the first request of somebody new starts at once
wherever it comes. The others go to whoever wants them, by people and not by requests; then to
background work; what nobody wants is spread evenly, for what comes next. So the shares are the
slots in sum. With fewer slots than processes each has one all the same: the queue of the server
then holds as many requests as there are processes too many.
"""

from __future__ import annotations

import heapq
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

_MAX_TOLD = 65_536
"""The largest number that is believed of another process."""


@dataclass(frozen=True, slots=True)
class Demand:
    """What a process wants of a server, and what it has there.

    `slots` is what the operator or the server says that the server has; 0 if nobody has said.
    `requests`, those of `people`, run there or could; so could those in the `background`, which
    nobody waits for. `held` are the slots that it uses or counts on: it starts nothing beyond them
    before it has told the others of more.
    """

    slots: int = 0
    people: int = 0
    requests: int = 0
    background: int = 0
    held: int = 0

    @property
    def wanted(self) -> int:
        """Slots that could be used now."""
        return self.requests + self.background

    @property
    def short(self) -> bool:
        """Whether it would use more than it holds."""
        return self.wanted > self.held

    @classmethod
    def parse(cls, told: object) -> Demand:
        """Read what another process has told, which may be of another version.

        What is missing or no count is 0.
        """
        given: Mapping[str, Any] = told if isinstance(told, Mapping) else {}
        return cls(**{field.name: _count(given.get(field.name)) for field in fields(cls)})

    def to_json(self) -> dict[str, int]:
        return {field.name: getattr(self, field.name) for field in fields(self)}


def agree_on_slots(demands: Mapping[str, Demand]) -> int:
    """Return how many slots a server has: the least that a process has been told, 0 if none has."""
    return min((demand.slots for demand in demands.values() if demand.slots), default=0)


def divide_slots(slots: int, demands: Mapping[str, Demand]) -> dict[str, int]:
    """Return each process's share, by its name."""
    shares = dict.fromkeys(demands, 1)
    left = slots - len(shares)
    people = {name: max(1, demand.people) for name, demand in demands.items()}
    asked = {name: demand.requests for name, demand in demands.items()}
    whole = {name: demand.wanted for name, demand in demands.items()}
    one_each = dict.fromkeys(demands, 1)
    left = _hand_out(left, shares, people, asked)
    left = _hand_out(left, shares, one_each, whole)
    _hand_out(left, shares, one_each, dict.fromkeys(demands, slots))
    return shares


def grant_slots(slots: int, demands: Mapping[str, Demand]) -> dict[str, int]:
    """Return how many slots each process may hold now, by its name.

    That is its share, or less while others hold more than theirs: a running request keeps its slot
    to its end. What they leave goes where the most of a share is missing, by people.
    """
    shares = divide_slots(slots, demands)
    over = {name: d.held for name, d in demands.items() if d.held > shares[name]}
    if not over:
        return shares
    grants = {name: max(1, d.held) for name, d in demands.items() if name not in over}
    people = {name: max(1, demands[name].people) for name in grants}
    _hand_out(slots - sum(over.values()) - sum(grants.values()), grants, people, shares)
    return grants | {name: shares[name] for name in over}


def _hand_out(
    left: int, shares: dict[str, int], weights: Mapping[str, int], most: Mapping[str, int]
) -> int:
    """Add `left` slots to the shares by their weights, none beyond `most`; return what is left.

    One by one, each to whose share is the smallest for its weight (by Webster's method, which
    favours neither the great nor the small); of equal ones to the first by name.
    """
    due = [
        ((2 * held + 1) / weights[name], name) for name, held in shares.items() if held < most[name]
    ]
    heapq.heapify(due)
    while left > 0 and due:
        _, name = due[0]
        shares[name] += 1
        left -= 1
        if shares[name] < most[name]:
            heapq.heapreplace(due, ((2 * shares[name] + 1) / weights[name], name))
        else:
            heapq.heappop(due)
    return left


def _count(told: object) -> int:
    return min(max(0, told), _MAX_TOLD) if isinstance(told, int) else 0
