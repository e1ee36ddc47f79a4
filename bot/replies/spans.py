"""Finds what must not be cut in the inline Markdown of a page: code, links, mentions, emphasis.

The patterns are wider than those of any renderer: what only looks like a link is kept whole, too.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

_TOKEN = re.compile(r"\\[^\n]|`+|\*+|_+|~~|\|\||!?\[|\]|<|\n(?:[ \t]*\n)*+")
_ANGLE = re.compile(r"<(?:/[^<>\n]{1,100}:\d{1,30}|[@#:/!a-zA-Z][^\s<>]{0,2000})>")
_ANGLE_SO_FAR = re.compile(r"<(?:/[^<>\n]{0,130}|[@#:!a-zA-Z][^\s<>]{0,2000})?\Z")
_TARGET = re.compile(
    r"\([ \t]{0,50}+(?:<[^<>\n]{0,2000}>|(?:[^\s()<>]|\([^\s()<>]{0,500}\)){0,2000}+)"
    r"(?:[ \t]{1,50}+(?:\"[^\"\n]{0,300}\"|'[^'\n]{0,300}'))?[ \t]{0,50}+\)"
)
_LONGEST_TARGET_CHARACTERS = 2_400
_MARKS = "*_~|`!<["
"""Characters that may be the beginning of a mark where a text ends with them."""
_BLOCK = r"[ \t]*(?:[-*+][ \t]|\d{1,9}[.)][ \t]|#{1,6}[ \t]|[>|\n])"
_BEGINS_BLOCK = re.compile(_BLOCK)
_TICKS = re.compile(rf"`+|\n(?:[ \t]*\n)++|\n(?={_BLOCK})")
_ROW = re.compile(r"[ \t>]*\|")


@dataclass(slots=True)
class Spans:
    """Where a text must not be cut: strictly within one of these spans.

    `whole` loses its meaning if it is cut (code, links, mentions, spoilers); `styled` only its look
    (bold, italics, remarks in brackets). The third and fourth are the beginnings of those whose end
    has not come yet.
    """

    whole: list[tuple[int, int]] = field(default_factory=list)
    styled: list[tuple[int, int]] = field(default_factory=list)
    open_whole: list[int] = field(default_factory=list)
    open_styled: list[int] = field(default_factory=list)

    def block(self, least: int, end: int, *, styled: bool) -> Blocked:
        """The spans that a cut after `least` can avoid."""
        closed = [*self.whole, *(self.styled if styled else ())]
        begun = [*self.open_whole, *(self.open_styled if styled else ())]
        return Blocked([*closed, *((at, end + 2) for at in begun if at > least)])


class Blocked:
    """Spans of a text, in which it is not to be cut."""

    def __init__(self, spans: Iterable[tuple[int, int]]) -> None:
        self._starts: list[int] = []
        self._ends: list[int] = []
        for start, end in sorted(spans):
            if self._ends and start < self._ends[-1]:
                self._ends[-1] = max(self._ends[-1], end)
            else:
                self._starts.append(start)
                self._ends.append(end)

    def holds(self, at: int) -> bool:
        """Whether a position is within a span."""
        index = bisect_left(self._starts, at) - 1
        return index >= 0 and at < self._ends[index]

    def last_edge(self, least: int, end: int) -> int:
        """The last beginning or end of a span after `least` and up to `end`; 0 if there is none."""
        edges = (at for at in (*self._starts, *self._ends) if least < at <= end)
        return max(edges, default=0)


def find_spans(text: str, parts: Iterable[tuple[int, int]]) -> Spans:
    """Find the spans in the parts of a text that are no code blocks."""
    found = _Finder(text)
    for start, end in parts:
        found.read(start, end)
    return found.result()


class _Finder:
    """Reads inline Markdown; each character is looked at a bounded number of times."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._spans = Spans()
        self._opened: list[tuple[str, int]] = []
        self._growing: list[int] = []
        self._count: dict[str, int] = {}
        self._spoiler: int | None = None

    def result(self) -> Spans:
        """All spans; what is still open then may be closed by text that is to come."""
        for mark, at in self._opened:
            (self._spans.open_whole if mark == "[" else self._spans.open_styled).append(at)
        if self._spoiler is not None:
            self._spans.open_whole.append(self._spoiler)
        self._spans.open_whole += self._growing
        return self._spans

    def read(self, start: int, end: int) -> None:
        """Read a part of the text. What was open before it is no markup."""
        self._clear()
        closing = dict(_closing_ticks(self._text, start, end))
        at = self._skip_rows(start, end)
        while (token := _TOKEN.search(self._text, at, end)) is not None:
            at = self._take(token, end, closing)
        marks = len(self._text[at:end]) - len(self._text[at:end].rstrip(_MARKS))
        if marks:
            self._growing.append(end - marks)

    def _take(self, token: re.Match[str], end: int, closing: dict[int, int]) -> int:
        mark, at = token[0], token.end()
        match mark[-1]:
            case "\n":
                if len(mark) > 1 or _BEGINS_BLOCK.match(self._text, at, end):
                    self._clear()
                return self._skip_rows(at, end)
            case "`" if mark[0] != "\\":
                return self._code(token, closing)
            case "<" if mark[0] != "\\":
                return self._angle(token, end)
            case "[" if mark[0] != "\\":
                self._push("[", token.start())
            case "]" if mark[0] != "\\":
                return self._link(token, end)
            case "|" if mark[0] != "\\":
                self._toggle_spoiler(token)
            case _ if mark[0] != "\\":
                self._emphasis(token)
        return at

    def _clear(self) -> None:
        self._opened.clear()
        self._growing.clear()
        self._count.clear()

    def _skip_rows(self, at: int, end: int) -> int:
        """The position after the rows of a table that begin here, which are cut between only."""
        while _ROW.match(self._text, at, end):
            line_end = self._text.find("\n", at, end)
            self._clear()
            if line_end < 0:
                return end
            at = line_end + 1
        return at

    def _code(self, token: re.Match[str], closing: dict[int, int]) -> int:
        stop = closing.get(token.start())
        if stop is None:
            self._growing.append(token.start())
            return token.end()
        self._spans.whole.append((token.start(), stop))
        return stop

    def _angle(self, token: re.Match[str], end: int) -> int:
        found = _ANGLE.match(self._text, token.start(), end)
        if found is not None:
            self._spans.whole.append(found.span())
            return found.end()
        near = end - token.start() <= _LONGEST_TARGET_CHARACTERS
        if near and _ANGLE_SO_FAR.match(self._text, token.start(), end):
            self._growing.append(token.start())
        return token.end()

    def _push(self, mark: str, at: int) -> None:
        self._opened.append((mark, at))
        self._count[mark] = self._count.get(mark, 0) + 1

    def _pop(self, mark: str) -> int | None:
        """Close the last of these marks, and give up those within; returns where it stands."""
        if not self._count.get(mark):
            return None
        while True:
            last, at = self._opened.pop()
            self._count[last] -= 1
            if last == mark:
                return at

    def _link(self, token: re.Match[str], end: int) -> int:
        start = self._pop("[")
        if start is None:
            return token.end()
        target = _TARGET.match(self._text, token.end(), end)
        if target is not None:
            self._spans.whole.append((start, target.end()))
            return target.end()
        if self._may_be_target(token.end(), end):
            self._growing.append(start)
        self._spans.styled.append((start, token.end()))
        return token.end()

    def _may_be_target(self, at: int, end: int) -> bool:
        """Whether the text may end within the address or the title of a link."""
        if end - at > _LONGEST_TARGET_CHARACTERS:
            return False
        address, _, title = self._text[at:end].partition(" ")
        whole = "\n" in address or "\n" in title
        return not whole and address[:1] in ("", "(") and title[:1] in ("", '"', "'")

    def _toggle_spoiler(self, token: re.Match[str]) -> None:
        if self._spoiler is None:
            self._spoiler = token.start()
            return
        self._spans.whole.append((self._spoiler, token.end()))
        self._spoiler = None

    def _emphasis(self, token: re.Match[str]) -> None:
        mark = token[0]
        before = self._text[token.start() - 1 : token.start()]
        after = self._text[token.end() : token.end() + 1]
        opens, closes = not after.isspace(), bool(before) and not before.isspace()
        if mark[0] == "_":
            opens, closes = opens and not before.isalnum(), closes and not after.isalnum()
        if closes and (start := self._pop(mark)) is not None:
            self._spans.styled.append((start, token.end()))
        elif opens:
            self._push(mark, token.start())


def find_code_spans(text: str, start: int, end: int) -> Iterator[tuple[int, int]]:
    """The code spans in a part of a text that is no code block."""
    at = start
    for begun, stop in sorted(_closing_ticks(text, start, end)):
        if begun >= at:
            yield begun, stop
            at = stop


def _closing_ticks(text: str, start: int, end: int) -> Iterator[tuple[int, int]]:
    """For each run of backticks that one of the same length follows, the end of that one."""
    runs: Sequence[re.Match[str]] = list(_TICKS.finditer(text, start, end))
    following: dict[int, int] = {}
    for run in reversed(runs):
        if run[0][0] == "\n":
            following.clear()
            continue
        if (stop := following.get(len(run[0]))) is not None:
            yield run.start(), stop
        following[len(run[0])] = run.end()
