"""Counts what became of questions: how often they are answered, and how often then wrongly."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from bot.knowledge.retrieval.golden import Golden
from bot.values import Outcome


@dataclass(frozen=True, slots=True)
class Judged:
    """A question with what became of it. `shown`: a right document was among the passages that a
    person is shown, where any were. `share` is what a model that read them gave to an answer."""

    golden: Golden
    outcome: Outcome
    shown: bool
    share: float | None = None


@dataclass(frozen=True, slots=True)
class Rate:
    """A share of `of` questions, with its 95 % interval (Wilson's)."""

    count: int
    of: int

    @property
    def share(self) -> float:
        return self.count / self.of if self.of else 0.0

    @property
    def interval(self) -> tuple[float, float]:
        if not self.of:
            return 0.0, 1.0
        n, p, z = self.of, self.share, 1.96
        middle = (p + z * z / (2 * n)) / (1 + z * z / n)
        spread = z / (1 + z * z / n) * math.sqrt(p * (1 - p) / n + z * z / (4 * n * n))
        return max(0.0, middle - spread), min(1.0, middle + spread)


@dataclass(frozen=True, slots=True)
class Outcomes:
    """How often questions are answered, and how often then wrongly.

    `shown`: of the questions with an answer those for which a right document is shown, as an answer
    or as not sure; `answered`: those answered without doubt; `right`: of these, those from a right
    document. `invented`: questions near the documents, without an answer there, that are answered
    all the same. `refused`: questions far from them that end in "not in the documents".
    `abstention_f1` counts "not sure" as a miss where the question is far, as half of one where it
    is near, and not at all where it has an answer.
    """

    shown: Rate
    answered: Rate
    right: Rate
    invented: Rate
    refused: Rate
    abstention_f1: float


def count_outcomes(judged: Sequence[Judged]) -> Outcomes:
    """Counts what became of questions."""
    having = [one for one in judged if one.golden.kind == "answerable"]
    near = [one for one in judged if one.golden.kind == "near"]
    far = [one for one in judged if one.golden.kind == "far"]
    answered = [one for one in having if one.outcome == "answer"]
    abstained = {"absent": 1.0, "unsure": 0.5, "answer": 0.0}
    kept_back = sum(abstained[one.outcome] for one in near)
    kept_back += sum(one.outcome == "absent" for one in far)
    turned_away = sum(one.outcome == "absent" for one in having)
    precision = kept_back / (kept_back + turned_away) if kept_back else 0.0
    recall = kept_back / len([*near, *far]) if near or far else 1.0
    both = precision + recall
    return Outcomes(
        shown=Rate(sum(one.shown and one.outcome != "absent" for one in having), len(having)),
        answered=Rate(len(answered), len(having)),
        right=Rate(sum(one.shown for one in answered), len(answered)),
        invented=Rate(sum(one.outcome == "answer" for one in near), len(near)),
        refused=Rate(sum(one.outcome == "absent" for one in far), len(far)),
        abstention_f1=2 * precision * recall / both if both else 0.0,
    )


def outcomes_by_language(judged: Sequence[Judged]) -> dict[str, Outcomes]:
    """The outcomes of all questions, and of those in each language where there are several."""
    languages = sorted({one.golden.language for one in judged} - {""})
    found = {"all": count_outcomes(judged)}
    if len(languages) > 1:
        for name in languages:
            found[name] = count_outcomes([one for one in judged if one.golden.language == name])
    return found
