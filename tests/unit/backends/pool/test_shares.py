"""The rule by which the slots of a server are divided among processes."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backends.pool.shares import Demand, agree_on_slots, divide_slots, grant_slots


def wants(people: int = 1, each: int = 1, background: int = 0, held: int = 0) -> Demand:
    return Demand(people=people, requests=people * each, background=background, held=held)


@st.composite
def demands(draw: st.DrawFn) -> dict[str, Demand]:
    names = draw(st.lists(st.sampled_from("abcdefgh"), min_size=1, max_size=8, unique=True))
    found = {}
    for name in names:
        people = draw(st.integers(0, 6))
        requests = draw(st.integers(people, 4 * people))
        background = draw(st.integers(0, 3))
        held = draw(st.integers(0, requests + background))
        found[name] = Demand(0, people, requests, background, held)
    return found


def test_one_person_with_ten_requests_is_lent_all_but_a_slot_for_each_other_process() -> None:
    idle, busy = Demand(), wants(1, 10)
    assert divide_slots(8, {"a": busy, "b": idle}) == {"a": 7, "b": 1}
    assert divide_slots(8, {"a": busy, "b": idle, "c": idle}) == {"a": 6, "b": 1, "c": 1}


def test_slots_are_divided_by_people_and_not_by_requests() -> None:
    assert divide_slots(8, {"a": wants(1, 10), "b": wants(1, 4)}) == {"a": 4, "b": 4}
    assert divide_slots(8, {"a": wants(3, 10), "b": wants(1, 10)}) == {"a": 6, "b": 2}
    assert divide_slots(5, {"a": wants(3, 1), "b": wants(2, 1)}) == {"a": 3, "b": 2}


def test_background_work_has_what_people_leave() -> None:
    reading, asking = wants(0, 0, background=9), wants(2, 2)
    assert divide_slots(8, {"a": reading, "b": asking}) == {"a": 4, "b": 4}
    assert divide_slots(4, {"a": reading, "b": asking}) == {"a": 1, "b": 3}


def test_what_nobody_wants_is_spread_for_what_comes_next() -> None:
    assert divide_slots(9, {"a": Demand(), "b": Demand()}) == {"a": 5, "b": 4}
    assert divide_slots(8, {"a": wants(3, 1), "b": Demand()}) == {"a": 4, "b": 4}


def test_with_fewer_slots_than_processes_each_has_one() -> None:
    assert divide_slots(2, dict.fromkeys("abc", wants(2, 5))) == {"a": 1, "b": 1, "c": 1}


def test_a_slot_that_runs_over_a_share_is_missing_elsewhere_until_it_ends() -> None:
    before = {"a": wants(2, 8, held=7), "b": wants(2, 8)}
    assert divide_slots(8, before) == {"a": 4, "b": 4}
    assert grant_slots(8, before) == {"a": 4, "b": 1}
    assert grant_slots(8, before | {"a": wants(2, 8, held=5)}) == {"a": 4, "b": 3}
    assert grant_slots(8, before | {"a": wants(2, 8, held=4)}) == {"a": 4, "b": 4}


def test_the_slots_are_what_somebody_knows() -> None:
    assert agree_on_slots({"a": Demand(), "b": Demand(slots=6), "c": Demand(slots=3)}) == 3
    assert agree_on_slots({"a": Demand()}) == 0


@given(st.integers(1, 40), demands())
def test_shares_are_the_slots_in_sum_and_each_is_one_at_least(
    slots: int, wanted: dict[str, Demand]
) -> None:
    shares = divide_slots(slots, wanted)
    assert shares.keys() == wanted.keys()
    assert min(shares.values()) >= 1
    assert sum(shares.values()) == max(slots, len(wanted))


@given(st.integers(1, 40), demands())
def test_no_slot_is_idle_while_somebody_waits_but_one_of_each_process(
    slots: int, wanted: dict[str, Demand]
) -> None:
    shares = divide_slots(slots, wanted)
    if any(shares[name] < demand.requests for name, demand in wanted.items()):
        assert all(shares[name] <= max(1, demand.requests) for name, demand in wanted.items())
    if any(shares[n] < d.requests + d.background for n, d in wanted.items()):
        assert all(shares[n] <= max(1, d.requests + d.background) for n, d in wanted.items())


@given(st.integers(1, 40), demands())
def test_who_waits_has_no_less_for_each_person_than_others_to_within_a_slot(
    slots: int, wanted: dict[str, Demand]
) -> None:
    shares = divide_slots(slots, wanted)
    for short, demand in wanted.items():
        if shares[short] < demand.requests:
            for name, other in wanted.items():
                if shares[name] > 1:
                    people = max(1, other.people)
                    assert (shares[name] - 1) / people <= (shares[short] + 1) / demand.people


@given(st.integers(1, 40), demands(), st.randoms())
def test_every_process_finds_the_same(slots: int, wanted: dict[str, Demand], chance: Any) -> None:
    told: dict[str, Any] = json.loads(json.dumps({n: d.to_json() for n, d in wanted.items()}))
    names = list(told)
    chance.shuffle(names)
    heard = {name: Demand.parse(told[name]) for name in names}
    assert heard == wanted
    assert grant_slots(slots, heard) == grant_slots(slots, wanted)


@given(st.integers(1, 40), demands())
def test_what_runs_and_may_start_is_never_more_than_the_slots(
    slots: int, wanted: dict[str, Demand]
) -> None:
    shares, grants = divide_slots(slots, wanted), grant_slots(slots, wanted)
    assert all(1 <= grants[name] <= shares[name] for name in wanted)
    # What runs already cannot be stopped, and one is always granted: beyond these nothing is.
    held = sum(max(1, demand.held) for demand in wanted.values())
    could_run = sum(max(grants[name], demand.held) for name, demand in wanted.items())
    assert could_run <= max(slots, held)


@given(st.integers(1, 40), demands())
def test_a_slot_that_is_free_is_granted(slots: int, wanted: dict[str, Demand]) -> None:
    grants = grant_slots(slots, wanted)
    could_run = sum(max(grants[name], demand.held) for name, demand in wanted.items())
    assert could_run >= slots or grants == divide_slots(slots, wanted)


@pytest.mark.parametrize(
    "told",
    [None, 7, "many", [], {}, {"slots": "8", "people": None, "requests": -3, "held": 1.5}],
)
def test_what_cannot_be_read_is_no_demand(told: object) -> None:
    assert Demand.parse(told) == Demand()


def test_what_another_version_tells_is_read_as_far_as_it_is_known() -> None:
    assert Demand.parse({"people": 2, "urgency": 9}) == Demand(people=2)
    assert Demand.parse({"slots": 10**30}).slots < 10**6
