"""Code fences of Markdown, also in a quotation and behind the mark of a list."""

from __future__ import annotations

import re
from dataclasses import dataclass

_FENCE = re.compile(
    r"^((?:[ \t]*+(?:>|[-*+](?=[ \t])|\d{1,9}[.)](?=[ \t])))*+[ \t]*+)"
    r"(`{3,}+(?=[^`\n]*+$)|~{3,}+)([^\n]*+)$"
)
_MARKS = re.compile(r"[^>\s]")
_MAX_INDENT = 3
"""A fence that is indented further is none outside of its list."""


@dataclass(frozen=True, slots=True)
class Fence:
    """An open code fence. `prefix` begins each line in it: quotation marks, and spaces where the
    mark of a list stands in the first."""

    prefix: str
    run: str
    info: str

    @classmethod
    def parse(cls, line: str) -> Fence | None:
        """The fence that a line opens, if it opens one."""
        found = _FENCE.match(line)
        return None if found is None else cls(_MARKS.sub(" ", found[1]), found[2], found[3])

    @property
    def quoted(self) -> bool:
        """Whether it stands in a quotation."""
        return ">" in self.prefix

    @property
    def opener(self) -> str:
        """The line that opens it again on another page, with its language."""
        words = self.info.split()
        return f"{self._indent}{self.run}{words[0] if words else ''}\n"

    @property
    def closer(self) -> str:
        """The line that closes it."""
        return self._indent + self.run

    @property
    def _indent(self) -> str:
        quote, mark, spaces = self.prefix.rpartition(">")
        if mark and spaces:
            mark, spaces = mark + spaces[0], spaces[1:]
        return quote + mark + spaces.expandtabs(4)[:_MAX_INDENT]

    def left_by(self, line: str) -> bool:
        """Whether a line is not in the quotation any more, which ends the fence. The line's first
        character decides."""
        return self.quoted and line[:1] not in (">", " ", "\t")

    def closed_by(self, line: str) -> bool:
        """Whether a complete line closes it."""
        mark = self._bare(line)
        return len(mark) >= len(self.run) and not mark.strip(self.run[0])

    def may_be_closed_by(self, line: str) -> bool:
        """Whether the line may still grow into the closing one."""
        return not self._bare(line).strip(self.run[0])

    def _bare(self, line: str) -> str:
        return (line.lstrip(" \t>") if self.quoted else line).strip()


def open_fence(text: str) -> str:
    """The line that opens the fence again in which a text ends; empty outside of code."""
    fence = _last_fence(text)
    return fence.opener.removesuffix("\n") if fence is not None else ""


def close_fence(text: str) -> str:
    """The line that closes the fence in which a text ends; empty outside of code."""
    fence = _last_fence(text)
    return fence.closer if fence is not None else ""


def close_quoted_fence(text: str) -> str:
    """The same where that code stands in a quotation; else empty."""
    fence = _last_fence(text)
    return fence.closer if fence is not None and fence.quoted else ""


def _last_fence(text: str) -> Fence | None:
    """The fence in which a text ends."""
    fence: Fence | None = None
    for line in text.split("\n"):
        if fence is not None and fence.left_by(line):
            fence = None
        if fence is None:
            fence = Fence.parse(line)
        elif fence.closed_by(line):
            fence = None
    return fence
