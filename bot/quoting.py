"""The documents' own words: the sentences of the passages that speak most about a question.

A very small model cannot be trusted to put a passage into words of its own. What it says is shown
after a quotation that needs no trust.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from bot.knowledge.sentences import sentences
from bot.knowledge.stopwords import STOP_WORDS
from bot.knowledge.words import stems
from bot.services import Passage

SMALL = 500_000_000
"""A model with fewer weights is small: it gets a quotation to stand on."""

_FENCED = re.compile(r"(```|~~~).*?(\1|\Z)", re.DOTALL)
_MARKS = re.compile(r"[(){}\[\]<>=@_/\\;*#+]")
_LEAST_WORDS = 5
_FROM = 4
_MOST = 2
_LONGEST = 400
_NEARLY = 0.75


@dataclass(frozen=True, slots=True)
class Quotation:
    """Sentences of one passage, and the number it has among the sources."""

    number: int
    text: str


def quote(question: str, passages: Sequence[Passage]) -> Quotation | None:
    """The sentences of one of the first passages that share most with the question.

    A word counts for more the fewer sentences have it; the order of the passages, which a search
    by meaning gave, decides between equals. None where no sentence shares a word.
    """
    wanted = set(stems(question)) - STOP_WORDS
    heads = passages[:_FROM]
    split = [
        [one for one in sentences(_FENCED.sub("\n\n", passage.text)) if _is_prose(one)]
        for passage in heads
    ]
    common = Counter(stem for part in split for one in part for stem in set(stems(one)))
    best: list[tuple[float, int, list[str]]] = []
    for at, (passage, part) in enumerate(zip(heads, split, strict=True)):
        about = set(stems(f"{passage.title} {passage.heading}")) & wanted
        scores = [
            sum(1 / common[s] for s in (set(stems(one)) & wanted))
            + sum(0.5 / (common[s] or 1) for s in about)
            for one in part
        ]
        if part and max(scores) > 0:
            top = max(scores)
            picked = [i for i, score in enumerate(scores) if score >= _NEARLY * top][:_MOST]
            best.append((top * 0.9**at, -at, [part[i] for i in picked]))
    if not best:
        return None
    _, place, found = max(best)
    text = " ".join(" ".join(one.split()) for one in found)
    text = text if text.count("`") % 2 == 0 else text.replace("`", "")
    if len(text) > _LONGEST:
        text = text[:_LONGEST].rsplit(" ", 1)[0] + " …"
    return Quotation(1 - place, text)


def _is_prose(sentence: str) -> bool:
    """Whether it reads as a sentence: no row of a table, no line of code."""
    words = sentence.split()
    marks = len(_MARKS.findall(re.sub(r"`[^`]*`", "", sentence)))
    return "|" not in words and len(words) >= _LEAST_WORDS and marks <= len(words) // 4
