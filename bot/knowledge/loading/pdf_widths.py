"""Estimates the width of PDF text from its fonts, since pypdf tells only where a text begins."""

from __future__ import annotations

from typing import Any


def font_width_ratio(font: Any) -> float:
    """Returns how wide a font's letters are relative to usual ones (1.0), from its width table."""
    try:
        if "/Widths" in font:
            first = int(font["/FirstChar"])
            widths = [float(w) for w in list(font["/Widths"])[max(0, 97 - first) : 123 - first]]
            usual = 485.0
        else:
            descendant = font["/DescendantFonts"][0].get_object()
            widths, usual = _cid_widths(descendant.get("/W", [])), 520.0
        widths = [width for width in widths if 0 < width < 2000]
        return min(1.4, max(0.7, sum(widths) / len(widths) / usual)) if len(widths) > 4 else 1.0
    # Fonts are as damaged as files are; the usual widths must do then.
    except (KeyError, IndexError, TypeError, ValueError, AttributeError):
        return 1.0


def _cid_widths(given: Any) -> list[float]:
    """Of `[c [w1 w2 …] from to w …]` the widths that are named one by one."""
    widths: list[float] = []
    for item in given:
        found = item.get_object() if hasattr(item, "get_object") else item
        if isinstance(found, list):
            widths.extend(float(width) for width in found)
    return widths


def text_width(text: str, size: float, mono: bool) -> float:
    """Estimates the width of a text in points, without the space that pypdf puts before it."""
    text = text.rstrip()
    text = text if text.startswith("  ") else text.lstrip()
    if mono:
        return 0.6 * size * len(text)
    return size * sum(map(_letter_width, text))


def _letter_width(letter: str) -> float:
    if letter in " ijlftI.,:;'|!()[]-":
        return 0.29
    if letter in "mwMW%@":
        return 0.83
    if letter.isupper():
        return 0.66
    return 1.0 if ord(letter) > 0x2E80 else 0.5
