"""Tables of Markdown: where they are, and as aligned text where a platform shows none.

A table whose rows fit a narrow screen is drawn in a code block. A wider one, and one with links,
which would be dead in code, becomes a list: the first cell in bold, and "column: value" below it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from wcwidth import wcswidth

from bot.replies.fences import Fence

MAX_DRAWN_COLUMNS = 64
"""Widest table that is drawn, in character cells."""
_GAP = "  "
_HEADER = re.compile(r"([ \t>]*+)\|")
_DELIMITER = re.compile(r"[ \t>]*+\|?[ \t]*+:?-+:?[ \t]*+(?:\|[ \t]*+:?-+:?[ \t]*+)*+\|?[ \t]*+$")
_DELIMITER_SO_FAR = re.compile(r"[ \t>]*+\|?[-:| \t]*+(?:\n|\Z)")
_CELL = re.compile(r"(?:\\.?|[^|\\])*+")
_ESCAPED = re.compile(r"\\([!-/:-@\[-`{-~])")
_LINK = re.compile(r"\]\(|://")
_BREAK = re.compile(r"<br[ \t]*/?>", re.IGNORECASE)
_EMPHASIS = re.compile(r"(?<!\w)(\*\*\*|\*\*|\*|___|__|_|~~)(?=\S)([^*_~\n]+)(?<=\S)\1(?!\w)")
_LINES = re.compile(r"[^\n]*\n|[^\n]+")


@dataclass(frozen=True, slots=True)
class TableHead:
    """The names of a table's columns and the line under them, which begin each page that the table
    goes on on. `prefix` is what stands before the first bar of each row."""

    prefix: str
    opener: str

    def goes_on(self, line: str) -> bool:
        """Whether a line is one more row."""
        return line.startswith(self.prefix + "|")

    def may_go_on(self, text: str) -> bool:
        """Whether a text that grows may still become one more row."""
        return (self.prefix + "|").startswith(text)


def parse_head(names: str, line: str) -> TableHead | None:
    """The head that two lines make, if they make one."""
    found = _HEADER.match(names)
    if found is None or not _DELIMITER.match(line) or not line.startswith(found[0]):
        return None
    if len(split_row(names)) != len(split_row(line)):
        return None
    return TableHead(found[1], f"{names}\n{line}\n")


def may_be_delimiter(text: str, start: int, end: int) -> bool:
    """Whether the line at `start` is, or may grow into, the line under a table's names."""
    return text[start : start + 1] != "\n" and _DELIMITER_SO_FAR.match(text, start, end) is not None


def split_row(line: str) -> list[str]:
    """The cells of a row."""
    row = line.lstrip(" \t>").rstrip().removeprefix("|")
    cells, at = [], 0
    while at < len(row):
        found = _CELL.match(row, at)
        assert found is not None
        cells.append(found[0].replace("\\|", "|").strip())
        at = max(found.end(), at) + 1
    return cells


def draw_tables(text: str) -> str:
    """Return the text with its tables as aligned text or as lists."""
    if "|" not in text:
        return text
    return "".join(_drawn(_LINES.findall(text)))


def _drawn(lines: Sequence[str]) -> Iterator[str]:
    fence: Fence | None = None
    at = 0
    while at < len(lines):
        line = lines[at].rstrip("\n")
        if fence is not None:
            if fence.left_by(line) or fence.closed_by(line):
                fence = None
        elif (fence := Fence.parse(line)) is None and at + 1 < len(lines):
            head = parse_head(line, lines[at + 1].rstrip("\n"))
            if head is not None:
                end = at + 2
                while end < len(lines) and head.goes_on(lines[end]):
                    end += 1
                drawn = _draw([one.rstrip("\n") for one in lines[at:end]])
                yield "\n".join(head.prefix + one for one in drawn)
                yield "\n" if lines[end - 1].endswith("\n") else ""
                at = end
                continue
        yield lines[at]
        at += 1


def _draw(lines: Sequence[str]) -> list[str]:
    names, marks, *rows = map(split_row, lines)
    rows = [[*row, *[""] * len(names)][: len(names)] for row in rows]
    if not any(_LINK.search(cell) for row in (names, *rows) for cell in row):
        shown = [[_plain(cell) for cell in row] for row in (names, *rows)]
        widths = [max(_width(row[at]) for row in shown) for at in range(len(names))]
        if sum(widths) + len(_GAP) * (len(widths) - 1) <= MAX_DRAWN_COLUMNS:
            return _in_code(shown, widths, marks)
    return [line for row in rows for line in _listed(names, row)] or list(lines)


def _in_code(
    rows: Sequence[Sequence[str]], widths: Sequence[int], marks: Sequence[str]
) -> list[str]:
    drawn = [
        _GAP.join(
            _aligned(cell, width, mark)
            for cell, width, mark in zip(row, widths, marks, strict=True)
        ).rstrip()
        for row in rows
    ]
    return ["```", drawn[0], _GAP.join("-" * width for width in widths), *drawn[1:], "```"]


def _aligned(cell: str, width: int, mark: str) -> str:
    room = width - _width(cell)
    if not mark.endswith(":"):
        return cell + " " * room
    before = room // 2 if mark.startswith(":") else room
    return " " * before + cell + " " * (room - before)


def _listed(names: Sequence[str], row: Sequence[str]) -> Iterator[str]:
    first, *others = (_BREAK.sub(" ", cell) for cell in row)
    yield f"**{first}**" if first and "*" not in first and not _LINK.search(first) else first or "–"
    for name, cell in zip(names[1:], others, strict=True):
        if cell:
            yield f"- {name}: {cell}" if name else f"- {cell}"


def _plain(cell: str) -> str:
    """A cell without the marks that have no meaning in code."""
    text = _BREAK.sub(" ", cell)
    if "`" in text:
        return text.replace("`", "")
    return _ESCAPED.sub(r"\1", _EMPHASIS.sub(r"\2", text))


def _width(text: str) -> int:
    width = wcswidth(text)
    return len(text) if width < 0 else width
