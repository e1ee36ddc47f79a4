"""What a platform said is used again for a moment, and never in the place of something newer."""

from __future__ import annotations

import asyncio

import pytest

from bot.adapters.lookup_cache import LookupCache


class Source:
    """Answers with how often it was asked, once it is let."""

    def __init__(self) -> None:
        self.now = 0.0
        self.asked = 0
        self.gates: list[asyncio.Event] = []

    async def look_up(self, key: str) -> str:
        self.asked += 1
        answer = f"{key}{self.asked}"
        if self.gates:
            await self.gates.pop(0).wait()
        if key == "bad":
            raise OSError("no answer")
        return answer


@pytest.fixture
def source() -> Source:
    return Source()


def cache_of(source: Source, max_entries: int = 10) -> LookupCache[str, str]:
    return LookupCache(source.look_up, max_entries=max_entries, clock=lambda: source.now)


async def test_an_answer_serves_as_long_as_the_asker_allows(source: Source) -> None:
    cache = cache_of(source)
    assert await cache.get("a", 1.0) == "a1"
    source.now = 1.0
    assert await cache.get("a", 1.0) == "a1"
    source.now = 1.1
    assert await cache.get("a", 60.0) == "a1"
    assert await cache.get("a", 1.0) == "a2"
    assert await cache.get("a", 0.0) == "a2"
    source.now = 1.2
    assert await cache.get("a", 0.0) == "a3"


async def test_a_failure_is_not_remembered(source: Source) -> None:
    cache = cache_of(source)
    for _ in range(2):
        with pytest.raises(OSError, match="no answer"):
            await cache.get("bad", 60.0)
    assert source.asked == 2


async def test_an_older_answer_that_comes_late_does_not_replace_a_newer_one(source: Source) -> None:
    cache = cache_of(source)
    slow = asyncio.Event()
    source.gates = [slow]
    older = asyncio.create_task(cache.get("a", 0.0))
    await asyncio.sleep(0)
    source.now = 1.0
    assert await cache.get("a", 0.0) == "a2"
    slow.set()
    assert await older == "a1"
    assert await cache.get("a", 60.0) == "a2"


async def test_it_does_not_grow_without_end(source: Source) -> None:
    cache = cache_of(source, max_entries=2)
    for key in ("a", "b", "c"):
        await cache.get(key, 60.0)
    assert await cache.get("c", 60.0) == "c3"
    assert await cache.get("a", 60.0) == "a4"
