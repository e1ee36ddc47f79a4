"""Finds the places for which somebody chose settings; for the console."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import ColumnElement, and_, exists, func, or_, select

from bot.history.tables import choices, turns
from bot.models.selection import MODEL_CHOICE
from bot.settings.channel_settings import SETTING_CHOICE
from bot.storage.database import Database

PAGE_PLACES: Final = 50


@dataclass(frozen=True, slots=True)
class PlaceWithSettings:
    """A workspace, channel or thread, by its key (`ConversationKey.scope`), and how many settings
    were chosen for exactly it."""

    key: str
    number: int


class PlaceSearch:
    """Searches in a `Database`, which it does not own.

    What somebody chose for themselves, and for a conversation in which nobody else reads, is not
    found: a channel is one that others read if something in it was answered to everybody.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    async def page(
        self, text: str = "", *, after: str = "", limit: int = PAGE_PLACES
    ) -> Sequence[PlaceWithSettings]:
        """Return places whose key has a text in it, in the order of their keys, beginning after
        one of them."""
        scope = choices.c.scope
        is_workspace = ~scope.like("%:%:%")
        query = (
            select(scope, func.count().label("number"))
            .where(
                or_(choices.c.name == MODEL_CHOICE, choices.c.name.startswith(SETTING_CHOICE)),
                scope > after,
                ~scope.contains(":u="),
                or_(is_workspace, _answered_to_all(scope)),
            )
            .group_by(scope)
            .order_by(scope)
            .limit(limit)
        )
        if text:
            query = query.where(scope.icontains(text, autoescape=True))
        async with self._database.read() as connection:
            rows = (await connection.execute(query)).all()
        return [PlaceWithSettings(row.scope, row.number) for row in rows]

    async def is_public(self, channel: str) -> bool:
        """Whether something in a channel, or in a thread of it, was answered to everybody."""
        async with self._database.read() as connection:
            found = await connection.scalar(select(_answered_to_all(channel)))
        return bool(found)


def _answered_to_all(place: Any) -> ColumnElement[bool]:
    """A place is followed by a colon in the keys of its threads; `;` comes next after that."""
    answers = turns.alias("answers")
    there = or_(
        answers.c.conversation == place,
        answers.c.conversation.between(place + ":", place + ";"),
    )
    return exists().where(and_(there, answers.c.role == "assistant", answers.c.private.is_(False)))
