"""Repairs text from outside that contains halves of surrogate pairs, so that it can be encoded."""

from __future__ import annotations

import re

_HALF = re.compile(r"[\ud800-\udfff]")


def repair_surrogates(text: str) -> str:
    """Join halves of surrogate pairs in a text, and replace lone ones by U+FFFD.

    They can come from JSON and the command line; databases and tokenizers reject them.
    """
    if not _HALF.search(text):
        return text
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
