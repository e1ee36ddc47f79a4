"""A line of text as it was recognised, with its box on the page."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class TextLine:
    """A line, or a part of one. `score` is the model's confidence, from 0 to 1; the box is in
    pixels from the top left corner of the page, which stands upright."""

    text: str = field(repr=False)
    score: float
    left: float
    top: float
    right: float
    bottom: float

    @property
    def width(self) -> float:
        """The extent along the line."""
        return max(1.0, self.right - self.left)

    @property
    def height(self) -> float:
        """The extent across the line; about 1.3 times the size of its letters."""
        return max(1.0, self.bottom - self.top)

    @property
    def middle(self) -> float:
        """How far down the page the line is."""
        return (self.top + self.bottom) / 2
