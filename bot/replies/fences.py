"""Finds the code fence that is open at the end of a text."""

from __future__ import annotations

import re

_FENCE = re.compile(r"^ {0,3}(?P<mark>`{3,}(?!.*`)|~{3,}).*$")


def open_fence(text: str) -> str:
    """Return the line that opened the fence in which a text ends; empty outside of code."""
    opener = mark = ""
    for line in text.splitlines():
        found = _FENCE.match(line)
        if found is None:
            continue
        if not opener:
            opener, mark = line.strip(), found["mark"]
        elif line.strip().startswith(mark) and not line.strip().strip(mark[0]):
            opener = mark = ""
    return opener
