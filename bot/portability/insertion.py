"""Puts the records of a file into the database, all in one transaction.

What is there already stays as it is. Of a file that is one person's only what is theirs is taken:
whoever made it may have written anything into it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Mapping
from contextlib import closing
from dataclasses import astuple, dataclass, field
from pathlib import Path
from typing import Any, Final, get_args

import sqlalchemy as sa
from sqlalchemy import Connection, Table

from bot.duels.tables import duels
from bot.duels.values import DuelChoice, DuelKind
from bot.history.mapping import (
    SNAPSHOT,
    measured_columns,
    platform_of,
    read_usage,
    to_message,
)
from bot.history.protocol import MODERATION_CHOICES, TurnStatus
from bot.history.tables import choices, quoted, turns
from bot.history.turn_counts import count_end, find_counted
from bot.knowledge.access import is_private
from bot.knowledge.index.full_text_home import writer_of
from bot.knowledge.index.rows import document_id
from bot.knowledge.index.tables import bases, passages
from bot.knowledge.index.tables import documents as documents_table
from bot.memory.memories import MemoryOrigin
from bot.portability.column_values import BadValue, name_in_line, read
from bot.portability.export import recorded_tables
from bot.portability.locations import check_location
from bot.portability.record_file import Line, RecordFile, open_records
from bot.sign_in.places import home_of
from bot.storage.database import Database
from bot.storage.insert import insert_into
from bot.storage.one_at_a_time import one_at_a_time
from bot.storage.records import Record
from bot.types import ConversationKey

_OPEN_STATES: Final = frozenset({"running", "waiting", "untold"})
_UNIQUE: Final[Mapping[str, tuple[str, ...]]] = {
    "memory": ("person", "place", "text"),
    "version": ("base", "document", "at", "state"),
}
"""Columns by which a row is known again where the table's key is only a number."""


_WRITTEN_TO_S: Final = 1e-6
"""How exactly a file tells a time, in seconds; the database holds it more exactly."""


_MOST_USED: Final = 10**9
"""More tokens or seconds than any answer has used."""


class LeftOut(Exception):
    """A record that is not taken in: it belongs to something that is not here, or to others."""


@dataclass(slots=True)
class Imported:
    """How many records of each kind came in, were there already, and were left out."""

    added: Counter[str] = field(default_factory=Counter)
    present: Counter[str] = field(default_factory=Counter)
    left_out: Counter[str] = field(default_factory=Counter)
    unread: set[str] = field(default_factory=set)
    """Knowledge bases with documents that have no passages yet."""


class Insertion:
    """Inserts the records of one file. `known_bases` are the knowledge bases of config.yaml."""

    def __init__(
        self, connection: Connection, file: RecordFile, known_bases: Collection[str]
    ) -> None:
        self._connection, self._file, self._known_bases = connection, file, known_bases
        self._person = file.person
        self._tables: Mapping[str, tuple[Table, Record]] = {
            record.kind: (data.table, record) for data, record in recorded_tables()
        }
        self._checks: Mapping[str, Callable[[dict[str, Any]], object]] = {
            "turn": self._check_turn,
            "material": self._check_material,
            "feedback": self._check_feedback,
            "call": self._check_call,
            "duel": self._check_duel,
            "duel vote": self._check_duel_vote,
            "choice": self._check_choice,
            "memory": self._check_memory,
            "job": self._check_job,
            "source": self._check_source,
            "document": self._check_document,
            "version": self._check_version,
        }

    def run(self) -> Imported:
        """Insert all records. Raises `StorageError` for what is not as `export` writes it."""
        done = Imported()
        seen: set[str] = set()
        for line in self._file.records():
            if line.kind not in self._tables:
                raise self._file.bad(line, f"there is no kind {line.kind[:40]!r}")
            table, record = self._tables[line.kind]
            if record.part is None:
                done.left_out[line.kind] += 1
                continue
            try:
                row = self._row(table, record, line)
                self._checks[line.kind](row)
            except LeftOut:
                done.left_out[line.kind] += 1
                continue
            except BadValue as exc:
                raise self._file.bad(line, str(exc)) from exc
            added = self._insert(table, line.kind, row)
            (done.added if added else done.present)[line.kind] += 1
            if line.kind == "document":
                seen.add(row["base"])
        done.unread = self._without_passages(seen)
        return done

    def _row(self, table: Table, record: Record, line: Line) -> dict[str, Any]:
        values = dict(line.values)
        row: dict[str, Any] = {}
        for name in record.columns.split():
            given = values.pop(name_in_line(name), None)
            if record.kind == "document" and name == "text" and given is None:
                raise LeftOut  # somebody added it for others, and did not get its text
            row[name] = read(table.c[name], given)
        if values:
            raise BadValue(f"{next(iter(values))[:40]!r} is not known")
        return row

    def _insert(self, table: Table, kind: str, row: dict[str, Any]) -> bool:
        """Insert a row; False where it is there already."""
        if kind in _UNIQUE:
            same = sa.and_(*(_is_same(table.c[name], row[name]) for name in _UNIQUE[kind]))
            if self._connection.scalar(sa.select(sa.literal(1)).where(same).limit(1)):
                return False
        if kind == "memory":
            row = row | {"number": self._free_number(table, row)}
        statement = insert_into(self._connection, table).on_conflict_do_nothing()
        added = self._connection.execute(statement, row).rowcount > 0
        if added and kind == "turn" and row["answers"]:
            stored = find_counted(self._connection, row["id"])
            assert stored is not None
            count_end(self._connection, *stored, stored[0].usage)
        if added and kind == "material":
            people = SNAPSHOT.validate_json(row["kept"]).people
            if rows := [{"person": person, "turn": row["turn"]} for person in sorted(people)]:
                self._connection.execute(sa.insert(quoted), rows)
        return added

    def _free_number(self, table: Table, row: Mapping[str, Any]) -> int:
        """A memory's number, or the next one where its owner has that already."""
        one_at_a_time(self._connection, f"memories:{row['place'] or row['person']}")
        mine = (table.c.place == row["place"]) & (table.c.number > 0)
        if not row["place"]:
            mine &= table.c.person == row["person"]
        taken = set(self._connection.scalars(sa.select(table.c.number).where(mine)))
        number: int = row["number"]
        return number if number not in taken else max(taken) + 1

    def _without_passages(self, names: Collection[str]) -> set[str]:
        cut = sa.exists().where(
            passages.c.document == documents_table.c.id,
            passages.c.base == bases.c.name,
            passages.c.generation == bases.c.generation,
        )
        query = (
            sa.select(documents_table.c.base)
            .join(bases, bases.c.name == documents_table.c.base)
            .where(documents_table.c.base.in_(names), ~cut)
            .distinct()
        )
        return set(self._connection.scalars(query))

    # --- what a record must be --------------------------------------------------------------------

    def _check_turn(self, row: dict[str, Any]) -> None:
        key = _conversation(row["conversation"])
        if row["role"] not in ("user", "assistant") or (row["role"] == "user") == bool(
            row["answers"]
        ):
            raise BadValue("it is neither a question nor an answer to one")
        try:
            to_message(row)
        except ValueError as exc:
            raise BadValue("it is no message") from exc
        if row["status"] not in get_args(TurnStatus):
            raise BadValue("it has no status that there is")
        if row["status"] in _OPEN_STATES:
            raise LeftOut
        self._belongs(key, row["author"] if row["role"] == "user" else self._asker(row["answers"]))
        row["platform"] = platform_of(row["conversation"])
        usage = read_usage(row["usage"])
        if usage is not None and not all(0 <= n <= _MOST_USED for n in astuple(usage)):
            raise BadValue("nothing can have used so much")
        row |= measured_columns(usage)
        if self._person is not None:
            row["remember"] = False  # what a file says was said is in nobody's prompt

    def _check_material(self, row: dict[str, Any]) -> None:
        try:
            material = SNAPSHOT.validate_json(row["kept"])
        except ValueError as exc:
            raise BadValue("it is not what a question came with") from exc
        self._theirs(self._asker(row["turn"]), *material.people)

    def _check_feedback(self, row: dict[str, Any]) -> None:
        self._theirs(row["person"])
        self._turn(row["turn"])

    def _check_call(self, row: dict[str, Any]) -> None:
        if row["state"] in _OPEN_STATES:
            raise LeftOut
        self._theirs(self._asker(self._turn(row["turn"]).answers or ""))

    def _check_duel(self, row: dict[str, Any]) -> None:
        if self._person is not None:
            raise LeftOut  # it counts in a table that is everybody's
        if row["kind"] not in get_args(DuelKind):
            raise BadValue("it is no kind of duel")
        self._turn(row["turn"])

    def _check_duel_vote(self, row: dict[str, Any]) -> None:
        if self._person is not None:
            raise LeftOut
        if row["choice"] not in ("", *get_args(DuelChoice)):
            raise BadValue("nobody can vote so")
        if not self._connection.scalar(sa.select(sa.literal(1)).where(duels.c.turn == row["duel"])):
            raise LeftOut

    def _check_choice(self, row: dict[str, Any]) -> None:
        if self._person is None:
            return
        if row["name"] in MODERATION_CHOICES:
            raise LeftOut
        self._theirs(row["by"])
        try:
            key = ConversationKey.parse(row["scope"])
        except ValueError:
            raise LeftOut from None
        if (key.platform, key.user) != tuple(self._person.split(":", 1)):
            raise LeftOut  # it holds for others, too

    def _check_memory(self, row: dict[str, Any]) -> None:
        self._theirs(row["person"])
        if self._person is not None and row["place"]:
            raise LeftOut
        if row["origin"] not in get_args(MemoryOrigin):
            raise BadValue("nobody is the origin")
        if self._person is not None:
            row["origin"] = "people"

    def _check_job(self, row: dict[str, Any]) -> None:
        self._belongs(_conversation(row["place"]), row["person"])
        if self._person is not None:
            raise LeftOut  # it would be done in their name, wherever the file says

    def _check_source(self, row: dict[str, Any]) -> None:
        self._check_base(row["base"])
        check_location(row["kind"], row["location"], self._person)

    def _check_document(self, row: dict[str, Any]) -> None:
        self._check_base(row["base"])
        row |= {"id": document_id(row["base"], row["location"]), "passages": 0}
        base = {"name": row["base"], "embedder": "", "dimension": 0, "generation": 1}
        statement = insert_into(self._connection, bases).on_conflict_do_nothing()
        self._connection.execute(statement, base | {"made_at": row["at"]})
        writer_of(self._connection).make_table(self._connection, row["base"])

    def _check_version(self, row: dict[str, Any]) -> None:
        self._check_base(row["base"])
        if not self._connection.scalar(sa.select(sa.literal(1)).where(bases.c.name == row["base"])):
            raise LeftOut

    def _check_base(self, base: str) -> None:
        if self._person is not None and base != f"@{self._person}":
            raise LeftOut
        if not is_private(base) and base not in self._known_bases:
            raise BadValue(
                f"config.yaml has no knowledge base {base[:60]!r}; add it under knowledge.bases"
            )

    # --- whose it is ------------------------------------------------------------------------------

    def _theirs(self, *people: str) -> None:
        """Check that a record is about the person whose file it is. Raises `BadValue`."""
        if self._person is not None and any(person != self._person for person in people):
            raise BadValue(f"it is not about {self._person}")

    def _belongs(self, place: ConversationKey, person: str) -> None:
        self._theirs(person)
        platform = (home_of(place) or place).platform
        if self._person is not None and platform != person.partition(":")[0]:
            raise BadValue("its place is on another platform")

    def _turn(self, ident: str) -> Any:
        found = self._connection.execute(sa.select(turns).where(turns.c.id == ident)).first()
        if found is None:
            raise LeftOut
        return found

    def _asker(self, question: str) -> str:
        """Who asked a question that is here."""
        return str(self._turn(question).author)


def _conversation(key: str) -> ConversationKey:
    try:
        return ConversationKey.parse(key)
    except ValueError as exc:
        raise BadValue("it names no conversation") from exc


async def import_file(database: Database, path: Path, known_bases: Collection[str]) -> Imported:
    """Take in all records of a file that `export` wrote, or none. Raises `StorageError`."""

    def job(connection: Connection) -> Imported:
        with closing(open_records(path)) as stream:
            return Insertion(connection, RecordFile(path, stream), known_bases).run()

    return await database.write(job, changes=choices)


def _is_same(column: sa.Column[Any], value: object) -> sa.ColumnElement[bool]:
    """Whether a column holds what a file says of it."""
    if isinstance(column.type, sa.Float):
        return sa.func.abs(column - value) < _WRITTEN_TO_S
    return column == value
