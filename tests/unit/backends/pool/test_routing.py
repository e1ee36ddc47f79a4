"""Where a conversation is answered."""

from __future__ import annotations

from collections import Counter

from backends.pool.replica import Replica
from backends.pool.routing import ReplicaRouter
from backends.scripted.backend import ScriptedBackend


def replicas(*parallel: int) -> list[Replica]:
    return [
        Replica(ScriptedBackend("m", parallel=slots), "scripted", index, 1.0, 60.0)
        for index, slots in enumerate(parallel)
    ]


def fill(replica: Replica, expected_s: float) -> None:
    for number in range(replica.parallel):
        replica.start_request(1_000 + number, expected_s)


def test_a_conversation_keeps_its_home_and_conversations_spread_by_slots() -> None:
    several = replicas(1, 1, 2)
    router, again = ReplicaRouter(several), ReplicaRouter(several)
    counts: Counter[int] = Counter()
    for at in range(2_000):
        home = router.home(f"talk {at}", several)
        assert home is not None
        assert home is again.home(f"talk {at}", list(reversed(several)))
        counts[home.index] += 1
    assert 400 < counts[0] < 600
    assert 400 < counts[1] < 600
    assert 900 < counts[2] < 1_100


def test_a_replica_that_goes_moves_only_its_own_conversations() -> None:
    several = replicas(1, 1, 1)
    router = ReplicaRouter(several)
    for at in range(300):
        before = router.home(f"talk {at}", several)
        after = router.home(f"talk {at}", several[:2])
        assert before is after or before is several[2]


def test_the_home_is_where_the_last_turn_was_answered() -> None:
    several = replicas(1, 1)
    router = ReplicaRouter(several)
    for replica in several:
        router.record_home("talk", replica)
        assert router.choose("talk", 100) is replica


def test_a_new_conversation_spills_from_a_busy_home_at_once() -> None:
    one, two = several = replicas(1, 1)
    router = ReplicaRouter(several)
    home = router.home("talk", several)
    assert home is not None
    fill(home, 60.0)
    assert router.choose("talk", 10_000) is (two if home is one else one)


def test_a_cache_is_waited_for_as_long_as_it_is_worth() -> None:
    one, two = several = replicas(1, 1)
    router = ReplicaRouter(several)
    router.record_home("talk", one)
    two.throughput.prefill = 100.0  # reading 1,000 tokens anew there takes ten seconds
    fill(one, 4.0)
    assert router.choose("talk", 1_000) is None
    assert router.choose("talk", 1_000, waited_s=7.0) is two
    assert router.choose("talk", 100) is two
    one.finish_request(1_000)
    assert router.choose("talk", 1_000) is one


def test_without_a_conversation_the_least_expected_wait_is_chosen() -> None:
    one, two = several = replicas(2, 2)
    router = ReplicaRouter(several)
    one.start_request(1, 5.0)
    assert router.choose(None, 100) is two
    two.throughput.prefill = one.throughput.prefill / 10
    assert router.choose(None, 1_000) is one
    assert router.choose(None, 1_000, tried={0}) is two
    assert router.choose(None, 1_000, tried={0, 1}) is None
