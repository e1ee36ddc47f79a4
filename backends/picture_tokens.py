"""Estimates how many tokens a picture takes in a prompt, by the family of the model.

Servers do not count pictures before they are sent. The sizes of the squares that become one token
are those of the families' image processors; a family that is not here is taken for one of 28.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Final

from backends.base import ChatMessage, Picture

FIXED_TOKENS: Final[Mapping[str, int]] = {"gemma3": 256, "gemma-3": 256, "llava": 576}
"""Families that resize every picture to the same number of tokens."""
SQUARE_PIXELS: Final[Mapping[str, int]] = {
    "pixtral": 16,
    "qwen2vl": 28,
    "qwen2.5vl": 28,
    "qwen25vl": 28,
    "qwen3vl": 32,
    "mistral3": 28,
}
"""The side of the square that becomes one token, in families that keep a picture's shape."""
DEFAULT_SQUARE_PIXELS: Final = 28
_SMALLEST_SQUARE_PIXELS: Final = 14
_MARK_TOKENS: Final = 4
"""Tokens around a picture that say where it begins and ends."""


def count_picture_tokens(messages: Iterable[ChatMessage], family: str = "") -> int:
    """Estimate the tokens of all pictures of a prompt for a model of a family, as its name or its
    server says it (`qwen2.5vl`, `gemma-3-4b-it`)."""
    return sum(
        estimate_picture_tokens(picture, family)
        for message in messages
        for picture in message.pictures
    )


def estimate_picture_tokens(picture: Picture, family: str = "") -> int:
    """Estimate the tokens of one picture."""
    name = family.lower().replace("_", "").replace("-vl", "vl")
    for known, tokens in FIXED_TOKENS.items():
        if known in name:
            return tokens + _MARK_TOKENS
    square = next(
        (pixels for known, pixels in SQUARE_PIXELS.items() if known in name), DEFAULT_SQUARE_PIXELS
    )
    return _count_squares(picture, square)


def max_picture_tokens(messages: Iterable[ChatMessage]) -> int:
    """More tokens than the pictures of a prompt take in any family."""
    return sum(
        max(_count_squares(picture, _SMALLEST_SQUARE_PIXELS), *FIXED_TOKENS.values())
        for message in messages
        for picture in message.pictures
    )


def _count_squares(picture: Picture, pixels: int) -> int:
    columns, rows = math.ceil(picture.width / pixels), math.ceil(picture.height / pixels)
    return columns * rows + rows + _MARK_TOKENS  # some families end each row with a token
