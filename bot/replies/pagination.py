"""Splits long answers into pages for platforms with short messages.

A page ends at a paragraph if possible, else at a line, a sentence, a word, and only then between
two characters as a person sees them (grapheme clusters, UAX #29); not within a link, code, a
mention, a spoiler or emphasis where a cut before it leaves the page half full. A code fence that is
split is closed on its page and opened again, with its language, on the next; a table that goes on
has its head again.

A split depends only on the text before it and on the one character after the page. So a growing
text has the same pages as the complete one: a page before the last never changes.
"""

from __future__ import annotations

import re

from wcwidth import iter_graphemes

from bot.replies.fences import Fence, close_quoted_fence
from bot.replies.page_breaks import Line, find_break
from bot.replies.tables import TableHead, parse_head
from bot.surrogates import repair_surrogates

MIN_PAGE_CHARACTERS = 32
"""Smallest page limit; below it a page could not hold a code fence with any content."""

_BLANK_LINES = re.compile(r"(?:[ \t]*\n)+")


def split(text: str, limit: int) -> tuple[str, ...]:
    """Split a text into pages of at most `limit` characters; a blank text has none."""
    splitter = Splitter(limit)
    splitter.append(text)
    splitter.finish()
    return splitter.pages


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
        self._final = False
        self._lines: list[Line] = []
        self._begin(None, trim=False)

    def append(self, delta: str) -> None:
        """Add to the end of the text."""
        if delta:
            self._fresh.append(delta)

    def finish(self) -> None:
        """The text is complete: show an end that might have become something else."""
        self.take_in()
        self._final = True
        self._text += self._clean(" ")[:-1]
        while self._fill():
            pass

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
        lines: list[Line] = [*self._lines, (self._at, self._block)]
        text = self._without_empty_fence(lines) if self._final else self._text
        last = self._render(text, lines, whole=self._final)
        return (*self._closed, last) if last else tuple(self._closed)

    # --- taking the text in -------------------------------------------------------------------

    def _clean(self, text: str) -> str:
        text = self._held + text
        self._held = ""
        if text[-1] == "\r" or "\ud800" <= text[-1] <= "\udbff":
            text, self._held = text[:-1], text[-1]
        return repair_surrogates(text.replace("\r\n", "\n").replace("\r", "\n"))

    def _begin(self, carried: Fence | TableHead | None, *, trim: bool) -> None:
        """Begin a page; `carried` is the fence or table that the page before left open, `trim` says
        that it was split after a word."""
        self._carried = self._block = carried
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
            if isinstance(self._block, Fence) and self._block.left_by(line):
                self._block = None
            room = self._room(line, whole=end >= 0 or self._final)
            if len(line) > room:
                self._cut(self._at + max(0, room))
                return True
            if end < 0:
                return False
            self._lines.append((self._at, self._block))
            self._block = self._block_after(line)
            self._taken += len(line) + 1
            self._at = end + 1
        return False

    def _drop_leading(self) -> None:
        """Remove what must not begin a page: blank lines, the space after a word, a closing fence,
        the head of a table that does not go on."""
        if self._carried is not None:
            line, newline, rest = self._text.partition("\n")
            if isinstance(self._carried, Fence):
                if newline and self._carried.closed_by(line):
                    self._text = rest
                elif not (self._text and self._carried.left_by(line)):
                    return
            elif self._carried.goes_on(line) or self._carried.may_go_on(self._text):
                return
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
        fence = self._block
        if not isinstance(fence, Fence) or (
            len(line) <= len(fence.closer)
            and (fence.closed_by(line) or (not whole and fence.may_be_closed_by(line)))
        ):
            return room
        return room - len(fence.closer) - 1

    def _block_after(self, line: str) -> Fence | TableHead | None:
        """Return the fence or table that is open after a complete line. One whose beginning is too
        long to be repeated on the next page is taken as text."""
        if isinstance(self._block, Fence):
            return None if self._block.closed_by(line) else self._block
        if not line:
            return None
        fence = Fence.parse(line)
        if fence is not None:
            wide = len(line) > self._limit // 4 or len(fence.closer) > self._limit // 8
            return None if wide else fence
        if isinstance(self._block, TableHead):
            return self._block if self._block.goes_on(line) else None
        if len(self._lines) < 2:
            return None
        head = parse_head(self._text[self._lines[-2][0] : self._at - 1], line)
        return head if head is not None and len(head.opener) <= self._limit // 4 else None

    def _cut(self, end: int) -> None:
        """Close the page at the best position up to `end`, and begin the next."""
        self._lines.append((self._at, self._block))
        at = find_break(self._text, self._lines, end)
        resume = at + 1 if self._text[at : at + 1] == "\n" else at
        lines = [(start, block) for start, block in self._lines if start <= resume]
        start, block = lines[-1]
        page = self._render(self._text[:at], lines, whole=True)
        if page:
            self._closed.append(page)
        self._text = self._text[resume:]
        if isinstance(block, TableHead) and start < resume:
            block = None  # it was cut within a row
        self._begin(block, trim=resume == at and block is None)

    # --- showing ------------------------------------------------------------------------------

    def _without_empty_fence(self, lines: list[Line]) -> str:
        """The text of the last page without a last line that opens a fence: nothing is in it."""
        start, fence = lines[-1]
        if isinstance(fence, Fence) or not isinstance(self._block_after(self._text[start:]), Fence):
            return self._text
        return self._text[:start]

    def _render(self, text: str, lines: list[Line], *, whole: bool) -> str:
        """Return a page as it is sent, with an open code fence reopened before and closed after. An
        end that is not `whole` and may still become the closing fence is left out."""
        if not text.strip():
            return ""
        opener = self._carried.opener if self._carried is not None else ""
        start, fence = lines[-1]
        last = text[start:]
        if not isinstance(fence, Fence) or fence.closed_by(last):
            return self._close_quoted((opener + text).rstrip())
        if not whole and fence.may_be_closed_by(last):
            text = text[:start]
        inside = next((s for s, block in reversed(lines) if block is not fence), None)
        if inside is None:
            body = opener + text
        elif text[text.find("\n", inside) + 1 :].strip():
            body = text if self._carried is None else opener + text
        else:
            return (opener + text[:inside]).rstrip()
        if not text.strip():
            return ""
        return body.removesuffix("\n") + "\n" + fence.closer

    def _close_quoted(self, page: str) -> str:
        """A page that ends in a code fence of a quotation, which only the blank lines after it had
        ended: with the line that closes it, or without the fence if nothing is in it."""
        closer = close_quoted_fence(page) if ">" in page else ""
        if not closer or len(page) + 1 + len(closer) > self._limit:
            return page
        before, _, last = page.rpartition("\n")
        if Fence.parse(last) is not None and not close_quoted_fence(before):
            return before.rstrip()
        return f"{page}\n{closer}"
