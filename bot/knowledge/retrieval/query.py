"""Questions and their wordings in the form in which the indexes are searched."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from bot.knowledge.language.words import extract_terms, is_unspaced, stem
from bot.knowledge.retrieval.embedder import Embedder

_UNSPACED_TRUST = 0.05
_OTHER_TRUST = 0.15
"""What an English embedder's word is worth for other scripts, and for other languages in Latin
letters, where it still knows names."""
_EARLIER_WORD_WEIGHT = 0.5
"""The weight of a word of an earlier question; words of this one weigh 1."""


@dataclass(frozen=True, slots=True)
class Wording:
    """One wording of a question, and its weight among the others.

    `before` has the earlier questions of a follow-up; their words weigh less.
    """

    text: str
    weight: float = 1.0
    before: str = ""

    @property
    def searched(self) -> str:
        """The text to search for; may be empty."""
        return f"{self.before} {self.text}".strip()

    def shares(self, words: Sequence[str], language: str) -> Mapping[str, float]:
        """Returns the weight of each of the words."""
        if not self.before:
            return dict.fromkeys(words, 1.0)
        own = set(extract_terms(self.text, language))
        return {word: 1.0 if word in own else _EARLIER_WORD_WEIGHT for word in words}


@dataclass(frozen=True, slots=True)
class Question:
    """The text of a question, and its words that carry meaning.

    `weight` is by word, larger for rarer ones; `known` the share of the words that occur in the
    documents; `language` is an ISO code, "" where nothing tells it.
    """

    text: str
    words: list[str]
    weight: Mapping[str, float]
    known: float
    language: str = ""

    @property
    def unspaced(self) -> bool:
        """Whether it has words in a script without spaces between them."""
        return any(map(is_unspaced, self.words))

    def trust(self, embedders: Sequence[Embedder]) -> float:
        """Returns how well the embedders know the language of the question, 0 to 1."""
        if not all(embedder.english for embedder in embedders):
            return 1.0
        if self.unspaced:
            return _UNSPACED_TRUST
        return 1.0 if self.language in ("en", "") else _OTHER_TRUST

    def find_hits(self, among: frozenset[str]) -> list[str]:
        """Returns the words whose stems are among those of a passage (`extract_stems`)."""
        return [
            word
            for word in self.words
            if (word if is_unspaced(word) else stem(word, self.language)) in among
        ]
