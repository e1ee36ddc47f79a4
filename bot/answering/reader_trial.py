"""Short passages on which it is tried whether a model can point to the words that answer.

Half of the questions are answered by their passage; the others are about the same subject, and what
they ask is not said. A model that always points, or never does, is right in half of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Trial:
    """A passage and a question. `answer` stands in the passage; "" where the passage has none."""

    title: str
    passage: str
    question: str
    answer: str = ""


_POOL = (
    "The pool opens at 6:30 on weekdays and at 9:00 on Sundays. Children under ten swim with an "
    "adult. Towels can be rented at the desk."
)
_BACKUPS = (
    "Copies of the archive are made every night and kept for 35 days. Restoring one is the task of "
    "the operations team; a request needs the name of the folder."
)
_BICYCLES = (
    "Fahrräder stehen im Hof oder im Keller, nicht im Treppenhaus. Den Schlüssel zum Keller gibt "
    "die Hausverwaltung gegen eine Unterschrift aus."
)
_COFFEE = (
    "Rinse the milk hose after every use and descale the machine once a month. The red light means "
    "that the water tank is empty."
)
TRIALS = (
    Trial("Pool", _POOL, "From what time can I swim on a Sunday?", "9:00"),
    Trial("Pool", _POOL, "What does it cost to rent a towel?"),
    Trial("Backups", _BACKUPS, "For how long can I get a deleted folder back?", "35 days"),
    Trial("Backups", _BACKUPS, "In which building are the copies of the archive stored?"),
    Trial("Fahrräder", _BICYCLES, "Wer gibt mir einen Kellerschlüssel?", "die Hausverwaltung"),
    Trial("Fahrräder", _BICYCLES, "Wie viele Fahrräder darf eine Wohnung abstellen?"),
    Trial("Coffee", _COFFEE, "What is wrong when the light is red?", "water tank is empty"),
    Trial("Coffee", _COFFEE, "What does a blinking green light mean?"),
)
"""What a model is tried on."""
MIN_RIGHT_TRIALS = 7
"""How many trials a reader gets right."""


def is_right(trial: Trial, pointed: Sequence[str]) -> bool:
    """Whether what was pointed to has the answer, or is nothing where there is none."""
    if not trial.answer:
        return not pointed
    return any(trial.answer.casefold() in one.casefold() for one in pointed)
