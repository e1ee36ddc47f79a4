"""Idle models make room for one that is about to be loaded."""

from __future__ import annotations

import asyncio

from backends.llama_cpp.memory_budget import make_room
from tests.unit.backends.llama_cpp.asking import Make, tell

PLENTY = 1 << 50


async def test_the_longest_idle_model_makes_room_and_answers_again_when_it_is_asked(
    make: Make,
) -> None:
    first, second, third = make(), make(), make()
    for backend in (first, second):
        assert (await tell(backend, "Say yes.", max_tokens=2)).text
    old, newer = first._owner, second._owner

    def free() -> int:
        return 0 if old.resident else PLENTY

    await asyncio.to_thread(make_room, third._owner, 1, available=free)
    assert not old.resident
    assert newer.resident
    assert (await tell(first, "Say yes.", max_tokens=2)).text


async def test_nothing_is_unloaded_where_there_is_room_or_nobody_can_tell(make: Make) -> None:
    first, second = make(), make()
    assert (await tell(first, "Say yes.", max_tokens=2)).text
    await asyncio.to_thread(make_room, second._owner, 1 << 30, available=lambda: PLENTY)
    await asyncio.to_thread(make_room, second._owner, 1 << 30, available=lambda: None)
    assert first._owner.resident
