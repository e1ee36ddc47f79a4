"""Finds the code in a Markdown text, where nothing is to be changed.

Renderers differ on what is code. `certain` code is such to all of them: it ends where they may
begin to disagree, and after that nothing is certain. It is for a platform on which a text that is
wrongly taken for code could do harm; elsewhere the rules of CommonMark will do.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from bot.replies.fences import Fence
from bot.replies.link_syntax import FENCE, MAX_CODE_SPAN_CHARACTERS, NO_LANGUAGE, TICKS
from bot.replies.spans import find_code_spans

_LINE = re.compile(r"[^\n]*\n|[^\n]+")
_TOKEN = re.compile(r"`+|~~~|\\`|<!--|<\?|<[A-Za-z]|>")
_ROW = re.compile(r"[ \t>]*\|")
Span = tuple[int, int]


def split_code(text: str, *, certain: bool = False) -> Iterator[tuple[str, bool]]:
    """Split a text into pieces, each with whether it is code."""
    end = 0
    for start, stop in _CertainCode(text).spans if certain else _find_code(text):
        if start > end:
            yield text[end:start], False
        yield text[start:stop], True
        end = stop
    if end < len(text):
        yield text[end:], False


def settled_length(text: str) -> int:
    """How much of a growing text comes before what may yet become certain code."""
    return _CertainCode(text).settled


def _find_code(text: str) -> Iterator[Span]:
    fence: Fence | None = None
    begun = 0
    for line in _LINE.finditer(text):
        bare = line[0].removesuffix("\n")
        if fence is not None and fence.left_by(bare):
            yield begun, line.start()
            fence, begun = None, line.start()
        if fence is None:
            fence = Fence.parse(bare)
            if fence is not None:
                yield from find_code_spans(text, begun, line.start())
                begun = line.start()
        elif fence.closed_by(bare):
            yield begun, line.end()
            fence, begun = None, line.end()
    if fence is None:
        yield from find_code_spans(text, begun, len(text))
    elif begun < len(text):
        yield begun, len(text)


class _CertainCode:
    """Certain code, in `spans`; what comes after `settled` may become code as the text grows."""

    def __init__(self, text: str) -> None:
        self.spans: list[Span] = []
        self.settled = len(text)
        self._text = text
        self._fence: Fence | None = None
        self._begun = 0
        self._filled = False
        for line in _LINE.finditer(text):
            if not self._read(line.start(), line[0]):
                return
        self._leave_fence(len(text))

    def _read(self, at: int, line: str) -> bool:
        """Take in a line. Returns False if nothing is certain after it."""
        bare = line.removesuffix("\n")
        if self._fence is not None:
            return self._read_in_fence(self._fence, at, line, bare)
        fence = Fence.parse(bare)
        if fence is None:
            return self._read_inline(at, at + len(line))
        if fence.run != FENCE or NO_LANGUAGE.search(fence.info) or bare == line:
            return False
        self._fence, self._begun, self._filled = fence, at, False
        return True

    def _read_in_fence(self, fence: Fence, at: int, line: str, bare: str) -> bool:
        run = bare.find(FENCE)
        if run < 0:
            if fence.left_by(bare) or (bare.strip() and not bare.startswith(fence.prefix)):
                self._leave_fence(at)
                return False
            self._filled = self._filled or bool(bare.strip(" \t>"))
            return True
        if not self._filled or bare.rstrip() != fence.prefix + FENCE:
            self._leave_fence(at + run)  # it ends here for some
            return False
        self._leave_fence(at + len(line))
        return True

    def _leave_fence(self, end: int) -> None:
        if self._fence is not None:
            self.spans.append((self._begun, end))
            self._fence = None

    def _read_inline(self, at: int, end: int) -> bool:
        row = _ROW.match(self._text, at, end) is not None
        angle = False
        while (token := _TOKEN.search(self._text, at, end)) is not None:
            at = token.end()
            if token[0] == ">":
                angle = False
            elif token[0][0] == "<" and token[0][1:].isalpha():
                angle = True
            elif token[0][0] != "`" or angle or len(token[0]) >= len(FENCE):
                return False
            else:
                stop = self._closing(token, end)
                inside = self._text[at:stop]
                if not stop or "](" in inside or (row and "|" in inside):
                    return False
                self.spans.append((token.start(), stop))
                at = stop
        return True

    def _closing(self, opening: re.Match[str], line_end: int) -> int:
        """The end of the code span that begins here; 0 if there is none, or none yet."""
        end = min(line_end, opening.end() + MAX_CODE_SPAN_CHARACTERS)
        for run in TICKS.finditer(self._text, opening.end(), end):
            if run[0] == opening[0]:
                if run.end() == len(self._text):
                    self.settled = opening.start()  # one more backtick, and it is no end
                return run.end()
        if end == len(self._text) and self._text[-1] != "\n":
            self.settled = opening.start()
        return 0
