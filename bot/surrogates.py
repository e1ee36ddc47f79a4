"""Text that can be written down: what comes from outside may hold halves of surrogate pairs."""

from __future__ import annotations

import re

_HALF = re.compile(r"[\ud800-\udfff]")


def repair_surrogates(text: str) -> str:
    """The text with halves of surrogate pairs joined, and lone ones replaced.

    JSON can carry them, and so can a command line; neither a database nor a tokenizer takes them.
    """
    if not _HALF.search(text):
        return text
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
