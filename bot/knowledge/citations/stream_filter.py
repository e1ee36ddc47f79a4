"""Removes citations that point to no passage from a stream of text."""

from __future__ import annotations

import re
from collections.abc import Iterator

_OPENING_BRACKETS, _CLOSING_BRACKETS = "[【［", "]】］"
_MAX_HELD_CHARACTERS = 48
"""The most characters held back after a bracket that may become a citation."""
_MAX_RANGE_NUMBERS = 16
_PARTIAL_CITATION = re.compile(
    r"\s*+(?:\^\s*+)?(?:\d[\d\s,;，；、^–-]*+(?:[†‡][^\[\]【】［］\n]*+)?)?"
)
_CITED_NUMBERS = re.compile(
    r"\s*+(?:\^\s*+)?(\d++(?:[\s,;，；、^–-]++\d++)*)[\s,;，；、–-]*+(?:[†‡].*+)?"
)
_NUMBER_RANGE = re.compile(r"(\d+)(?:\s*[-–]\s*(\d+))?")
_UNCLOSED_BRACKET = re.compile(r"[\[【［]([^\[\]【】［］]{1,48})$")


class CitationFilter:
    """Removes citations of unknown passages from a stream; `cited` collects the valid numbers.

    `[2]`, `[1, 3]`, `[1-3]`, `[^2]`, `【2】` and `［2］` are citations, and come out as `[1][3]`.
    Whatever a model writes, and however the stream is cut, no `[n]` comes out that is not one of 1
    to `passages`; an index or a list in code (`list[0]` or `ports = [80]` between backticks) is no
    citation. What may still become a citation is held back, a few characters at most.
    """

    def __init__(self, passages: int) -> None:
        self._passages = passages
        self._held = ""
        self._space = ""
        self._tail = ""
        self._code = _CodeTracker()
        self.cited: set[int] = set()

    def feed(self, delta: str) -> str:
        """Takes the next piece of the stream; returns the text that can be shown now."""
        return "".join(self._take(character) for character in delta)

    def finish(self) -> str:
        """Returns the text held back at the end; an unfinished citation is dropped."""
        held, self._held = self._held, ""
        space, self._space = self._space, ""
        return space + held if len(held) <= 1 else ""

    def _take(self, character: str) -> str:
        if not self._held:
            return self._plain(character)
        if character in _CLOSING_BRACKETS:
            inside, self._held = self._held[1:], ""
            numbers = _CITED_NUMBERS.fullmatch(inside)
            if numbers is not None:
                return self._citation(numbers[1])
            return self._show("[" + inside) + self._plain(character)
        if _PARTIAL_CITATION.fullmatch(self._held[1:] + character):
            if len(self._held) < _MAX_HELD_CHARACTERS:  # beyond it no number is a passage's
                self._held += character
            return ""
        # An opened bracket that is none is text; what comes now may open another.
        held, self._held = self._held, ""
        return self._show(held) + self._plain(character)

    def _plain(self, character: str) -> str:
        if character in _OPENING_BRACKETS and not self._code.subscripts(self._tail + self._space):
            self._held = character
            return ""
        if character in " \t" and len(self._space) < _MAX_HELD_CHARACTERS:
            self._space += character  # it goes with a bad citation that may follow
            return ""
        if character in _CLOSING_BRACKETS and not self._code.inside and not self._may_close():
            return ""
        return self._show(character)

    def _may_close(self) -> bool:
        """Whether a bracket that stands alone may come out. Not where it would make a citation of
        what came out before it, which happens where one was taken out of another."""
        before = _UNCLOSED_BRACKET.search(self._tail + self._space)
        numbers = _CITED_NUMBERS.fullmatch(before[1]) if before else None
        if numbers is None:
            return True
        made = set(_numbers(numbers[1]))
        good = all(1 <= n <= self._passages for n in made)
        if good:
            self.cited |= made
        return good

    def _citation(self, numbers: str) -> str:
        good = [n for n in dict.fromkeys(_numbers(numbers)) if 1 <= n <= self._passages]
        if not good:
            self._space = ""
            return ""
        self.cited.update(good)
        return self._show("".join(f"[{n}]" for n in good))

    def _show(self, text: str) -> str:
        out, self._space = self._space + text, ""
        for character in text:
            self._code.see(character)
        self._tail = (self._tail + out)[-_MAX_HELD_CHARACTERS - 2 :]
        return out


class _CodeTracker:
    """Tracks whether a stream of Markdown is inside code: between backticks, or in a fence."""

    def __init__(self) -> None:
        self._run = 0
        self._inline = self._fence = False

    @property
    def inside(self) -> bool:
        return self._fence or self._inline

    def see(self, character: str) -> None:
        if character == "`":
            self._run += 1
            return
        if self._run >= 3:
            self._fence, self._inline = not self._fence, False
        elif self._run and not self._fence:
            self._inline = not self._inline
        self._run = 0
        if character == "\n":
            self._inline = False

    def subscripts(self, before: str) -> bool:
        """Whether a bracket that opens now is an index, right after a name in code, or a list
        behind what a list may follow there."""
        if not self.inside or not before:
            return False
        last = before.rstrip(" \t")[-1:]
        return before[-1].isalnum() or before[-1] in "_)]" or (last != "" and last in "=([{,:")


def _numbers(text: str) -> Iterator[int]:
    for match in _NUMBER_RANGE.finditer(text):
        first = int(match[1])
        last = int(match[2]) if match[2] else first
        yield from (
            range(first, min(last, first + _MAX_RANGE_NUMBERS) + 1) if last >= first else (first,)
        )
