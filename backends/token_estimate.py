"""Estimates tokens for engines without a tokenizer, and learns from what their servers counted.

A server's count may be of something else than the whole prompt: Ollama cuts a prompt that does not
fit and counts what was left, and some servers count only what was not in their cache. A count that
no tokenizer could have come to therefore teaches nothing.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from backends.base import ChatMessage
from backends.picture_tokens import count_picture_tokens

_MESSAGE_TOKENS = 4
"""What a template puts around one message, about."""
_FIRST_CORRECTION = 1.1
"""Where nothing was learnt: rather too many tokens than a prompt that is cut."""
_RISING_WEIGHT, _FALLING_WEIGHT = 0.5, 0.15
"""Of a new count in the correction: too low an estimate is mended at once, too high a one slowly,
since a count may leave out what was cached."""
_LEAST_BYTES_TO_LEARN_FROM = 64
_RUN_PATTERN = re.compile(r"(\s|[^\w\s])\1{7,}")
"""Blanks of an indentation and lines drawn with one sign: a few tokens, however long."""


@dataclass(frozen=True, slots=True)
class TextSize:
    """Bytes of ASCII and of all other scripts, long runs of one sign left out.

    What a token holds is bounded by script: 4 bytes of ASCII as a rule and 6 at most over a longer
    text; of other scripts 3 as a rule (one ideograph, one and a half Cyrillic letters) and 10 at
    most; never less than one byte.
    """

    ascii: int
    other: int

    @classmethod
    def measure(cls, messages: Sequence[ChatMessage]) -> TextSize:
        text = "\n".join(message.content for message in messages)
        text = _RUN_PATTERN.sub(r"\1\1\1\1\1\1\1\1", text)
        ascii_bytes = len(text.encode("ascii", "ignore"))
        return cls(ascii_bytes, len(text.encode("utf-8", "replace")) - ascii_bytes)

    @property
    def usual_tokens(self) -> float:
        return self.ascii / 4 + self.other / 3

    @property
    def least_tokens(self) -> float:
        return self.ascii / 6 + self.other / 10

    @property
    def most_tokens(self) -> int:
        return self.ascii + self.other


class TokenEstimator:
    """Counts tokens by what is usual for the scripts, times a correction that is learnt."""

    def __init__(self) -> None:
        self.family = ""
        """The family of the model, by which pictures are counted."""
        self._correction = _FIRST_CORRECTION

    def count(self, messages: Sequence[ChatMessage]) -> int:
        """Estimate the tokens of a prompt, template and pictures included."""
        text = round(self._correction * TextSize.measure(messages).usual_tokens)
        pictures = count_picture_tokens(messages, self.family)
        return text + pictures + _MESSAGE_TOKENS * len(messages)

    def learn(self, messages: Sequence[ChatMessage], tokens: int) -> None:
        """Correct the estimate by the tokens that the server counted for these messages.

        A count that cannot be that of the whole text teaches nothing, nor does one with pictures.
        """
        if any(message.pictures for message in messages):
            return
        size = TextSize.measure(messages)
        counted = tokens - _MESSAGE_TOKENS * len(messages)
        if size.most_tokens < _LEAST_BYTES_TO_LEARN_FROM:
            return
        if not size.least_tokens <= counted <= size.most_tokens:
            return
        correction = counted / size.usual_tokens
        weight = _RISING_WEIGHT if correction > self._correction else _FALLING_WEIGHT
        self._correction += weight * (correction - self._correction)

    def surely_exceeds(self, messages: Sequence[ChatMessage], limit: int) -> int | None:
        """Return the count if even three quarters of it are over the limit, else None."""
        count = self.count(messages)
        return count if count * 0.75 > limit else None
