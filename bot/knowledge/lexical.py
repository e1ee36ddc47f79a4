"""Full text: SQLite's FTS5, ranked by bm25."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import sqlalchemy as sa
from sqlalchemy import Connection
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.knowledge.words import indexable, is_unspaced, match_expression

_TITLE, _HEADING, _BODY = 1.0, 1.0, 1.0
"""What a word in the title, the headings, the text counts; measured in `bench/retrieval.py`."""

_INSERT = sa.text(
    "INSERT INTO knowledge_fts (rowid, title, heading, body) VALUES (:n, :title, :heading, :body)"
)
_RANKED = (
    f"SELECT rowid AS number, bm25(knowledge_fts, {_TITLE}, {_HEADING}, {_BODY}) AS score "
    "FROM knowledge_fts WHERE knowledge_fts MATCH :query"
)
_BEST = sa.text(
    "SELECT p.number, f.score FROM ("
    f"{_RANKED} ORDER BY score LIMIT :many"
    ") AS f JOIN knowledge_passages AS p ON p.number = f.number "
    "WHERE p.base IN :bases ORDER BY f.score LIMIT :limit"
).bindparams(sa.bindparam("bases", expanding=True))
_WIDER = 4
_FEW = 1_000
_ENOUGH = 3
_K1, _B = 1.2, 0.75
"""bm25's usual constants, which FTS5 has too."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One passage as the full text index takes it."""

    number: int
    title: str
    heading: str
    body: str


def add_entries(connection: Connection, entries: Sequence[Entry]) -> None:
    """Index passages, in the writer's transaction."""
    if entries:
        connection.execute(
            _INSERT,
            [
                {
                    "n": entry.number,
                    "title": indexable(entry.title),
                    "heading": indexable(entry.heading),
                    "body": indexable(entry.body),
                }
                for entry in entries
            ],
        )


def remove_entries(connection: Connection, numbers: Sequence[int]) -> None:
    """Take passages out of the index, in the writer's transaction."""
    if numbers:
        connection.execute(
            sa.text("DELETE FROM knowledge_fts WHERE rowid = :n"), [{"n": n} for n in numbers]
        )


async def find(
    connection: AsyncConnection, words: list[str], bases: Sequence[str], limit: int
) -> dict[int, float]:
    """The passages with any of the words, best first: number to score, where more is better.

    The ranking is made over all bases and then cut down to those asked for, since a join for
    every match costs more; where too few are left the whole ranking is taken.
    """
    if not words or not bases:
        return {}
    values = {"query": match_expression(words), "bases": list(bases), "limit": limit}
    for many in (limit * _WIDER, -1):
        rows = (await connection.execute(_BEST, {**values, "many": many})).all()
        if len(rows) == limit:
            break
        if many == -1 or (len(rows) < limit and await _all_seen(connection, values, many)):
            break
    return {int(number): -float(score) for number, score in rows}


async def _all_seen(connection: AsyncConnection, values: dict[str, object], many: int) -> bool:
    """Whether the ranking had fewer rows than were asked for, so that a wider one adds nothing."""
    counted = sa.text(
        "SELECT count(*) FROM (SELECT 1 FROM knowledge_fts WHERE knowledge_fts MATCH :query "
        "LIMIT :many)"
    )
    found = await connection.scalar(counted, {"query": values["query"], "many": many})
    return int(found or 0) < many


async def frequencies(
    connection: AsyncConnection, words: list[str], most: int
) -> tuple[int, dict[str, int]]:
    """How many passages there are, and how many have each word, counted up to `most`."""
    total = await connection.scalar(sa.text("SELECT count(*) FROM knowledge_fts_docsize"))
    if not words:
        return int(total or 0), {}
    one = (
        "(SELECT count(*) FROM (SELECT 1 FROM knowledge_fts "
        "WHERE knowledge_fts MATCH :w{0} LIMIT {1}))"
    )
    columns = ", ".join(one.format(at, most) for at in range(len(words)))
    values = {f"w{at}": match_expression([word]) for at, word in enumerate(words)}
    row = (await connection.execute(sa.text(f"SELECT {columns}"), values)).one()
    return int(total or 0), {word: int(n) for word, n in zip(words, row, strict=True)}


def telling(counts: Mapping[str, int], total: int) -> list[str]:
    """The words of a question that are worth looking up, by how many passages have each.

    A word that a tenth of very many passages has tells little, and ranking them all takes long. It
    is left out where at least three rarer ones remain; the candidates are judged by it all the
    same.
    """
    rare = [word for word, count in counts.items() if count <= max(_FEW, total // 10)]
    known = sum(counts[word] > 0 for word in rare)
    return rare if known >= _ENOUGH else list(counts)


def exact_scores(
    words: Sequence[str], weight: Mapping[str, float], texts: Sequence[str]
) -> npt.NDArray[np.float64]:
    """bm25 of the words in their very form, over these texts, shape (len(texts),).

    The index cuts endings off, which finds more and tells less apart; among candidates the exact
    form decides. `weight` is by word, larger for rarer ones.
    """
    scores = np.zeros(len(texts))
    spaced = [word for word in words if not is_unspaced(word)]
    if not spaced or not texts:
        return scores
    pattern = re.compile(rf"(?<!\w)(?:{'|'.join(map(re.escape, spaced))})(?!\w)")
    lengths = np.array([len(text) for text in texts], dtype=np.float64)
    norms = _K1 * (1 - _B + _B * lengths / max(1.0, float(lengths.mean())))
    for at, text in enumerate(texts):
        counts = Counter(pattern.findall(text.casefold()))
        scores[at] = sum(
            weight[word] * times * (_K1 + 1) / (times + norms[at]) for word, times in counts.items()
        )
    return scores
