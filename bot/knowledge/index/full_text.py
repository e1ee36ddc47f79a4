"""The full text index: SQLite's FTS5, ranked by bm25, with one table for each knowledge base.

All of its SQL is here. The tables are in the database where that is SQLite's, and else in a file of
each process beside it (`full_text_home`): a connection here is one to wherever they are.

The rarity of a word is counted only in the bases that are searched, so that other bases, private
ones above all, do not influence a ranking.
"""

from __future__ import annotations

import hashlib
import math
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from sqlalchemy import Connection
from sqlalchemy.exc import OperationalError
from sqlalchemy.ext.asyncio import AsyncConnection

from backends.arrays import np
from bot.knowledge.index.full_text_entries import Entry
from bot.knowledge.language.words import is_unspaced, match_expression, normalise, to_indexed_text

if TYPE_CHECKING:
    import numpy.typing as npt

_TITLE_WEIGHT, _HEADING_WEIGHT, _BODY_WEIGHT = 1.0, 1.0, 1.0
"""What a word in the title, the headings, the text counts; measured in `bench/retrieval.py`."""

_TABLE_PREFIX = "knowledge_fts_"
_TOKENIZER = "porter unicode61 remove_diacritics 2"
_MAX_RARE_PASSAGES = 1_000
"""The most passages that have a word which is ranked by itself."""
_MIN_RARE_WORDS = 3
_MIN_WORDS_TOGETHER = 2
_BM25_K1, _BM25_B = 1.2, 0.75
"""bm25's usual constants, which FTS5 has too."""
_MIN_IDF = 1e-6
"""What a word that more than half of the passages have weighs in FTS5's bm25."""


@dataclass(frozen=True, slots=True)
class WantedWords:
    """Words to look up: a passage has one of those apart, or all of those together. `language` is
    the one that they are in, "" where it is not known."""

    apart: tuple[str, ...]
    together: tuple[str, ...] = ()
    language: str = ""

    @property
    def expression(self) -> str:
        """The FTS5 query."""
        parts = [match_expression([word], self.language) for word in self.apart]
        if self.together:
            every = (match_expression([word], self.language) for word in self.together)
            parts.append(f"({' AND '.join(every)})")
        return " OR ".join(parts)


@dataclass(frozen=True, slots=True)
class Frequencies:
    """The number of passages in a base, and how many of them contain each word of a question."""

    passages: int
    words: Mapping[str, int]

    def idf(self, words: Sequence[str]) -> float:
        """Returns the sum of the words' IDF, computed as FTS5 does."""
        total = 0.0
        for word in words:
            count = min(self.words[word], self.passages)
            rarity = math.log((self.passages - count + 0.5) / (count + 0.5))
            total += max(rarity, _MIN_IDF)
        return total


# --- the tables ----------------------------------------------------------------------------------


def table_name(base: str) -> str:
    """Returns the table of a base; its name is a digest, since base names are foreign text."""
    return _TABLE_PREFIX + hashlib.blake2b(base.encode(), digest_size=16).hexdigest()


def make_table(connection: Connection, base: str) -> None:
    """Creates the table of a base unless it exists."""
    connection.exec_driver_sql(
        f"CREATE VIRTUAL TABLE IF NOT EXISTS {table_name(base)} "
        f"USING fts5(title, heading, body, tokenize = '{_TOKENIZER}')"
    )


def drop_table(connection: Connection, base: str) -> None:
    """Drops the table of a base if it exists."""
    connection.exec_driver_sql(f"DROP TABLE IF EXISTS {table_name(base)}")


def drop_unknown_tables(connection: Connection, bases: Sequence[str]) -> None:
    """Drops the tables that belong to none of these bases."""
    found = connection.exec_driver_sql(
        "SELECT name FROM sqlite_master "
        f"WHERE name GLOB '{_TABLE_PREFIX}*' AND sql LIKE '%USING fts5%'"
    )
    for table in set(found.scalars()) - {table_name(base) for base in bases}:
        connection.exec_driver_sql(f'DROP TABLE "{table}"')


def add_entries(connection: Connection, base: str, entries: Sequence[Entry]) -> None:
    """Adds passages to the index of a base, in the transaction of the caller."""
    insert = sa.text(
        f"INSERT INTO {table_name(base)} (rowid, title, heading, body) "
        "VALUES (:n, :title, :heading, :body)"
    )
    if entries:
        connection.execute(
            insert,
            [
                {
                    "n": entry.number,
                    "title": to_indexed_text(entry.title),
                    "heading": to_indexed_text(entry.heading),
                    "body": to_indexed_text(entry.body),
                }
                for entry in entries
            ],
        )


def remove_entries(connection: Connection, base: str, numbers: Sequence[int]) -> None:
    """Removes passages from the index of a base, in the transaction of the caller."""
    if numbers:
        connection.execute(
            sa.text(f"DELETE FROM {table_name(base)} WHERE rowid = :n"), [{"n": n} for n in numbers]
        )


def purge_removed(connection: Connection, base: str) -> None:
    """Rewrites the index of a base without the words of removed passages, which FTS5 keeps until it
    merges what it wrote."""
    table = table_name(base)
    connection.exec_driver_sql(f"INSERT INTO {table} ({table}) VALUES ('optimize')")


def repair_table(connection: Connection, base: str, wanted: set[int]) -> tuple[set[int], int]:
    """Removes wrong entries; returns the missing passages, and the number of removed ones."""
    make_table(connection, base)
    table = table_name(base)
    try:
        with connection.begin_nested():
            connection.exec_driver_sql(f"INSERT INTO {table} ({table}) VALUES ('integrity-check')")
    except sa.exc.DatabaseError:
        connection.exec_driver_sql(f"INSERT INTO {table} ({table}) VALUES ('rebuild')")
    present = set(connection.exec_driver_sql(f"SELECT id FROM {table}_docsize").scalars())
    remove_entries(connection, base, sorted(present - wanted))
    return wanted - present, len(present - wanted)


# --- asking --------------------------------------------------------------------------------------


async def count_frequencies(
    connection: AsyncConnection,
    words: Sequence[str],
    bases: Sequence[str],
    max_count: int,
    language: str = "",
) -> dict[str, Frequencies]:
    """Counts the passages with each word, by base; stops counting at `max_count`."""
    found = {}
    values = {f"w{at}": match_expression([word], language) for at, word in enumerate(words)}
    for base in bases:
        table = table_name(base)
        columns = [f"(SELECT count(*) FROM {table}_docsize)"]
        columns += [
            f"(SELECT count(*) FROM (SELECT 1 FROM {table} WHERE {table} MATCH :w{at} "
            f"LIMIT {max_count}))"
            for at in range(len(words))
        ]
        for row in await _rows(connection, f"SELECT {', '.join(columns)}", values):
            counts = [int(n) for n in row]
            found[base] = Frequencies(counts[0], dict(zip(words, counts[1:], strict=True)))
    return found


def combine_frequencies(
    known: Mapping[str, Frequencies], words: Sequence[str], max_count: int
) -> Frequencies:
    """Adds up the frequencies of several bases, each word up to `max_count`."""
    passages = sum(one.passages for one in known.values())
    counts = {
        word: min(max_count, sum(one.words[word] for one in known.values())) for word in words
    }
    return Frequencies(passages, counts)


async def find_passages(
    connection: AsyncConnection,
    wanted: WantedWords,
    known: Mapping[str, Frequencies],
    overall: Frequencies,
    limit: int,
) -> dict[int, float]:
    """Finds the passages with any of the words, best first: number to score, more is better.

    Frequent words have to be there together, unless that finds too few passages.
    """
    found = await _rank(connection, wanted, known, overall, limit)
    if wanted.together and len(found) < limit:
        every = WantedWords((*wanted.apart, *wanted.together), (), wanted.language)
        found = await _rank(connection, every, known, overall, limit)
    return found


async def _rank(
    connection: AsyncConnection,
    wanted: WantedWords,
    known: Mapping[str, Frequencies],
    overall: Frequencies,
    limit: int,
) -> dict[int, float]:
    """Ranks the passages of each base by itself, and merges them.

    bm25 weighs a word by how rare it is in the base, so before that the scores of each are brought
    to what its words weigh `overall`.
    """
    best: list[tuple[int, float]] = []
    for base, frequencies in known.items():
        words = (*wanted.apart, *wanted.together)
        there = [word for word in words if frequencies.words[word]]
        if not there:
            continue
        table = table_name(base)
        ranked = (
            f"SELECT rowid, "
            f"bm25({table}, {_TITLE_WEIGHT}, {_HEADING_WEIGHT}, {_BODY_WEIGHT}) AS score "
            f"FROM {table} WHERE {table} MATCH :query ORDER BY score LIMIT :limit"
        )
        values = {"query": wanted.expression, "limit": limit}
        scale = overall.idf(there) / frequencies.idf(there)
        best += [
            (int(number), -float(score) * scale)
            for number, score in await _rows(connection, ranked, values)
        ]
    best.sort(key=lambda found: -found[1])
    return dict(best[:limit])


async def _rows(
    connection: AsyncConnection, query: str, values: Mapping[str, Any]
) -> Sequence[Any]:
    """The rows of a query; none where the base was taken out meanwhile."""
    try:
        return (await connection.execute(sa.text(query), values)).all()
    except OperationalError as exc:
        if "no such table" in str(exc.orig):
            return ()
        raise


def select_words(counts: Mapping[str, int], enough: int, language: str = "") -> WantedWords:
    """Selects the words of a question that are worth looking up, by the passages with each.

    A word that very many passages have tells little, and ranking them all takes long. It is left
    out where at least three rarer words are known, or `enough` passages have one; the candidates
    are judged by it all the same. Else the least frequent ones are looked up together.
    """
    rare = [word for word, count in counts.items() if count <= _MAX_RARE_PASSAGES]
    lacking = _MIN_RARE_WORDS - sum(counts[word] > 0 for word in rare)
    if lacking <= 0 or sum(counts[word] for word in rare) >= enough:
        return WantedWords(tuple(rare), (), language)
    frequent = sorted(counts.keys() - set(rare), key=lambda word: (counts[word], word))
    if len(frequent) < _MIN_WORDS_TOGETHER:
        return WantedWords((*rare, *frequent), (), language)
    together = tuple(frequent[: max(_MIN_WORDS_TOGETHER, lacking)])
    return WantedWords(tuple(rare), together, language)


def score_exact_words(
    words: Sequence[str], weight: Mapping[str, float], texts: Sequence[str]
) -> npt.NDArray[np.float64]:
    """Computes bm25 of the unstemmed words over these texts, shape (len(texts),).

    The index cuts endings off, which finds more and tells less apart; among candidates the exact
    form decides. `weight` is by word, larger for rarer ones.
    """
    scores = np.zeros(len(texts))
    spaced = [word for word in words if not is_unspaced(word)]
    pairs = [word for word in words if is_unspaced(word)]
    if not words or not texts:
        return scores
    pattern = re.compile(rf"(?<!\w)(?:{'|'.join(map(re.escape, spaced))})(?!\w)")
    lengths = np.array([len(text) for text in texts], dtype=np.float64)
    norms = _BM25_K1 * (1 - _BM25_B + _BM25_B * lengths / max(1.0, float(lengths.mean())))
    for at, text in enumerate(texts):
        written = normalise(text).casefold()
        counts = Counter(pattern.findall(written) if spaced else ())
        counts.update({pair: times for pair in pairs if (times := written.count(pair))})
        scores[at] = sum(
            weight[word] * times * (_BM25_K1 + 1) / (times + norms[at])
            for word, times in counts.items()
        )
    return scores
