"""Reads in the style sheets of a document how its lists are numbered, and what it raises or lowers.

Programs that write HTML say it by class: `.c6 { list-style-type: lower-alpha }`. Nothing else of a
style sheet is read, and of its rules only those for a class.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache
from typing import Any

_TOLD = re.compile(
    r"list-style(?:-type)?\s*+:\s*+[a-z-]{1,30}|vertical-align\s*+:\s*+su(?:per|b)\b"
)
_MAX_DECLARATIONS = 4
_CLASS = re.compile(r"(\w*)\.([\w-]+)")


def apply_style_rules(root: Any, sheets: Iterable[str] = ()) -> None:
    """Give each element of a document what the rules for its classes say, behind its own style.

    `sheets` are style sheets besides those within the document.
    """
    within = (element.text or "" for element in root.iter("style"))
    rules = {selector: told for sheet in (*sheets, *within) for selector, told in _rules(sheet)}
    if not rules:
        return
    for element in root.iter():
        for name in (element.get("class") or "").split():
            told = rules.get((element.tag, name)) or rules.get(("", name))
            if told:
                element.set("style", f"{element.get('style') or ''}; {told}")


@lru_cache(maxsize=32)  # the chapters of a book share theirs
def _rules(sheet: str) -> tuple[tuple[tuple[str, str], str], ...]:
    """The rules of a style sheet that are read: for a tag or "" and a class, what they say."""
    rules: list[tuple[tuple[str, str], str]] = []
    outside, *comments = sheet.split("/*")
    text = outside + "".join(comment.partition("*/")[2] for comment in comments)
    for rule in text.split("}"):
        before, _, inside = rule.rpartition("{")
        told = "; ".join(_TOLD.findall(inside.lower())[:_MAX_DECLARATIONS])
        if told:
            selectors = map(str.strip, before.rpartition("{")[2].split(","))
            found = filter(None, map(_CLASS.fullmatch, selectors))
            rules += [((one[1].lower(), one[2]), told) for one in found]
    return tuple(rules)
