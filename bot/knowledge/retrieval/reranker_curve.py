"""What a reranker's scores mean: curves from a score to a probability.

The scores of cross-encoders are on any scale, so each is measured once, with the passages below. Of
the questions about a passage one half is answered by it, and the other asks what it does not say;
with the passage of another subject none is answered. A logistic curve is fitted to the scores
(Platt's way, with his targets), and kept with what it was made from.
"""

from __future__ import annotations

import math
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pydantic import BaseModel, ConfigDict

from backends.arrays import np

if TYPE_CHECKING:
    import numpy.typing as npt

Rerank = Callable[[str, Sequence[str]], Awaitable[Sequence[float]]]
"""Scores texts for a question; more is better, on any scale. Raises `BackendError`."""

_FIT_STEPS = 100
_RIDGE = 1e-3
"""Pulls the slope of a curve towards 0, where the scores leave it open."""
_MIN_SEPARATION = 0.75
"""Share of pairs of an answering and another passage whose order must be right: below it a score
decides nothing."""


@dataclass(frozen=True, slots=True)
class Subject:
    """A passage, questions that it answers, and questions about the same that it does not."""

    passage: str
    answered: tuple[str, str]
    unanswered: tuple[str, str]


SUBJECTS = (
    Subject(
        "The ferry to the island leaves at 7:15 and 16:40 from pier 3. Bicycles travel free; dogs "
        "need a ticket for two euros. In storms the captain may cancel a crossing.",
        ("From which pier does the ferry go?", "do I have to pay for my dog on the boat"),
        ("Who is the captain of the ferry?", "can I take my car on the ferry"),
    ),
    Subject(
        "A new laptop is ordered by the team's assistant. Laptops are replaced after four years, "
        "or earlier if a repair would cost more than half the price.",
        ("when do I get a new laptop", "Who orders a laptop for a new colleague?"),
        ("Which make are the laptops?", "may I use my laptop for private things"),
    ),
    Subject(
        "The boiler is switched on with the green switch behind the door. If the pressure falls "
        "below one bar, water is filled in through the lower valve until the needle stands at 1.5.",
        ("How do I turn the boiler on?", "what to do when the pressure is too low"),
        ("How old is the boiler?", "which company services the boiler"),
    ),
    Subject(
        "Volunteers meet on the first Tuesday of every month in the village hall. New members pay "
        "nothing in their first year, and twelve pounds a year from then on.",
        ("Where do the volunteers meet?", "how much is it to be a member"),
        ("How many volunteers are there?", "how do I leave the group"),
    ),
    Subject(
        "The backup job runs every night at 02:30 and keeps copies for thirty days. A failed run "
        "is reported to the mailing list of the operators, who start it again by hand.",
        ("For how long are backups kept?", "who is told if a backup fails"),
        ("How large is a backup?", "are the backups encrypted"),
    ),
    Subject(
        "Samples are stored in the blue freezer at minus 80 degrees. Before a sample is taken out, "
        "its number is written into the log, and gloves are worn at all times.",
        ("How cold is the freezer for samples?", "do I need gloves to take out a sample"),
        ("What do I do if the freezer breaks down?", "how many samples fit in the freezer"),
    ),
    Subject(
        "The orchestra was founded in 1921 by the teacher Ida Brandt. It played its first concert "
        "in a factory, since the town had no hall, and moved to the old theatre in 1934.",
        ("Who founded the orchestra?", "where was the first concert of the orchestra"),
        ("Who conducts the orchestra today?", "how many musicians played in the first concert"),
    ),
    Subject(
        "Returned goods are accepted within 14 days if the package was not opened. The buyer pays "
        "for sending them back; the money arrives five working days after the goods.",
        ("How many days do I have to return something?", "who pays the postage of a return"),
        ("Can I return something in a shop?", "to which address do I send a return"),
    ),
)


class Curve(BaseModel):
    """A logistic curve over a score."""

    model_config = ConfigDict(frozen=True)
    slope: float
    offset: float

    def __call__(self, score: float) -> float:
        """Returns the probability, 0 to 1."""
        return 1.0 / (1.0 + math.exp(-max(-30.0, min(30.0, self.slope * score + self.offset))))


class RerankerCurve(BaseModel):
    """How probable it is, by a reranker's score, that a passage answers, and that it is about the
    subject at all; and what that was told from.

    `decides` is False where the scores tell answers from nothing: then only the order is its.
    """

    model_config = ConfigDict(frozen=True)
    model: str
    answers: Curve
    about: Curve
    decides: bool
    answering: tuple[float, ...]
    near: tuple[float, ...]
    far: tuple[float, ...]
    """The scores it was made from: of passages that answer, that do not, and of other subjects."""


async def measure_curve(model: str, rerank: Rerank) -> RerankerCurve:
    """Measures a reranker with the passages of this module. Raises what `rerank` does."""
    answering: list[float] = []
    near: list[float] = []
    far: list[float] = []
    for at, subject in enumerate(SUBJECTS):
        other = SUBJECTS[(at + 1) % len(SUBJECTS)]
        texts = (subject.passage, other.passage)
        for questions, scores in ((subject.answered, answering), (subject.unanswered, near)):
            for question in questions:
                own, foreign = (float(score) for score in await rerank(question, texts))
                scores.append(own)
                far.append(foreign)
    others = [*near, *far]
    return RerankerCurve(
        model=model,
        answers=fit_curve(answering, others),
        about=fit_curve([*answering, *near], far),
        decides=_separation(answering, others) >= _MIN_SEPARATION,
        answering=tuple(answering),
        near=tuple(near),
        far=tuple(far),
    )


def fit_curve(yes: Sequence[float], no: Sequence[float]) -> Curve:
    """Fits a curve that is high for the scores of `yes` and low for those of `no`."""
    scores = np.array([*yes, *no], dtype=np.float64)
    middle, spread = float(scores.mean()), float(scores.std()) or 1.0
    rows = np.column_stack([(scores - middle) / spread, np.ones(len(scores))])
    wanted = np.array(
        [(len(yes) + 1) / (len(yes) + 2)] * len(yes) + [1 / (len(no) + 2)] * len(no),
        dtype=np.float64,
    )
    ridge = _RIDGE * np.eye(2)
    found: npt.NDArray[np.float64] = np.zeros(2)
    for _ in range(_FIT_STEPS):  # Newton's
        likely = 1.0 / (1.0 + np.exp(-rows @ found))
        slope = rows.T @ (likely - wanted) / len(rows) + ridge @ found
        bend = (rows * (likely * (1 - likely))[:, None]).T @ rows / len(rows) + ridge
        step = np.linalg.solve(bend, slope)
        found = found - step
        if float(np.abs(step).max()) < 1e-9:
            break
    steep = float(found[0]) / spread
    return Curve(slope=steep, offset=float(found[1]) - steep * middle)


def _separation(yes: Sequence[float], no: Sequence[float]) -> float:
    pairs = [(a > b) + 0.5 * (a == b) for a in yes for b in no]
    return sum(pairs) / len(pairs)
