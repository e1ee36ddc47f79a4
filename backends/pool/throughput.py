"""Measures how fast a replica reads and writes, from its own answers."""

from __future__ import annotations

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


def estimate_tokens(*texts: str) -> int:
    """Estimate the tokens of texts by their bytes, for queueing only; asks no tokenizer."""
    return sum(len(text.encode("utf-8", "replace")) // 4 + 1 for text in texts)


def estimate_prompt_tokens(messages: tuple[ChatMessage, ...]) -> int:
    """Estimate the tokens of a prompt, template and pictures included."""
    text = estimate_tokens(*(message.content for message in messages)) + 4 * len(messages)
    return text + count_picture_tokens(messages)
