"""Duels, votes and ratings, as they pass between the store, skills and pages."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final, Literal

DuelKind = Literal["question", "battle"]
"""What both models of a duel did: answer the same question, or a rap battle."""
DuelChoice = Literal["a", "b", "tie", "bad"]
"""A vote: A is better, B is better, both are as good, both are bad."""
FEW_VOTES: Final = 10
"""With fewer votes a model's rating says little, whatever its range."""


@dataclass(frozen=True, slots=True)
class Duel:
    """Two models that did the same; `turn` is the id of the answer that shows both."""

    turn: str
    kind: DuelKind
    model_a: str
    model_b: str
    at: datetime


@dataclass(frozen=True, slots=True)
class ListedDuel:
    """A duel as one person (the viewer) may know it: which model is which only once they were
    shown. `seq` orders duels as they came, `votes` is how many people voted, `choice` the viewer's
    own vote, empty for none."""

    turn: str
    seq: int
    kind: DuelKind
    asked_by: str
    asked_by_name: str
    conversation: str
    at: datetime
    votes: int
    choice: str = ""
    names: tuple[str, str] | None = None


@dataclass(frozen=True, slots=True)
class Standing:
    """How a model did in all duels. `rating` is on the scale of chess, on which all models of the
    board have 1,000 on average, and 400 more means ten wins to one loss; with 95 % certainty it is
    from `low` to `high`. `voters` is how many people judged it."""

    model: str
    rating: float
    low: float
    high: float
    won: int
    tied: int
    lost: int
    voters: int

    @property
    def votes(self) -> int:
        """How many votes it got in all."""
        return self.won + self.tied + self.lost

    @property
    def is_early(self) -> bool:
        """Whether it got too few votes for its rating to say much."""
        return self.votes < FEW_VOTES


@dataclass(frozen=True, slots=True)
class DuelBoard:
    """The models by their rating, the best first; and how many votes were given by how many people
    in how many duels."""

    standings: tuple[Standing, ...]
    votes: int = 0
    voters: int = 0
    duels: int = 0
