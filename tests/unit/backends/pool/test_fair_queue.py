"""The queue that is fair by person, as a data structure."""

from __future__ import annotations

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from backends.pool.fair_queue import FairQueue

Request = tuple[str, int]
people = st.sampled_from("abcdefgh")
requests = st.lists(st.tuples(people, st.floats(0, 9)), max_size=60)


def anybody(_: Request) -> bool:
    return True


def drain(queue: FairQueue[Request]) -> list[Request]:
    served = []
    while (item := queue.take(anybody)) is not None:
        served.append(item)
    return served


def test_ten_requests_of_one_person_do_not_delay_the_first_of_another() -> None:
    queue: FairQueue[Request] = FairQueue()
    for at in range(10):
        queue.push(("busy", at), "busy", 4.0)
    assert queue.take(anybody) == ("busy", 0)
    queue.push(("new", 0), "new", 4.0)
    assert queue.take(anybody) == ("new", 0)
    assert queue.take(anybody) == ("busy", 1)


def test_long_requests_let_others_have_more_turns() -> None:
    queue: FairQueue[Request] = FairQueue()
    for at in range(4):
        queue.push(("long", at), "long", 3.0)
        queue.push(("short", at), "short", 1.0)
    order = [person for person, _ in drain(queue)]
    assert order[:6] == ["long", "short", "short", "short", "long", "short"]


def test_a_person_is_served_in_the_order_of_asking() -> None:
    queue: FairQueue[Request] = FairQueue()
    for at in range(5):
        queue.push(("a", at), "a", 1.0)
        queue.push(("b", at), "b", 2.5)
    served = drain(queue)
    for person in "ab":
        assert [at for who, at in served if who == person] == list(range(5))


def test_a_debt_is_paid_by_waiting_and_a_refund_is_given() -> None:
    queue: FairQueue[Request] = FairQueue()
    for person in "ab":
        for at in range(3):
            queue.push((person, at), person, 2.0)
    assert queue.take(anybody) == ("a", 0)
    queue.settle("a", 4.0)
    assert [person for person, _ in drain(queue)][:3] == ["b", "a", "b"]


def test_an_endless_stream_of_newcomers_starves_nobody() -> None:
    queue: FairQueue[Request] = FairQueue(joiners=4)
    for at in range(3):
        queue.push(("patient", at), "patient", 5.0)
    waited = 0
    for newcomer in range(1_000):
        queue.push((f"new{newcomer}", 0), f"new{newcomer}", 1.0)
        served = queue.take(anybody)
        assert served is not None
        waited = 0 if served[0] == "patient" else waited + 1
        if served == ("patient", 2):
            break
        assert waited <= 5 * (4 + 1) + 5
    else:
        raise AssertionError("the patient person's last request was never served")


@given(requests)
def test_everything_is_served_once_and_in_the_order_foretold(
    wanted: list[tuple[str, float]],
) -> None:
    queue: FairQueue[Request] = FairQueue()
    for at, (person, cost) in enumerate(wanted):
        queue.push((person, at), person, cost)
    foretold = queue.ordered()
    served = drain(queue)
    assert served == foretold
    assert sorted(served) == sorted((person, at) for at, (person, _) in enumerate(wanted))
    assert len(queue) == 0


@given(requests, st.lists(st.integers(0, 3), max_size=60))
def test_nobody_is_served_twice_before_a_newcomers_first(
    wanted: list[tuple[str, float]], pauses: list[int]
) -> None:
    """Between a newcomer's arrival and first service no other person is served more than once."""
    queue: FairQueue[Request] = FairQueue(joiners=1_000)
    since: dict[str, Counter[str]] = {}
    met: set[str] = set()

    def serve() -> None:
        served = queue.take(anybody)
        if served is None:
            return
        since.pop(served[0], None)
        for counts in since.values():
            counts[served[0]] += 1
            assert max(counts.values()) <= 1

    for at, (person, cost) in enumerate(wanted):
        for _ in range(pauses[at] if at < len(pauses) else 0):
            serve()
        if person not in met:
            met.add(person)
            since[person] = Counter()
        queue.push((person, at), person, cost)
    while len(queue):
        serve()
    assert not since


@given(requests, st.data())
def test_removing_leaves_the_others_as_they_were(
    wanted: list[tuple[str, float]], data: st.DataObject
) -> None:
    queue: FairQueue[Request] = FairQueue()
    items = []
    for at, (person, cost) in enumerate(wanted):
        item = (person, at)
        items.append(item)
        queue.push(item, person, cost)
    gone = data.draw(st.lists(st.sampled_from(items), unique=True)) if items else []
    for item in gone:
        assert queue.remove(item, item[0])
        assert not queue.remove(item, item[0])
    served = drain(queue)
    assert sorted(served) == sorted(set(items) - set(gone))


def test_whoever_does_not_fit_is_passed_over_and_keeps_the_place() -> None:
    queue: FairQueue[Request] = FairQueue()
    for person in "abc":
        queue.push((person, 0), person, 1.0)
    assert queue.take(lambda item: item[0] != "a") == ("b", 0)
    assert queue.take(lambda item: False) is None
    assert queue.take(anybody) == ("a", 0)
