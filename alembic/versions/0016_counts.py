"""What an answer took, for sorting turns, and how much was asked in each quarter of an hour.

Revision: 0016
"""

from __future__ import annotations

import json
from collections import defaultdict
from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None

_ANSWERS = sa.text("role = 'assistant'")
_MEASURED = ("wait_ms", "total_ms", "written")
_LISTED = [
    "seq", "at", "conversation", "command", "model", "status", "wait_ms", "total_ms", "written",
    "answers", "role",
]  # fmt: skip
_SUMS = ("turns", "failed", "measured", "read", "written", "queue_ms", "wait_ms", "machine_ms")
_KEY = ("kind", "at", "name", "place", "model", "skill")
_QUARTER_US = 15 * 60 * 1_000_000
_BATCH = 2000


def upgrade() -> None:
    for name in _MEASURED:
        column = sa.Column(name, sa.BigInteger, nullable=False, server_default="0")
        op.add_column("turns", column)
    op.create_table(
        "turn_counts",
        sa.Column("kind", sa.String, nullable=False),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.Column("name", sa.String, nullable=False),
        sa.Column("place", sa.String, nullable=False),
        sa.Column("model", sa.String, nullable=False),
        sa.Column("skill", sa.String, nullable=False),
        *(sa.Column(name, sa.BigInteger, nullable=False) for name in _SUMS),
        sa.PrimaryKeyConstraint(*_KEY, name="pk_turn_counts"),
        sqlite_with_rowid=False,
    )
    if op.get_context().dialect.name == "sqlite":  # no other database is older than this
        _count_stored_turns()
    op.create_index(
        "ix_turns_listed",
        "turns",
        _LISTED,
        sqlite_where=_ANSWERS,
        postgresql_where=_ANSWERS,
    )


def _count_stored_turns() -> None:
    """Measure and count the answers that are there, some at a time. One that was never said to be
    for all is for the person who asked."""
    connection = op.get_bind()
    read = sa.text(
        "SELECT answer.seq, answer.at, answer.conversation, answer.private, answer.command,"
        " answer.model, answer.status, answer.usage, question.author"
        " FROM turns AS answer JOIN turns AS question ON question.id = answer.answers"
        " WHERE answer.role = 'assistant' AND answer.seq > :last ORDER BY answer.seq LIMIT :limit"
    )
    measure = sa.text(
        "UPDATE turns SET wait_ms = :wait_ms, total_ms = :total_ms, written = :written"
        " WHERE seq = :seq"
    )
    columns = ", ".join(_KEY + _SUMS)
    values = ", ".join(f":{name}" for name in _KEY + _SUMS)
    more = ", ".join(f"{name} = turn_counts.{name} + excluded.{name}" for name in _SUMS)
    count = sa.text(
        f"INSERT INTO turn_counts ({columns}) VALUES ({values})"
        f" ON CONFLICT ({', '.join(_KEY)}) DO UPDATE SET {more}"
    )
    last = 0
    while rows := connection.execute(read, {"last": last, "limit": _BATCH}).all():
        last = rows[-1].seq
        measured: list[dict[str, int]] = []
        counts: dict[tuple[Any, ...], list[int]] = defaultdict(lambda: [0] * len(_SUMS))
        for row in rows:
            usage = json.loads(row.usage) if row.usage else {}
            queue, load, prefill, decode = (
                round(1000 * usage.get(name, 0.0))
                for name in ("queue_s", "load_s", "prefill_s", "decode_s")
            )
            wait, written = queue + load + prefill, usage.get("completion_tokens", 0)
            if usage:
                total = wait + decode
                measured.append(
                    {"seq": row.seq, "wait_ms": wait, "total_ms": total, "written": written}
                )
            if row.status == "running":
                continue
            sums = (
                1,
                int(row.status in ("failed", "interrupted")),
                int(bool(usage)),
                usage.get("prompt_tokens", 0),
                written,
                queue,
                wait,
                load + prefill + decode,
            )
            at = row.at - row.at % _QUARTER_US
            place = ":".join(row.conversation.split(":", 3)[:3]) if row.private == 0 else ""
            skill = row.command or "message"
            for key in (
                ("place", at, place, "", "", ""),
                ("model", at, row.model, "", "", ""),
                ("skill", at, skill, "", "", ""),
                ("person", at, row.author, place, row.model, skill),
            ):
                counts[key] = [a + b for a, b in zip(counts[key], sums, strict=True)]
        if measured:
            connection.execute(measure, measured)
        if counts:
            names = _KEY + _SUMS
            connection.execute(
                count,
                [dict(zip(names, (*key, *sums), strict=True)) for key, sums in counts.items()],
            )


def downgrade() -> None:
    op.drop_index("ix_turns_listed", "turns")
    op.drop_table("turn_counts")
    for name in reversed(_MEASURED):
        op.drop_column("turns", name)
