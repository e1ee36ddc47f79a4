"""Splits long answers into pages for platforms with short messages.

A page ends at a paragraph if possible, else at a line, a sentence, a word, and only then between
two characters as a person sees them (grapheme clusters, UAX #29). A code fence that is split is
closed on its page and opened again, with its language, on the next.

A split depends only on the text before it and on the one character after the page. So a growing
text has the same pages as the complete one: a page before the last never changes.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import pairwise

from wcwidth import iter_graphemes

from bot.surrogates import repair_surrogates

MIN_PAGE_CHARACTERS = 32
"""Smallest page limit; below it a page could not hold a code fence with any content."""

_FENCE = re.compile(r"^([ \t]*+)(`{3,}+(?=[^`\n]*+$)|~{3,}+)([^\n]*+)$")
_SENTENCE = re.compile(r"[.!?…]['\")\]”’»*_]*(?=[ \t])|[。！？][」』”’）]*")
_WORD = re.compile(r"(?<=\S)[ \t]")
_BLANK_LINES = re.compile(r"(?:[ \t]*\n)+")


def split(text: str, limit: int) -> tuple[str, ...]:
    """Split a text into pages of at most `limit` characters; a blank text has none."""
    splitter = Splitter(limit)
    splitter.append(text)
    return splitter.pages


@dataclass(frozen=True, slots=True)
class _Fence:
    indent: str
    run: str
    info: str

    @property
    def opener(self) -> str:
        return f"{self.indent}{self.run}{self.info}\n"

    @property
    def closer(self) -> str:
        return self.indent + self.run

    def closed_by(self, line: str) -> bool:
        mark = line.strip()
        return len(mark) >= len(self.run) and not mark.strip(self.run[0])

    def may_be_closed_by(self, line: str) -> bool:
        """Whether the line may still grow into the closing one."""
        return not line.strip().strip(self.run[0])


class Splitter:
    """Splits a growing text into pages.

    `pages` processes only the text added since its last call, and the last page. Line ends become
    `\\n`; halves of surrogate pairs are joined or replaced. Raises `ValueError` for a `limit` below
    `MIN_PAGE_CHARACTERS`.
    """

    def __init__(self, limit: int) -> None:
        if limit < MIN_PAGE_CHARACTERS:
            raise ValueError(f"a page holds at least {MIN_PAGE_CHARACTERS} characters, not {limit}")
        self._limit = limit
        self._closed: list[str] = []
        self._fresh: list[str] = []
        self._held = ""
        self._text = ""
        self._lines: list[tuple[int, _Fence | None]] = []
        self._begin(None, trim=False)

    def append(self, delta: str) -> None:
        """Add to the end of the text."""
        if delta:
            self._fresh.append(delta)

    def take_in(self) -> None:
        """Split the text added so far."""
        if self._fresh:
            self._text += self._clean("".join(self._fresh))
            self._fresh.clear()
            while self._fill():
                pass

    @property
    def pages(self) -> tuple[str, ...]:
        """The pages so far. The last one may still change."""
        self.take_in()
        lines = [*self._lines, (self._at, self._fence)]
        last = self._render(self._text, lines) if self._text.strip() else ""
        return (*self._closed, last) if last else tuple(self._closed)

    # --- taking the text in -------------------------------------------------------------------

    def _clean(self, text: str) -> str:
        text = self._held + text
        self._held = ""
        if text[-1] == "\r" or "\ud800" <= text[-1] <= "\udbff":
            text, self._held = text[:-1], text[-1]
        return repair_surrogates(text.replace("\r\n", "\n").replace("\r", "\n"))

    def _begin(self, carried: _Fence | None, *, trim: bool) -> None:
        """Begin a page; `carried` is the fence that the page before left open, `trim` says that it
        was split after a word."""
        self._carried = self._fence = carried
        self._trim = trim
        self._lines.clear()
        self._at = self._taken = 0

    def _fill(self) -> bool:
        """Add lines to the page. Returns True if the page is full, False if the text ended."""
        if self._at == 0:
            self._drop_leading()
        while self._at < len(self._text):
            end = self._text.find("\n", self._at)
            line = self._text[self._at : end if end >= 0 else None]
            room = self._room(line, whole=end >= 0)
            if len(line) > room:
                self._cut(self._at + max(0, room))
                return True
            if end < 0:
                return False
            self._lines.append((self._at, self._fence))
            self._fence = self._fence_after(line)
            self._taken += len(line) + 1
            self._at = end + 1
        return False

    def _drop_leading(self) -> None:
        """Remove what must not begin a page: blank lines, the space after a word, a closing
        fence."""
        if self._carried is not None:
            line, newline, rest = self._text.partition("\n")
            if not (newline and self._carried.closed_by(line)):
                return
            self._text = rest
            self._begin(None, trim=False)
        if blank := _BLANK_LINES.match(self._text):
            self._text = self._text[blank.end() :]
            self._trim = False
        if self._trim and (rest := self._text.lstrip(" \t")):
            joined = rest != self._text and len(list(iter_graphemes(" " + rest[0]))) == 1
            self._text = " " + rest if joined else rest
            self._trim = False

    def _room(self, line: str, *, whole: bool) -> int:
        """The longest that a line may be, so that the page holds it and its closing fence."""
        room = self._limit - self._taken
        if self._carried is not None:
            room -= len(self._carried.opener)
        fence = self._fence
        if fence is None or (
            len(line) <= len(fence.closer)
            and (fence.closed_by(line) or (not whole and fence.may_be_closed_by(line)))
        ):
            return room
        return room - len(fence.closer) - 1

    def _fence_after(self, line: str) -> _Fence | None:
        """Return the fence that is open after a complete line. A fence too wide to be repeated on
        the next page is taken as text."""
        if self._fence is not None:
            return None if self._fence.closed_by(line) else self._fence
        found = _FENCE.match(line)
        if found is None or len(line) > self._limit // 4:
            return None
        indent, run, info = found.groups()
        if len(indent) + len(run) > self._limit // 8:
            return None
        words = info.split()
        return _Fence(indent, run, words[0] if words else "")

    # --- cutting ------------------------------------------------------------------------------

    def _cut(self, end: int) -> None:
        """Close the page at the best position up to `end`, and begin the next."""
        self._lines.append((self._at, self._fence))
        at = self._find_split(end)
        resume = at + 1 if self._text[at : at + 1] == "\n" else at
        lines = [(start, fence) for start, fence in self._lines if start <= resume]
        fence = lines[-1][1]
        page = self._render(self._text[:at], lines)
        if page:
            self._closed.append(page)
        self._text = self._text[resume:]
        self._begin(fence, trim=resume == at and fence is None)

    def _find_split(self, end: int) -> int:
        """Choose where the page ends: the best kind of position that leaves it half full or more,
        else the best kind that there is."""
        for least in (end // 2, 1):
            for last in (self._paragraph, self._break, self._sentence, self._word):
                at = last(least, end)
                if at:
                    return at
        start = 0
        for cluster in iter_graphemes(self._text[: end + 1]):
            if start + len(cluster) > end:
                break
            start += len(cluster)
        return start or max(end, 1)

    def _paragraph(self, least: int, end: int) -> int:
        for (above, _), (start, fence) in reversed(list(pairwise(self._lines))):
            if fence is None and least < start <= end + 1 and not self._text[above:start].strip():
                return start - 1
        return 0

    def _break(self, least: int, end: int) -> int:
        """The last end of a line, but not between a fence's opening and what is in it."""
        for (_, above), (start, fence) in reversed(list(pairwise(self._lines))):
            if least < start <= end + 1 and not (above is None and fence is not None):
                return start - 1
        return 0

    def _sentence(self, least: int, end: int) -> int:
        found = 0
        for match in _SENTENCE.finditer(self._text, least, end + 1):
            at = match.end()
            if at <= end and self._is_outside_fences(at) and self._is_between_graphemes(at):
                found = at
        return found

    def _word(self, least: int, end: int) -> int:
        found = 0
        for match in _WORD.finditer(self._text, least, end + 1):
            if self._is_between_graphemes(match.start()):
                found = match.start()
        return found

    def _is_outside_fences(self, at: int) -> bool:
        """Whether a position is outside every code fence."""
        return next((f for start, f in reversed(self._lines) if start <= at), None) is None

    def _is_between_graphemes(self, at: int) -> bool:
        """Whether a position is between two characters as a person sees them."""
        start = max(0, at - 32)
        ends = start
        for cluster in iter_graphemes(self._text[start : at + 1]):
            if ends == at:
                return True
            ends += len(cluster)
        return False

    # --- showing ------------------------------------------------------------------------------

    def _render(self, text: str, lines: list[tuple[int, _Fence | None]]) -> str:
        """Return a page as it is sent, with an open code fence reopened before and closed after."""
        opener = self._carried.opener if self._carried is not None else ""
        start, fence = lines[-1]
        last = text[start:]
        if fence is None or fence.closed_by(last):
            return (opener + text).rstrip()
        if fence.may_be_closed_by(last):
            text = text[:start]
        inside = next((s for s, f in reversed(lines) if f is not fence), None)
        if inside is None:
            body = opener + text
        elif text[text.find("\n", inside) + 1 :].strip():
            body = text if self._carried is None else opener + text
        else:
            return (opener + text[:inside]).rstrip()
        if not text.strip():
            return ""
        return body.removesuffix("\n") + "\n" + fence.closer
