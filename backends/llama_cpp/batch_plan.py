"""Plans what is computed together: rows of answers in a round, and texts in a batch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from backends.llama_cpp.answer import Answer

MAX_BATCH_TEXTS = 64
"""Texts that are embedded together."""


@dataclass(frozen=True, slots=True)
class BatchRows:
    """The part of an answer that one round computes: the next of its tokens.

    `draft` are tokens that may come after them; they are computed too, and kept as far as the
    sampler chooses the same.
    """

    answer: Answer
    tokens: list[int]
    draft: Sequence[int] = ()

    @property
    def completes(self) -> bool:
        """Whether all tokens are computed after this round, so that the next can be chosen."""
        return len(self.tokens) == self.answer.remaining


_MAX_READING_ROUNDS = 8
"""Rounds of reading, at most, that are put before writing."""
_UNNOTICED_PAUSE_S = 0.5
"""A pause in the writing that nobody sees: platforms show new text once a second."""


def choose_rows(live: Sequence[Answer], budget: int, size: int, now: float) -> list[BatchRows]:
    """Return one row for each answer being written, then pieces of prompts: `budget` tokens at
    most.

    The oldest prompt gets at least half of the budget; the others share the rest, those with the
    fewest tokens left first, so that a short question does not wait for a long document. While
    short questions are read, answers that already show text pause for a moment that nobody notices.
    `size` limits all rows together; `now` is on the clock of `Answer.wrote_at`.
    """
    reading = [a for a in live if a.remaining > 1 and a.leader is None]
    burst = 0 < sum(a.remaining for a in reading) <= _MAX_READING_ROUNDS * budget
    resting = now - _UNNOTICED_PAUSE_S if burst else now
    rows = [
        BatchRows(a, [a.target[-1]]) for a in live if a.remaining == 1 and a.wrote_at <= resting
    ]
    if not reading:
        return rows
    left = min(budget * 3 // 2 if burst else budget, size - len(rows))
    oldest = reading[0]
    quota = {id(oldest): min(oldest.remaining, max(1, left // 2))}
    left -= quota[id(oldest)]
    for answer in [*sorted(reading[1:], key=lambda a: a.remaining), oldest]:
        taken = quota.get(id(answer), 0)
        more = min(answer.remaining - taken, left)
        quota[id(answer)] = taken + more
        left -= more
    for answer in reading:
        if count := quota[id(answer)]:
            rows.append(BatchRows(answer, answer.next_tokens(count)))
    return rows


def without_drafts(rows: Sequence[BatchRows]) -> list[BatchRows]:
    """Return the round with nothing computed ahead."""
    return [BatchRows(r.answer, r.tokens) for r in rows]


def halve(rows: Sequence[BatchRows]) -> list[BatchRows]:
    """Return the round with half of its prompt tokens; an empty list if it reads no prompt."""
    reading = [r for r in rows if len(r.tokens) > 1]
    if not reading:
        return []
    kept = [r for r in rows if len(r.tokens) == 1]
    left = sum(len(r.tokens) for r in reading) // 2
    for r in reading:
        if left > 0:
            kept.append(BatchRows(r.answer, r.tokens[:left]))
            left -= len(r.tokens)
    return kept


def plan_batches(encoded: Sequence[Sequence[int]], tokens: int) -> list[list[int]]:
    """Group texts of similar length; return the indices of each batch, of at most `tokens`
    tokens.
    """
    made: list[list[int]] = []
    size = tokens + 1
    for at in sorted(range(len(encoded)), key=lambda at: len(encoded[at])):
        if size + len(encoded[at]) > tokens or len(made[-1]) >= MAX_BATCH_TEXTS:
            made.append([])
            size = 0
        made[-1].append(at)
        size += len(encoded[at])
    return made
