"""What happens to events for which there is no room."""

from __future__ import annotations

import asyncio

from bot.adapters.background_tasks import BackgroundTasks, Refusal
from bot.errors import StorageError


class Room:
    """A bot with room for nothing, and the people it has told so."""

    def __init__(self, limit: int = 0) -> None:
        self.now = 1000.0
        self.told: list[str] = []
        self.may_send = asyncio.Event()
        self.may_send.set()
        self.tasks = BackgroundTasks("test", limit, clock=lambda: self.now)

    def event(self, place: str) -> None:
        async def work() -> None:
            await asyncio.Event().wait()

        async def send() -> None:
            await self.may_send.wait()
            self.told.append(place)

        self.tasks.start(work(), "event", Refusal(place, send))


async def settle() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


async def test_who_finds_no_room_is_told_once_in_a_while() -> None:
    room = Room(limit=1)
    room.event("first")
    for _ in range(1000):
        room.event("ada")
    room.event("eve")
    await settle()
    assert room.told == ["ada", "eve"]
    room.now += 29
    room.event("ada")
    await settle()
    assert room.told == ["ada", "eve"]
    room.now += 1
    room.event("ada")
    await settle()
    assert room.told == ["ada", "eve", "ada"]
    await room.tasks.close()


async def test_refusals_do_not_pile_up_where_the_platform_is_slow() -> None:
    room = Room()
    room.may_send.clear()
    before = len(asyncio.all_tasks())
    for number in range(1000):
        room.event(f"person {number}")
    await settle()
    assert len(asyncio.all_tasks()) - before == 20
    room.may_send.set()
    await settle()
    assert len(room.told) == 20
    room.event("person 999")
    await settle()
    assert room.told[-1] == "person 999"
    await room.tasks.close()


async def test_refusals_under_way_end_with_the_platform() -> None:
    room = Room()
    room.may_send.clear()
    before = asyncio.all_tasks()
    room.event("ada")
    await settle()
    await room.tasks.close()
    assert asyncio.all_tasks() == before
    assert room.told == []


async def test_who_asked_while_the_database_cannot_be_used_is_told_so() -> None:
    """Nothing but a line in the log came of a question that could not be kept."""
    room = Room(limit=9)

    async def work() -> None:
        raise StorageError("There is no space left on the disk.")

    async def send() -> None:
        room.told.append("ada")

    for _ in range(3):
        room.tasks.start(work(), "event", Refusal("ada", send))
    await settle()
    assert room.told == ["ada"]
    await room.tasks.close()


async def test_a_refusal_that_fails_ends_nothing() -> None:
    room = Room()

    async def work() -> None: ...

    async def send() -> None:
        raise OSError("The platform is gone.")

    room.tasks.start(work(), "event", Refusal("ada", send))
    room.event("eve")
    await settle()
    assert room.told == ["eve"]
