"""Makes controls of the writing direction in code visible.

Such a control (U+202A to U+202E, U+2066 to U+2069) shows a text in another order than it is read
in. In words it is removed with the other controls; letters that are written from right to left are
shown correctly without. In code, where a character that is missing would be a fault, it is written
out: `\\u202e`.
"""

from __future__ import annotations

import re

_TOKEN = re.compile("`+|~+|\n|[\u202a-\u202e\u2066-\u2069]")
_LINE_BEGINNING = " \t>-*+.)0123456789"
_FENCE_CHARACTERS = 3


class DirectionControls:
    """Writes out the direction controls in the code of a text that arrives in pieces. What is taken
    for code wrongly only looks odd."""

    def __init__(self) -> None:
        self._fence = self._ticks = self._run = ""
        self._at_start = True

    def feed(self, text: str) -> str:
        """Add a piece of text; returns it with what is written out."""
        out: list[str] = []
        at = 0
        for token in _TOKEN.finditer(text):
            self._take_words(text[at : token.start()])
            out.append(text[at : token.start()])
            out.append(self._take(token[0]))
            at = token.end()
        self._take_words(text[at:])
        out.append(text[at:])
        return "".join(out)

    def _take_words(self, words: str) -> None:
        if words:
            self._end_run()
            self._at_start = self._at_start and not words.strip(_LINE_BEGINNING)

    def _take(self, token: str) -> str:
        if token[0] in "`~":
            if self._run[:1] != token[0]:
                self._end_run()
            self._run += token
            return token
        self._end_run()
        if token == "\n":
            self._at_start, self._ticks = True, ""
        elif self._fence or self._ticks:
            return f"\\u{ord(token):04x}"
        return token

    def _end_run(self) -> None:
        """Process a run of backticks or tildes that is over."""
        run, self._run = self._run, ""
        if not run:
            return
        if self._fence:
            if run.startswith(self._fence) and self._at_start:
                self._fence = ""
        elif self._at_start and len(run) >= _FENCE_CHARACTERS:
            self._fence = run
        elif run[0] == "`":
            self._ticks = "" if self._ticks == run else self._ticks or run
        self._at_start = False
