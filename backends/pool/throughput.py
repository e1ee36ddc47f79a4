"""Measures how fast a replica reads, writes and embeds, from its own answers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from backends.base import ChatMessage, Usage
from backends.picture_tokens import count_picture_tokens

_SMOOTHING_WEIGHT = 0.25
"""Of a new measurement in the moving average: about the last eight answers count."""


@dataclass(slots=True)
class Throughput:
    """Moving averages: tokens per second for reading and writing, and tokens per answer.

    The start values are those of a small model on two processor cores; `measured` says whether an
    answer has replaced them yet.
    """

    prefill: float = 250.0
    decode: float = 25.0
    answer: float = 160.0
    measured: bool = False

    def learn(self, usage: Usage) -> None:
        """Update the averages with one complete answer."""
        weight = _SMOOTHING_WEIGHT if self.measured else 1.0
        read = usage.prompt_tokens - usage.cached_tokens
        if read > 0 and usage.prefill_s > 0:
            self.prefill += weight * (read / usage.prefill_s - self.prefill)
        if usage.completion_tokens > 0 and usage.decode_s > 0:
            self.decode += weight * (usage.completion_tokens / usage.decode_s - self.decode)
            self.answer += weight * (usage.completion_tokens - self.answer)
            self.measured = True

    def reading_s(self, prompt_tokens: int) -> float:
        """Expected time to compute a prompt of which nothing is cached."""
        return prompt_tokens / max(self.prefill, 1e-6)

    def service_s(self, prompt_tokens: int, max_tokens: int) -> float:
        """Expected time that a request holds a slot."""
        return self.reading_s(prompt_tokens) + min(self.answer, max_tokens) / max(self.decode, 1e-6)


MAX_QUESTION_TEXTS = 8
"""A call with more texts than a question has, all its wordings included, is background work."""
_PIECE_S = 0.1
"""How long a piece of background work should take: what a question waits for at most."""
_SHORT_PIECE_S = 0.025
"""The same while questions come; short pieces are embedded at a tenth less speed."""
_MAX_PIECE_TEXTS = 256
_MIN_PIECE_CHARACTERS = 400


@dataclass(slots=True)
class EmbeddingPace:
    """How fast texts are embedded, in characters a second, by the last pieces."""

    characters_per_s: float = 20_000.0

    def cut(self, texts: Sequence[str], start: int, *, short: bool = False) -> Sequence[str]:
        """Return the texts of the next piece, at least one; `short` while questions come."""
        seconds = _SHORT_PIECE_S if short else _PIECE_S
        most = max(_MIN_PIECE_CHARACTERS, self.characters_per_s * seconds)
        end, size = start, 0
        while end < len(texts) and end - start < _MAX_PIECE_TEXTS:
            size += len(texts[end])
            if end > start and size > most:
                break
            end += 1
        return texts[start:end]

    def learn(self, piece: Sequence[str], took_s: float) -> None:
        """Update the speed with one piece."""
        speed = sum(map(len, piece)) / max(took_s, 1e-6)
        self.characters_per_s += _SMOOTHING_WEIGHT * (speed - self.characters_per_s)


def estimate_tokens(*texts: str) -> int:
    """Estimate the tokens of texts by their bytes, for queueing only; asks no tokenizer."""
    return sum(len(text.encode("utf-8", "replace")) // 4 + 1 for text in texts)


def estimate_prompt_tokens(messages: tuple[ChatMessage, ...]) -> int:
    """Estimate the tokens of a prompt, template and pictures included."""
    text = estimate_tokens(*(message.content for message in messages)) + 4 * len(messages)
    return text + count_picture_tokens(messages)
