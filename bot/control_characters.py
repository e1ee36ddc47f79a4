"""Control characters in text of others: what would move a cursor, colour a line, begin a new one or
turn the order of what is read.

They do nothing in a text that a program reads, and anything in a terminal or a log.
"""

from __future__ import annotations

from typing import Final

_C0 = (*range(0x20), 0x7F)
_C1 = range(0x80, 0xA0)
_LINE_ENDS = (0x0B, 0x0C, 0x85, 0x2028, 0x2029)
_ORDER = (*range(0x202A, 0x202F), *range(0x2066, 0x206A))

_UNSEEN: Final = {
    **dict.fromkeys((*_C0, *_C1, *_ORDER)),
    **dict.fromkeys(_LINE_ENDS, " "),
    ord("\n"): "\n",
    ord("\t"): "\t",
}
_WRITTEN_OUT: Final = {
    **{code: f"\\u{code:04x}" for code in (*_C0, *_C1, *_LINE_ENDS, *_ORDER)},
    **{ord("\n"): "\\n", ord("\r"): "\\r", ord("\t"): "\\t"},
}


def strip_controls(text: str) -> str:
    """Remove control characters from a text, except line breaks and tabs. Works on each character
    alone, so a stream can be processed piece by piece."""
    return text.translate(_UNSEEN)


def escape_controls(text: str) -> str:
    """Return the text in one line, with control characters escaped as in JSON."""
    return text.translate(_WRITTEN_OUT)
