"""Plans drafts: which answers have tokens checked ahead in a round, and how many.

A drafted token is one more row of a round. It pays where the tokens that it is expected to gain are
worth more than its time. Both are measured as rounds go by: how often drafts are right, and what a
row more takes beside as many answers. So nothing is drafted where many people write at once, where
a processor computes rows one after another, or where an answer repeats nothing.
"""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Sequence
from dataclasses import dataclass, replace
from statistics import median
from weakref import WeakKeyDictionary

from backends.llama_cpp.answer import Answer
from backends.llama_cpp.batch_plan import BatchRows
from backends.llama_cpp.prompt_lookup import Draft, PromptLookup, Rates

MAX_DRAFT_TOKENS = 8
"""Tokens that are drafted for one answer in a round."""
_MAX_ANSWERS = 16
"""Answers beside which nothing is drafted, nor looked for."""
_MIN_GAIN = 1.05
"""What drafts must promise, as times the tokens a second without: measured times are not exact."""
_MEASURED_ROUNDS = 9
"""Rounds of which a time is the median: one that something else held up must not decide."""
_MIN_MEASURED_ROUNDS = 3
_PLAIN_INTERVAL_ROUNDS = 16
"""Rounds after which one without drafts is due, to be measured."""
_DRAFTED_INTERVAL_ROUNDS = 256
"""Rounds after which the time of a drafted row no longer counts, so that it is measured again."""


class RowTimes:
    """What rounds of as many answers take: without drafts, and for each drafted row more."""

    def __init__(self) -> None:
        self._plain_s: deque[float] = deque(maxlen=_MEASURED_ROUNDS)
        self._drafted: deque[tuple[int, float]] = deque(maxlen=_MEASURED_ROUNDS)
        self._since_plain = self._since_drafted = 0

    def note(self, drafted: int, seconds: float) -> None:
        """Record a round with `drafted` rows of drafts."""
        self._since_plain += 1
        self._since_drafted += 1
        if drafted:
            self._drafted.append((drafted, seconds))
            self._since_drafted = 0
        else:
            self._plain_s.append(seconds)
            self._since_plain = 0
        if self._since_drafted > _DRAFTED_INTERVAL_ROUNDS:
            self._drafted.clear()

    @property
    def plain_s(self) -> float | None:
        """The seconds of a round without drafts; None where one is due to be measured."""
        few = len(self._plain_s) < _MIN_MEASURED_ROUNDS
        if few or self._since_plain >= _PLAIN_INTERVAL_ROUNDS:
            return None
        return median(self._plain_s)

    def row_s(self, answers: int) -> float:
        """Return the seconds of a drafted row; until it was measured, half of those of a row of one
        of the `answers`, so that it is tried.
        """
        plain_s = median(self._plain_s)
        if len(self._drafted) < _MIN_MEASURED_ROUNDS:
            return plain_s / answers / 2
        return max(0.0, median((seconds - plain_s) / rows for rows, seconds in self._drafted))


@dataclass(frozen=True, slots=True)
class _Found:
    """How an answer may go on from its first `start` tokens, prompt included."""

    draft: Draft
    rates: Rates
    start: int


class DraftPlan:
    """Adds drafts to the rounds that write. Belongs to the owner thread.

    `outputs` is the number of rows of a round that may have logits, `limit` the tokens of one
    conversation.
    """

    def __init__(self, outputs: int, limit: int) -> None:
        self._outputs = outputs
        self._limit = limit
        self._rates = Rates()
        self._lookups: WeakKeyDictionary[Answer, PromptLookup] = WeakKeyDictionary()
        self._found: dict[Answer, _Found] = {}
        self._writing = False
        self._times: defaultdict[int, RowTimes] = defaultdict(RowTimes)
        self.drafted = 0
        self.accepted = 0

    def add_drafts(self, rows: Sequence[BatchRows]) -> list[BatchRows]:
        """Return the rows of a round with the drafts that are expected to pay."""
        few = len(rows) <= _MAX_ANSWERS
        self._writing = few and all(len(r.tokens) == 1 and r.completes for r in rows)
        if not self._writing:
            return list(rows)
        for r in rows:
            self._look_up(r.answer)
        times = self._times[len(rows)]
        if not self._found or times.plain_s is None:
            return list(rows)
        counts = self._choose(len(rows), times.plain_s, times.row_s(len(rows)))
        return [
            replace(r, draft=self._found[r.answer].draft.tokens[:count])
            if (count := counts.get(r.answer))
            else r
            for r in rows
        ]

    def note_round(self, rows: Sequence[BatchRows], seconds: float) -> None:
        """Record what became of the drafts of a round, and the time that it took."""
        for r in rows:
            if (found := self._found.get(r.answer)) is not None:
                self._note_draft(r, found)
        self._found.clear()
        if self._writing:
            self._times[len(rows)].note(sum(len(r.draft) for r in rows), seconds)

    def _look_up(self, answer: Answer) -> None:
        lookup = self._lookups.get(answer)
        if lookup is None:
            lookup = self._lookups[answer] = PromptLookup(self._rates)
        left = answer.job.request.sampling.answer_tokens - answer.written
        most = min(left, self._limit - len(answer.target)) - 1
        draft = lookup.draft(answer.target, min(most, MAX_DRAFT_TOKENS))
        if draft is not None:
            self._found[answer] = _Found(draft, lookup.rates, len(answer.target))

    def _choose(self, count: int, plain: float, row_s: float) -> dict[Answer, int]:
        """Return how many tokens to draft for each answer, so that most are written a second."""
        gains: list[tuple[float, Answer]] = []
        for answer, found in self._found.items():
            likely = 1.0
            for at in range(len(found.draft.tokens)):
                likely *= found.rates.rate(found.draft.matched + at)
                gains.append((likely, answer))
        gains.sort(key=lambda gain: gain[0], reverse=True)
        chosen, written, best = 0, float(count), _MIN_GAIN * count / plain
        for number, (likely, _) in enumerate(gains[: self._outputs - count], 1):
            written += likely
            if (rate := written / (plain + number * row_s)) > best:
                chosen, best = number, rate
        counts: dict[Answer, int] = {}
        for _, answer in gains[:chosen]:
            counts[answer] = counts.get(answer, 0) + 1
        return counts

    def _note_draft(self, row: BatchRows, found: _Found) -> None:
        """Compare what was written with the draft: one token further than was computed ahead, since
        the token after those is written, too.
        """
        written = row.answer.target[found.start :]
        self.drafted += len(row.draft)
        self.accepted += max(0, len(written) - 1)
        for at, (token, guess) in enumerate(zip(written, found.draft.tokens, strict=False)):
            found.rates.note(found.draft.matched + at, right=token == guess)
