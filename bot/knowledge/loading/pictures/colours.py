"""The colours of a picture: 8 bits, without a palette, and on white paper.

Runs in child processes only.
"""

from __future__ import annotations

from typing import Any

from PIL import Image


def to_plain_colours(picture: Any) -> Any:
    """In a mode that can be resized: RGB, RGBA or grey."""
    if picture.mode.startswith("I") or picture.mode == "F":
        levels = picture.convert("I") if picture.mode != "F" else picture
        _, brightest = levels.getextrema()
        scale = 255 / brightest if brightest > 255 else 1
        return levels.point(lambda level: level * scale).convert("L")
    if "A" in picture.getbands() or "transparency" in picture.info:
        return picture.convert("RGBA")
    if picture.mode == "1":
        return picture.convert("L")
    return picture if picture.mode in ("RGB", "L") else picture.convert("RGB")


def lay_on_white(picture: Any) -> Any:
    """What is transparent becomes white. Takes what `to_plain_colours` returns."""
    if picture.mode != "RGBA":
        return picture
    paper = Image.new("RGBA", picture.size, "white")
    return Image.alpha_composite(paper, picture).convert("RGB")
