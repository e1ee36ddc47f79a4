"""Measures how similar a message is to small talk, which needs no documents."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from backends.base import Embeddings
from bot.knowledge.retrieval.embedder import Embedder

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
    "Let's talk about something else",
    "Just a test message",
)


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
