"""Turns a stream of bytes into text: whole characters only, and nothing past a stop string."""

from __future__ import annotations

import codecs
from collections.abc import Sequence


class TextStream:
    """Turns the bytes of tokens into text that may be shown.

    A token can end inside a character, and a stop string can begin in one token and end in another:
    what is not yet decided is held back. Feed it with `feed`, and call `flush` at the end. `lead`
    comes before the first text; no stop string is looked for in it.
    """

    def __init__(self, stop: Sequence[str] = (), lead: str = "") -> None:
        self._lead = lead
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._stop = tuple(stop)
        self._longest = max((len(s) for s in self._stop), default=0)
        self._held = ""
        self.stopped = False
        """Whether a stop string was met; nothing comes after it."""

    def skip(self, raw: bytes) -> None:
        """Begin within a character whose first bytes were written before; they are not returned."""
        self._decoder.decode(raw)

    def feed(self, raw: bytes) -> str:
        """Take the bytes of a token; return the text that is now certain."""
        return self._led(self._release(self._decoder.decode(raw)))

    def flush(self) -> str:
        """Return the rest after the last byte, without an incomplete character."""
        if self.stopped:
            return ""
        pending, _ = self._decoder.getstate()
        self._decoder.reset()
        del pending  # half a character says nothing to a reader
        rest, self._held = self._held, ""
        return self._led(rest)

    def _led(self, text: str) -> str:
        if self._lead and text:
            text, self._lead = self._lead + text, ""
        return text

    def _release(self, new: str) -> str:
        if self.stopped or not new:
            return ""
        if not self._stop:
            return new
        text = self._held + new
        found = [at for at in (text.find(s) for s in self._stop) if at >= 0]
        if found:
            self.stopped, self._held = True, ""
            return text[: min(found)]
        keep = self._undecided(text)
        self._held = text[len(text) - keep :]
        return text[: len(text) - keep]

    def _undecided(self, text: str) -> int:
        """Return how many characters at the end may be the beginning of a stop string."""
        for length in range(min(self._longest - 1, len(text)), 0, -1):
            tail = text[-length:]
            if any(s.startswith(tail) for s in self._stop):
                return length
        return 0
