"""Measures how similar a message is to small talk, which needs no documents.

How near a message comes to the best sentence of the documents says little by itself: with every
page there is one more sentence that comes near by chance. What people say without asking for
anything is nearer to small talk all the same, so the two are held against each other.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

from backends.base import Embeddings
from bot.knowledge.language.words import is_keywords
from bot.knowledge.retrieval.embedder import Embedder
from bot.knowledge.retrieval.query import Wording

_LEAD: Final = 0.2
"""A sentence that answers a message is nearer to it than small talk by this at least."""

_EXAMPLES = (
    "Hello!",
    "Hi, how are you today?",
    "Good morning",
    "Have a nice weekend",
    "Goodbye, see you later",
    "Thanks for your help!",
    "That's great, well done",
    "Yes, okay",
    "No, never mind",
    "Can you help me?",
    "I have a question",
    "What is your name?",
    "Who are you?",
    "Are you a human?",
    "How was your day?",
    "I am tired",
    "What do you think?",
    "Tell me a joke",
    "Tell me a story",
    "Write a poem",
    "Translate this sentence",
    "What is two plus two?",
    "What time is it now?",
    "What's the weather like?",
    "Explain that again, please",
    "Go on, continue",
    "Say it in fewer words",
    "I do not understand",
    "That is not right",
    "Is anybody there?",
    "Let's talk about something else",
    "Just a test message",
)


def find_lead(said: Wording, language: str) -> float:
    """By how much a sentence must be nearer to a message than small talk. Search terms are no talk,
    and a follow-up says little by itself."""
    return 0.0 if said.before or is_keywords(said.text, language) else _LEAD


class SmallTalk:
    """Compares messages with examples of small talk, embedded once by each embedder."""

    def __init__(self) -> None:
        self._examples: dict[str, Embeddings] = {}

    async def nearness(
        self, said: Mapping[str, Embeddings], embedders: Iterable[Embedder]
    ) -> float:
        """Cosine with the nearest example on the default embedder's scale; `said` is the vector of
        what was said, shape (dim,), by embedder id. Raises a `BackendError`."""
        nearest = 0.0
        for embedder in embedders:
            if embedder.id in said:
                if embedder.id not in self._examples:
                    self._examples[embedder.id] = await embedder.embed_query(_EXAMPLES)
                near = embedder.scale(self._examples[embedder.id] @ said[embedder.id])
                nearest = max(nearest, float(near.max()))
        return nearest
