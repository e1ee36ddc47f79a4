"""Stores duels and the votes on them, and counts the votes."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from sqlalchemy import Connection, Row, and_, func, insert, select, union_all, update
from sqlalchemy.orm import aliased

from bot.catalogue.sentence import say
from bot.duels.tables import duel_votes, duels
from bot.duels.values import Duel, DuelBoard, DuelChoice, DuelKind, ListedDuel, Standing
from bot.errors import NotFound, Refused
from bot.history.tables import turns
from bot.storage.database import Database

PAGE_DUELS: Final = 20
"""How many duels are listed at once."""
_GONE: Final = say("This duel is no longer known here.")

_answers = aliased(turns, name="answers")
_questions = aliased(turns, name="questions")


@dataclass(frozen=True, slots=True)
class DuelPage:
    """Some duels, the newest first; `older` is the `seq` from which the next page goes on, 0 at the
    end."""

    duels: Sequence[ListedDuel]
    older: int = 0


class DuelStore:
    """The duels in a `Database`, which it does not own. Implements `Duels`.

    The board is kept until a vote is given, changed or removed: to count many takes a while.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._board: tuple[Any, DuelBoard] = (None, DuelBoard(()))

    async def add(self, turn: str, kind: DuelKind, model_a: str, model_b: str) -> None:
        row = {
            "turn": turn,
            "kind": kind,
            "model_a": model_a,
            "model_b": model_b,
            "at": datetime.now(UTC),
        }
        await self._database.write(
            lambda connection: connection.execute(insert(duels), row).rowcount
        )

    async def vote(self, turn: str, person: str, choice: DuelChoice) -> None:
        def job(connection: Connection) -> None:
            _find(connection, turn)
            own = _vote_of(connection, turn, person)
            if own is not None and own.informed:
                raise Refused(
                    say("You have seen who is who, so your vote stays as it is.")
                    if own.choice
                    else say("You have seen who is who, so you cannot vote on this duel.")
                )
            _put(connection, turn, person, own, choice=choice, informed=False)

        await self._database.write(job, changes=duel_votes)

    async def tell_names(self, turn: str, person: str, *, unvoted: bool = False) -> Duel:
        def job(connection: Connection) -> Duel:
            found = _find(connection, turn)
            own = _vote_of(connection, turn, person)
            if own is None and not unvoted:
                raise Refused(say("Vote first; then I tell you who is who."))
            if own is None or not own.informed:
                choice = own.choice if own is not None else ""
                _put(connection, turn, person, own, choice=choice, informed=True)
            return found

        return await self._database.write(job, changes=duel_votes)

    async def board(self) -> DuelBoard:
        pair = (duels.c.model_a, duels.c.model_b, duel_votes.c.choice)
        voted = duel_votes.c.choice != ""
        joined = duel_votes.join(duels, duel_votes.c.duel == duels.c.turn)
        counts = select(*pair, func.count()).select_from(joined).where(voted).group_by(*pair)
        judged = union_all(
            *(
                select(model.label("model"), duel_votes.c.person).select_from(joined).where(voted)
                for model in pair[:2]
            )
        ).subquery()
        voters = select(judged.c.model, func.count(judged.c.person.distinct())).group_by(
            judged.c.model
        )
        people, held = duel_votes.c.person.distinct(), duel_votes.c.duel.distinct()
        totals = select(func.count(), func.count(people), func.count(held)).where(voted)
        latest = select(func.count(), func.max(duel_votes.c.at)).select_from(duel_votes)
        changes = self._database.version(duel_votes)
        async with self._database.read() as connection:
            version = (changes, (await connection.execute(latest)).one())
            if self._board[0] == version:
                return self._board[1]
            rows = (await connection.execute(counts)).all()
            by_model = {row[0]: row[1] for row in await connection.execute(voters)}
            total = (await connection.execute(totals)).one()
        # numpy takes a while to import, and the ratings some milliseconds to find.
        standings = await asyncio.to_thread(_standings, rows, by_model)
        board = DuelBoard(standings, *total)
        self._board = (version, board)
        return board

    async def page(
        self, viewer: str, *, everybody: bool, before: int = 0, limit: int = PAGE_DUELS
    ) -> DuelPage:
        """Return the newest duels as a person (`Author.key`) may know them: their own, or with
        `everybody` those of all; with `before`, a `seq`, only older ones."""
        query = _listing(viewer).order_by(_answers.c.seq.desc()).limit(limit + 1)
        if not everybody:
            query = query.where(_questions.c.author == viewer)
        if before:
            query = query.where(_answers.c.seq < before)
        async with self._database.read() as connection:
            rows = (await connection.execute(query)).all()
        found = [_listed(row) for row in rows[:limit]]
        return DuelPage(found, found[-1].seq if len(rows) > limit else 0)

    async def listed(self, turn: str, viewer: str) -> ListedDuel:
        """Return one duel as a person may know it. Raises `NotFound`."""
        async with self._database.read() as connection:
            query = _listing(viewer).where(duels.c.turn == turn)
            row = (await connection.execute(query)).first()
        if row is None:
            raise NotFound(_GONE)
        return _listed(row)


def _find(connection: Connection, turn: str) -> Duel:
    """The duel of an answer. Raises `NotFound`."""
    row = connection.execute(select(duels).where(duels.c.turn == turn)).mappings().first()
    if row is None:
        raise NotFound(_GONE)
    return Duel(**row)


def _vote_of(connection: Connection, turn: str, person: str) -> Any:
    """The row of a person's vote, which nobody else changes until the transaction ends; None where
    they have none."""
    query = select(duel_votes.c.choice, duel_votes.c.informed).where(_own_vote(turn, person))
    return connection.execute(query.with_for_update()).first()


def _own_vote(turn: str, person: str) -> Any:
    return and_(duel_votes.c.duel == turn, duel_votes.c.person == person)


def _put(connection: Connection, turn: str, person: str, own: Any, **values: Any) -> None:
    values["at"] = datetime.now(UTC)
    if own is None:
        connection.execute(insert(duel_votes), {"duel": turn, "person": person, **values})
    else:
        connection.execute(update(duel_votes).where(_own_vote(turn, person)).values(values))


def _listing(viewer: str) -> Any:
    """The columns of listed duels, with the viewer's own vote."""
    own = duel_votes.alias("own")
    votes = (
        select(func.count())
        .where(duel_votes.c.duel == duels.c.turn, duel_votes.c.choice != "")
        .scalar_subquery()
    )
    a, q = _answers.c, _questions.c
    return (
        select(
            duels.c.turn, duels.c.kind, duels.c.model_a, duels.c.model_b, duels.c.at, a.seq,
            a.conversation, q.author, q.author_name, votes.label("votes"), own.c.choice,
            own.c.informed,
        )
        .join_from(duels, _answers, duels.c.turn == a.id)
        .join(_questions, a.answers == q.id)
        .outerjoin(own, and_(own.c.duel == duels.c.turn, own.c.person == viewer))
    )  # fmt: skip


def _listed(row: Row[Any]) -> ListedDuel:
    return ListedDuel(
        turn=row.turn,
        seq=row.seq,
        kind=row.kind,
        asked_by=row.author,
        asked_by_name=row.author_name,
        conversation=row.conversation,
        at=row.at,
        votes=row.votes,
        choice=row.choice or "",
        names=(row.model_a, row.model_b) if row.informed else None,
    )


def _standings(rows: Sequence[Any], voters: Mapping[str, int]) -> tuple[Standing, ...]:
    """The models by their rating; `rows` are two models, a choice, and how many votes it got."""
    from bot.duels.ratings import PairVotes, rate  # with numpy, which no start needs

    won: defaultdict[str, int] = defaultdict(int)
    lost: defaultdict[str, int] = defaultdict(int)
    tied: defaultdict[str, int] = defaultdict(int)
    pairs: list[PairVotes] = []
    for a, b, choice, count in rows:
        better, worse = (b, a) if choice == "b" else (a, b)
        if choice in ("a", "b"):
            won[better] += count
            lost[worse] += count
            pairs.append(PairVotes(better, worse, count, 0))
        else:
            tied[a] += count
            tied[b] += count
            pairs.append(PairVotes(a, b, 0, 0, count))
    return tuple(
        Standing(
            one.model, one.rating, one.low, one.high,
            won[one.model], tied[one.model], lost[one.model], voters.get(one.model, 0),
        )
        for one in rate(pairs)
    )  # fmt: skip
