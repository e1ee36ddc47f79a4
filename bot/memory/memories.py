"""Stores the small facts that people want to be remembered, for themselves or for a channel."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final, Literal

from sqlalchemy import Connection, delete, func, insert, select, update

from backends.lru import LruDict
from bot.catalogue.sentence import say
from bot.errors import NotFound, Refused, UsageError
from bot.history.protocol import Preferences
from bot.history.tables import memories
from bot.storage.database import Database
from bot.storage.one_at_a_time import one_at_a_time
from bot.types import Author, ConversationKey

MAX_MEMORY_CHARACTERS: Final = 300
"""Longest fact that is kept."""
MAX_MEMORIES: Final = 50
"""Most memories of a person, and of a channel."""

_CHOICE: Final = "memory"
_EVERYWHERE: Final = "@everywhere"
_OFF: Final = "off"
_MAX_KNOWN_OWNERS: Final = 200

MemoryOrigin = Literal["asker", "people"]


@dataclass(frozen=True, slots=True)
class Memory:
    """One fact. `number` is its own among those of its owner: the writer, or the channel `place`.
    `person` is the `Author.key` of the writer, empty once they are forgotten. `origin` is "asker"
    where the writer said it in these words, and "people" where a model put it so."""

    id: int
    person: str
    name: str
    place: str
    number: int
    origin: MemoryOrigin
    text: str = field(repr=False)
    at: datetime


@dataclass(frozen=True, slots=True)
class Owner:
    """Whose memories: a person's (`Author.key`), or those of a channel, by its key."""

    person: str = ""
    place: str = ""

    @property
    def condition(self) -> Any:
        """The condition of its rows."""
        mine = memories.c.place == self.place
        return mine if self.place else mine & (memories.c.person == self.person)


def owner_of(author: Author, conversation: ConversationKey, *, here: bool, direct: bool) -> Owner:
    """Who owns what a person keeps: they themselves, or with `here` the channel they are in. In a
    direct message both are the same."""
    if here and not direct:
        return Owner(place=conversation.scope("channel"))
    return Owner(person=author.key)


class Memories:
    """The memories in a `Database`, which it does not own. What was read is kept until anything in
    the table changes."""

    def __init__(self, database: Database, preferences: Preferences) -> None:
        self._database = database
        self._preferences = preferences
        self._known: LruDict[Owner, tuple[Memory, ...]] = LruDict(_MAX_KNOWN_OWNERS)
        self._version = database.version(memories)

    async def of(self, owner: Owner) -> Sequence[Memory]:
        """Return what is kept for a person or a channel, the oldest first."""
        version = self._database.version(memories)
        if version != self._version:
            self._known, self._version = LruDict(_MAX_KNOWN_OWNERS), version
        known, found = self._known, self._known.get(owner)
        if found is None:
            query = select(memories).where(owner.condition).order_by(memories.c.id)
            async with self._database.read() as connection:
                rows = (await connection.execute(query)).mappings().all()
            found = known[owner] = tuple(Memory(**row) for row in rows)
        return found

    async def shared_by(self, person: str) -> Sequence[Memory]:
        """Return what a person (`Author.key`) kept for channels, the oldest first."""
        query = select(memories).where(memories.c.person == person, memories.c.place != "")
        async with self._database.read() as connection:
            rows = (await connection.execute(query.order_by(memories.c.id))).mappings().all()
        return [Memory(**row) for row in rows]

    async def keep(
        self, owner: Owner, text: str, by: Author, origin: MemoryOrigin = "asker"
    ) -> Memory:
        """Keep a fact; one that is kept already is returned as it is. Raises `UsageError` for a
        text that cannot be kept, and `Refused` where there are too many or the person has turned
        memory off."""
        plain = _plain(text)
        if not await self.enabled(by.key):
            raise Refused(say("I keep nothing for you; /memory on changes that."))

        def job(connection: Connection) -> dict[str, Any] | None:
            one_at_a_time(connection, f"memories:{owner.place or owner.person}")
            same = select(memories).where(owner.condition, memories.c.text == plain)
            if (row := connection.execute(same).mappings().first()) is not None:
                return dict(row)
            count, last = connection.execute(
                select(func.count(), func.max(memories.c.number)).where(owner.condition)
            ).one()
            if count >= MAX_MEMORIES:
                return None
            values = {
                "person": by.key,
                "name": by.name,
                "place": owner.place,
                "number": (last or 0) + 1,
                "origin": origin,
                "text": plain,
                "at": datetime.now(UTC),
            }
            made = connection.execute(insert(memories).returning(memories.c.id), values)
            return {**values, "id": made.scalar_one()}

        kept = await self._database.write(job, changes=memories)
        if kept is None:
            raise Refused(
                say("I keep at most {most} of these; delete some with /memory.", most=MAX_MEMORIES)
            )
        return Memory(**kept)

    async def change(self, memory: Memory, text: str) -> None:
        """Write a fact anew. Raises `UsageError`."""
        values = {"text": _plain(text)}

        def job(connection: Connection) -> None:
            connection.execute(update(memories).where(memories.c.id == memory.id).values(values))

        await self._database.write(job, changes=memories)

    async def delete(self, owner: Owner, numbers: Sequence[int] | None = None) -> int:
        """Delete the facts with these numbers, or all; returns how many there were."""
        where = owner.condition
        if numbers is not None:
            where &= memories.c.number.in_(numbers)

        def job(connection: Connection) -> int:
            return connection.execute(delete(memories).where(where)).rowcount

        return await self._database.write(job, changes=memories)

    async def find(self, owner: Owner, number: int) -> Memory:
        """Return the fact with this number. Raises `NotFound`."""
        for one in await self.of(owner):
            if one.number == number:
                return one
        raise NotFound(say("There is no number {number}; /memory lists them.", number=number))

    # --- whether a person wants it ---------------------------------------------------------------

    async def enabled(self, person: str) -> bool:
        """Whether anything is kept for a person, and used: until they turn it off, yes."""
        return await self._preferences.get(_CHOICE, _scope_of(person)) != _OFF

    async def turn(self, person: str, *, on: bool) -> None:
        """Have memories kept and used for a person, or not. Nothing is deleted."""
        if on:
            await self._preferences.clear(_CHOICE, _scope_of(person))
        else:
            await self._preferences.put(_CHOICE, _scope_of(person), _OFF, person)


def _scope_of(person: str) -> str:
    """The key of what a person chose for themselves everywhere; it goes when they are forgotten."""
    platform, _, ident = person.partition(":")
    return str(ConversationKey(platform, _EVERYWHERE, "", user=ident))


def _plain(text: str) -> str:
    """A fact as it is kept, in one line. Raises `UsageError`."""
    line = " ".join(text.split())
    if not line:
        raise UsageError(say("There is nothing to keep; write what I should remember."))
    if len(line) > MAX_MEMORY_CHARACTERS:
        raise UsageError(
            say(
                "That is too long to keep: {length:,} characters, where {most} are allowed.",
                length=len(line),
                most=MAX_MEMORY_CHARACTERS,
            )
        )
    return line
