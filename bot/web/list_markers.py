"""Counts the items of HTML lists as browsers do."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from bot.web.html_tree import style_of

_STYLES = {
    "lower-alpha": "a", "lower-latin": "a", "upper-alpha": "A", "upper-latin": "A",
    "lower-roman": "i", "upper-roman": "I", "decimal": "1",
}  # fmt: skip
_LIST_STYLE = re.compile(r"list-style(?:-type)?\s*:\s*([a-z-]+)")
_ROMAN = (
    (1000, "m"), (900, "cm"), (500, "d"), (400, "cd"), (100, "c"), (90, "xc"), (50, "l"),
    (40, "xl"), (10, "x"), (9, "ix"), (5, "v"), (4, "iv"), (1, "i"),
)  # fmt: skip


@dataclass(slots=True)
class ListCounter:
    """The numbers of a list's items; `style` is that of HTML's `type`, empty without numbers."""

    style: str = ""
    number: int = 1
    step: int = 1

    def mark(self, item: Any) -> str:
        """The marker of the next item: `-`, `3.`, `b.`, `iv.`"""
        if not self.style:
            return "-"
        self.number = read_number(item.get("value"), self.number)
        marker = f"{_write_number(self.number, self.style)}."
        self.number += self.step
        return marker


def list_counter(element: Any) -> ListCounter:
    """The counter of an `ol`, `ul` or `menu` element."""
    if element.tag != "ol":
        return ListCounter()
    named = _LIST_STYLE.search(style_of(element))
    given = element.get("type") or (_STYLES.get(named[1], "1") if named else "1")
    style = given if given in ("1", "a", "A", "i", "I") else "1"
    if element.get("reversed") is None:
        return ListCounter(style, read_number(element.get("start"), 1))
    items = sum(1 for _ in element.iterchildren("li"))
    return ListCounter(style, read_number(element.get("start"), items), -1)


def read_number(text: str | None, default: int) -> int:
    """A whole number of an attribute, or `default` where there is none of a usual size."""
    text = (text or "").strip()
    digits = text[1:] if text[:1] in ("-", "+") else text
    return int(text) if digits.isascii() and digits.isdigit() and len(digits) < 10 else default


def _write_number(number: int, style: str) -> str:
    if style in "aA" and number > 0:
        letters = ""
        while number:
            number, letter = divmod(number - 1, 26)
            letters = chr(ord("a") + letter) + letters
        return letters if style == "a" else letters.upper()
    if style in "iI" and 0 < number < 4000:
        return write_roman(number) if style == "i" else write_roman(number).upper()
    return str(number)


def write_roman(number: int) -> str:
    """A number from 1 to 3,999 in small Roman figures."""
    made = ""
    for value, letters in _ROMAN:
        made += letters * (number // value)
        number %= value
    return made
