"""Idle models make room for one that is about to be loaded."""

from __future__ import annotations

import asyncio
import threading

import pytest

from backends.errors import BackendUnavailable
from backends.llama_cpp.memory_budget import make_room, turn_to_load
from backends.llama_cpp.memory_estimate import MemoryDemand
from tests.unit.backends.llama_cpp.asking import Make, tell
from tests.until import PATIENCE_S

PLENTY = 1 << 50
A_GIB = MemoryDemand(1 << 30, 1 << 30)


async def test_the_longest_idle_model_makes_room_and_answers_again_when_it_is_asked(
    make: Make,
) -> None:
    first, second, third = make(), make(), make()
    for backend in (first, second):
        assert (await tell(backend, "Say yes.", max_tokens=2)).text
    old, newer = first._owner, second._owner

    def free() -> int:
        return 0 if old.resident else PLENTY

    await asyncio.to_thread(make_room, third._owner, MemoryDemand(1), available=free)
    assert not old.resident
    assert newer.resident
    assert (await tell(first, "Say yes.", max_tokens=2)).text


async def test_nothing_is_unloaded_where_there_is_room_or_nobody_can_tell(make: Make) -> None:
    first, second = make(), make()
    assert (await tell(first, "Say yes.", max_tokens=2)).text
    await asyncio.to_thread(make_room, second._owner, A_GIB, available=lambda: PLENTY)
    await asyncio.to_thread(make_room, second._owner, A_GIB, available=lambda: None)
    assert first._owner.resident


async def test_an_idle_model_makes_room_on_the_card_where_that_is_short(make: Make) -> None:
    first, second = make(), make()
    assert (await tell(first, "Say yes.", max_tokens=2)).text
    old = first._owner

    def card() -> int:
        return 0 if old.resident else PLENTY

    only_host = MemoryDemand(1 << 30)
    await asyncio.to_thread(
        make_room, second._owner, only_host, available=lambda: PLENTY, video=card
    )
    assert old.resident, "it wants nothing of the card"
    await asyncio.to_thread(make_room, second._owner, A_GIB, available=lambda: PLENTY, video=card)
    assert not old.resident


def test_one_model_at_a_time_finds_its_room_and_takes_it() -> None:
    order: list[str] = []
    looks = threading.Event()

    def load() -> None:
        looks.set()
        with turn_to_load(lambda: True):
            order.append("second")

    other = threading.Thread(target=load)
    with turn_to_load(lambda: True):
        other.start()
        assert looks.wait(PATIENCE_S)
        with pytest.raises(BackendUnavailable), turn_to_load(lambda: False):
            raise AssertionError("two at a time")
        order.append("first")
    other.join(PATIENCE_S)
    assert order == ["first", "second"]
