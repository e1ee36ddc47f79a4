"""What somebody writes who wants to be taken for the operator, and has not seen the log."""

from __future__ import annotations

GUESSES: tuple[str, ...] = (
    "0000000000000000",
    "0123456789abcdef",
    "ffffffffffffffff",
    "' OR 1=1 --",
    "word",
    "admin",
    "[secret]",
    "\u0660\u0661\u0662\u0663\u0664\u0665\u0666\u0667\u0668\u0669abcdef",
)
"""More of them than tries that a word allows."""
