"""Who runs when: bounds, fairness, positions, deadlines, cancellation."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncGenerator
from contextlib import aclosing

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backends.base import Progress, Usage
from backends.errors import BackendBusy, BackendUnavailable, DeadlineExceeded
from backends.pool.admission import Admission
from backends.pool.replica import Replica
from backends.pool.spec import PoolLimits
from backends.pool.ticket import Ticket
from backends.scripted.backend import ScriptedBackend
from tests.until import until

QUICK = PoolLimits(progress_interval_s=0.01, first_pause_s=0.02, longest_pause_s=0.1)


def replica(parallel: int, index: int = 0) -> Replica:
    return Replica(ScriptedBackend("m", parallel=parallel), "scripted", index, 0.02, 0.1)


def admission(
    *parallel: int, queue: int = 100, limits: PoolLimits = QUICK
) -> tuple[Admission, list[Replica]]:
    replicas = [replica(slots, index) for index, slots in enumerate(parallel)]
    return Admission(replicas, limits, queue), replicas


def enter(
    door: Admission,
    person: str | None = None,
    conversation: str | None = None,
    *,
    channel: str | None = None,
    prompt: int = 20,
    deadline_s: float = 5.0,
) -> Ticket:
    return door.enter(
        person=person,
        channel=channel,
        conversation=conversation,
        prompt_tokens=prompt,
        max_tokens=100,
        deadline_s=deadline_s,
    )


async def granted(
    door: Admission, ticket: Ticket, told: list[Progress] | None = None
) -> list[Progress]:
    told = [] if told is None else told
    async with aclosing(door.wait(ticket)) as places:
        async for progress in places:
            told.append(progress)
    assert ticket.replica is not None
    return told


async def test_a_free_slot_is_given_at_once_and_nothing_is_said() -> None:
    door, _ = admission(1)
    assert await granted(door, enter(door, "ada")) == []


async def test_position_and_wait_are_told_and_fall_as_others_leave() -> None:
    door, (only,) = admission(1)
    only.throughput.learn(Usage(100, 0, 100, prefill_s=1.0, decode_s=10.0))
    running = enter(door, "a")
    ahead, last = enter(door, "b"), enter(door, "c")
    told: list[Progress] = []

    async def listen() -> AsyncGenerator[None, None]:
        async with aclosing(door.wait(last)) as places:
            async for progress in places:
                told.append(progress)
                yield

    async with aclosing(listen()) as listening:
        await anext(listening)
        assert told[-1].position == 2
        wait_s = told[-1].wait_s
        assert wait_s is not None
        assert 15 < wait_s < 25  # two answers of ten seconds each
        door.leave(running)
        await anext(listening)
        assert told[-1].position == 1
        door.leave(ahead)
        with pytest.raises(StopAsyncIteration):
            await anext(listening)
    assert last.replica is only


async def test_news_are_coalesced_to_what_has_changed() -> None:
    door, _ = admission(1, limits=PoolLimits(progress_interval_s=0.05))
    running = enter(door, "a")
    crowd = [enter(door, f"p{at}") for at in range(20)]
    last = enter(door, "last")
    told: list[Progress] = []
    listening = asyncio.create_task(granted(door, last, told))
    await until(lambda: told)
    for ticket in crowd:
        door.leave(ticket)
    await until(lambda: len(told) > 1)
    door.leave(running)
    await listening
    assert [progress.position for progress in told] == [21, 1]


async def test_a_full_queue_refuses_with_the_expected_seconds() -> None:
    door, (only,) = admission(1, queue=2)
    only.throughput.learn(Usage(100, 0, 100, prefill_s=1.0, decode_s=10.0))
    inside = [enter(door, f"p{at}") for at in range(3)]
    with pytest.raises(BackendBusy) as caught:
        enter(door, "late")
    assert 8 < caught.value.retry_after_s < 12  # when the first of them is done
    assert (door.running, door.waiting) == (1, 2)
    door.leave(inside[1])
    assert (door.running, door.waiting) == (1, 2 - 1)
    enter(door, "late")


async def test_a_queue_of_zero_serves_only_what_can_start_now() -> None:
    door, _ = admission(2, queue=0)
    enter(door, "a")
    enter(door, "b")
    with pytest.raises(BackendBusy):
        enter(door, "c")


async def test_one_person_and_one_channel_have_limits_of_their_own() -> None:
    door, _ = admission(1, limits=PoolLimits(per_person=2, per_channel=3))
    first = enter(door, "ada", channel="general")
    enter(door, "ada", channel="general")
    with pytest.raises(BackendBusy, match="You already have 2"):
        enter(door, "ada", channel="other")
    enter(door, "bob", channel="general")
    with pytest.raises(BackendBusy, match="This channel already has 3"):
        enter(door, "eve", channel="general")
    door.leave(first)
    enter(door, "ada", channel="other")


async def test_one_person_leaves_a_slot_for_whoever_comes_next() -> None:
    door, (only,) = admission(4)
    mine = [enter(door, "ada") for _ in range(10)]
    assert len(only.running) == 3
    newcomer = enter(door, "bob")
    assert newcomer.replica is only
    door.leave(mine[0])
    assert len(only.running) == 4


async def test_a_newcomer_goes_before_the_rest_of_ten() -> None:
    door, _ = admission(1)
    mine = [enter(door, "ada") for _ in range(10)]
    newcomer = enter(door, "bob")
    door.leave(mine[0])
    assert newcomer.replica is not None
    door.leave(newcomer)
    assert mine[1].replica is not None


async def test_the_deadline_ends_a_wait() -> None:
    door, _ = admission(1)
    running = enter(door, "a")
    late = enter(door, "b", deadline_s=0.03)
    with pytest.raises(DeadlineExceeded):
        await granted(door, late)
    door.leave(late)
    assert (door.running, door.waiting) == (1, 0)
    door.leave(running)
    assert (door.running, door.waiting) == (0, 0)


async def test_cancelling_in_the_queue_leaves_no_trace() -> None:
    door, (only,) = admission(1)
    running = enter(door, "a")

    async def turn() -> None:
        ticket = enter(door, "b")
        try:
            await granted(door, ticket)
        finally:
            door.leave(ticket)

    waiting = asyncio.create_task(turn())
    await asyncio.sleep(0.01)
    assert door.waiting == 1
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert door.waiting == 0
    door.leave(running)
    door.leave(running)  # twice is harmless
    assert only.running == {}


async def test_a_failed_replica_is_left_alone_and_another_is_tried() -> None:
    door, (first, second) = admission(1, 1)
    ticket = enter(door, "a", "talk")
    tried = ticket.replica
    assert tried is not None
    tried.record_failure(BackendUnavailable("It is down."))
    door.retry(ticket, BackendUnavailable("It is down."))
    assert {tried, ticket.replica} == {first, second}
    assert ticket.replica is not None
    ticket.replica.record_failure(BackendUnavailable("So is this."))
    with pytest.raises(BackendUnavailable, match="So is this"):
        door.retry(ticket, BackendUnavailable("So is this."))
    door.leave(ticket)
    assert first.running == second.running == {}


async def test_a_request_waits_for_a_short_rest_and_starts_as_the_trial() -> None:
    door, (only,) = admission(4)
    only.record_failure(BackendUnavailable("It is down."))
    one, two = enter(door, "a"), enter(door, "b")
    assert one.replica is None
    await granted(door, one)
    assert only.state == "trial"
    assert two.replica is None  # one request tries, the others wait for what becomes of it
    assert only.mark_first_token()
    door.refresh()
    assert two.replica is only


async def test_a_long_rest_turns_requests_away_with_the_reason() -> None:
    door, (only,) = admission(1, limits=PoolLimits(patience_s=0.0))
    only.record_failure(BackendUnavailable("The server does not answer."))
    ticket = enter(door, "a")
    with pytest.raises(BackendUnavailable, match=r"does not answer\. It is tried again in"):
        await granted(door, ticket)
    door.leave(ticket)
    assert door.waiting == 0


async def test_rests_double_up_to_a_bound_and_end_with_a_word() -> None:
    only = Replica(ScriptedBackend("m"), "scripted", 0, 1.0, 8.0)
    rests = []
    for _ in range(6):
        only.end_pause()
        only.record_failure(BackendUnavailable("It is down."))
        rests.append(round(only.pause_left_s))
    assert rests == [1, 2, 4, 8, 8, 8]
    only.mark_first_token()
    assert only.state == "ready"
    only.record_failure(BackendUnavailable("It is down."))
    assert round(only.pause_left_s) == 1


async def test_closing_turns_away_who_waits_and_who_comes() -> None:
    door, _ = admission(1)
    enter(door, "a")
    waiting = asyncio.create_task(granted(door, enter(door, "b")))
    await asyncio.sleep(0)
    door.close()
    with pytest.raises(BackendUnavailable, match="shutting down"):
        await waiting
    with pytest.raises(BackendUnavailable, match="shutting down"):
        enter(door, "c")


@settings(deadline=None, max_examples=60)
@given(
    slots=st.lists(st.integers(1, 4), min_size=1, max_size=3),
    steps=st.lists(
        st.tuples(
            st.sampled_from("abcde"), st.integers(0, 6), st.sampled_from(["in", "out", "no"])
        ),
        max_size=80,
    ),
    seed=st.integers(0, 1_000),
)
async def test_slots_are_conserved_whatever_comes_and_goes(
    slots: list[int], steps: list[tuple[str, int, str]], seed: int
) -> None:
    door, replicas = admission(*slots, queue=12)
    chance = random.Random(seed)
    inside: list[Ticket] = []
    for person, conversation, step in steps:
        if step == "in":
            try:
                inside.append(enter(door, person, f"c{conversation}"))
            except BackendBusy:
                assert door.waiting == 12
        elif inside:
            gone = inside.pop(chance.randrange(len(inside)))
            if gone.replica is not None and step == "out":
                door.record_answer(gone)
            door.leave(gone, written=chance.randrange(200))
        running = [ticket for ticket in inside if ticket.replica is not None]
        assert sum(len(each.running) for each in replicas) == len(running) == door.running
        assert all(len(each.running) <= each.parallel for each in replicas)
        assert door.waiting == len(inside) - len(running) <= 12
    while inside:
        door.leave(inside.pop())
    assert door.waiting == door.running == 0
    assert all(each.running == {} for each in replicas)
    door.close()


@settings(deadline=None, max_examples=40)
@given(st.lists(st.sampled_from("abcd"), min_size=1, max_size=40), st.integers(1, 3))
async def test_everybody_who_waits_is_served_in_the_end(people: list[str], slots: int) -> None:
    door, _ = admission(slots)
    inside = [enter(door, person) for person in people[:16]]
    served = 0
    while inside:
        running = [ticket for ticket in inside if ticket.replica is not None]
        assert running, "a slot is free, and nobody runs"
        door.leave(running[0], written=50)
        inside.remove(running[0])
        served += 1
    assert served == len(people[:16])
    door.close()
