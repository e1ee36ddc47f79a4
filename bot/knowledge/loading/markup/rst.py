"""Parses reStructuredText into blocks."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence

from bot.knowledge.loading.markup.lines import (
    LINE_ENDS,
    BlockCollector,
    Marks,
    clean_marks,
    indent_of,
)
from bot.knowledge.loading.markup.rst_tables import read_listed_table
from bot.skills.document_tree import Block, lowered, raised

_UNDERLINE = re.compile(r"([!-/:-@\[-`{-~])\1{2,}\s*$")
_DIRECTIVE = re.compile(r"\s*\.\.[ \t]+(?:\|[^|]*\|[ \t]*)?([\w:-]+)::[ \t]*(.*)")
_NOTE = re.compile(r"\s*\.\.[ \t]+\[(#?[\w*-]{0,40})\][ \t]*(.*)")
_COMMENT = re.compile(r"\s*\.\.(?:[ \t]|$)")
_OPTION = re.compile(r"\s+:[\w-]+:(?:[ \t].*)?$")
_FIELD = re.compile(r":([\w .()-]{1,80}):[ \t]++(\S.*)")
_ITEM = re.compile(r"[ \t]*([-*+•]|\(?(?:\d{1,9}|[a-zA-Z]|#)[.)])[ \t]++(\S.*)")
_GRID = re.compile(r"\s*\+(?:[-=]+\+)+\s*$")
_SIMPLE = re.compile(r"\s*=+(?:\s+=+)+\s*$")
_LISTINGS = frozenset({"code-block", "code", "sourcecode", "literalinclude", "parsed-literal",
                       "highlight", "prompt", "doctest", "testcode"})  # fmt: skip
_UNSEEN = frozenset({"toctree", "contents", "include", "index", "raw", "meta", "default-role",
                     "role", "only", "currentmodule", "module", "automodule", "class"})  # fmt: skip
_CODE = re.compile(r"``(?=\S)([^\n]{1,300}?)(?<=\S)``")
_MARKS: Marks = (
    (re.compile(r":sup(?:erscript)?:`([^`\n]{1,80})`"), lambda m: raised(m[1])),
    (re.compile(r":sub(?:script)?:`([^`\n]{1,80})`"), lambda m: lowered(m[1])),
    (
        re.compile(r"(?::[\w.+:-]{1,60}:)?`([^`<>]{1,500})<[^`<>]{1,1000}>`_{0,2}"),
        lambda m: m[1].rstrip(),
    ),
    (re.compile(r":[\w.+:-]{1,60}:`~?([^`]{1,500})`"), r"\1"),
    (re.compile(r"`([^`]{1,500})`_{0,2}"), r"\1"),
    (re.compile(r"\[(#?[\w-]{1,40})\]_(?!\w)"), lambda m: _mark(m[1])),
    (re.compile(r"\*\*(?=\S)([^*]{1,500})\*\*"), r"\1"),
    (re.compile(r"(?<![\w*])\*(?=[^\s*])([^*]{1,500})(?<=\S)\*(?![\w*])"), r"\1"),
    (re.compile(r"(?<=\w)__?(?=[\s.,;:!?)]|$)"), ""),
    (re.compile(r"\\(?=\s)\s|\\(?=[^\w\s])"), ""),
)


def read_rst(text: str) -> tuple[tuple[Block, ...], int, str]:
    """Parses reStructuredText; returns blocks, the number of pictures, and "" (its title is a
    heading)."""
    reader = _Rst(LINE_ENDS.sub("\n", text).expandtabs(8).split("\n"))
    reader.read()
    return tuple(reader.made.blocks), reader.made.pictures, ""


class _Rst:
    def __init__(self, lines: Sequence[str]) -> None:
        self.made = BlockCollector(lambda part: clean_marks(part, _CODE, _MARKS))
        self._lines = lines
        self._levels: list[str] = []
        """The marks of headings, highest first: each is the underline, after an overline's."""
        self._indents: list[int] = []
        self._number = 0
        self._literal = False
        """Whether the last paragraph ended with `::`, so that code comes next."""

    def read(self) -> None:
        at = 0
        while at < len(self._lines):
            at = self._step(at)
        self.made.close()

    def _line(self, at: int) -> str:
        return self._lines[at] if at < len(self._lines) else ""

    def _step(self, at: int) -> int:
        """Read what begins at a line; returns the line after it."""
        line = self._lines[at]
        if not line.strip():
            self.made.close()
            return at + 1
        if self._literal and indent_of(line) > 0 and not self.made.is_open:
            return self._take_code(at, 1, "")
        self._literal = False
        heading = self._heading(at)
        if heading:
            return heading
        directive = _DIRECTIVE.match(line)
        if directive:
            return self._take_directive(at, directive[1].lower(), directive[2])
        note = _NOTE.match(line)
        if note:
            self.made.close()
            self.made.line(f"{_mark(note[1])} {note[2]}", "note")
            return at + 1
        if _COMMENT.match(line):
            self.made.close()
            alone = line.strip() == ".." and not self._line(at + 1).strip()
            return at + 1 if alone else self._end_of_body(at)  # what is below an empty one is shown
        if _GRID.match(line) or _SIMPLE.match(line):
            return self._take_table(at)
        if _UNDERLINE.match(line) and not self.made.is_open and not self._line(at + 1).strip():
            return at + 1  # a transition
        self._take_text(line)
        return at + 1

    def _heading(self, at: int) -> int:
        """The line after a heading that begins here; 0 where none does."""
        over = _UNDERLINE.match(self._lines[at])
        text = self._line(at + 1 if over else at)
        under = self._line(at + 2 if over else at + 1)
        mark = _UNDERLINE.match(under)
        if (
            not mark
            or not text.strip()
            or self.made.is_open
            or len(under.rstrip()) < min(len(text.strip()), 4)
            or (over and over[0].strip() != under.strip())
            or (not over and text[0] == " ")
            or _UNDERLINE.match(text)
        ):
            return 0
        kind = mark[1] * (2 if over else 1)
        if kind not in self._levels:
            self._levels.append(kind)
        self.made.heading(self._levels.index(kind) + 1, text)
        self._indents = []
        return at + (3 if over else 2)

    def _take_directive(self, at: int, name: str, argument: str) -> int:
        self.made.close()
        end = self._end_of_body(at)
        name = name.rpartition(":")[2]
        if name in _LISTINGS:
            return self._take_code(at + 1, indent_of(self._lines[at]) + 1, argument, end)
        if name in ("image", "figure"):
            self.made.pictures += 1
            for line in self._lines[at + 1 : end]:
                if line.strip().startswith(":alt:"):
                    self.made.line(line.partition(":alt:")[2])
                    self.made.close()
        if name in _UNSEEN or name == "image":
            return end
        if name in ("list-table", "csv-table"):
            self.made.caption = argument
            self.made.table(*read_listed_table(name, self._lines[at + 1 : end]))
            return end
        if argument and name != "figure":
            label = "" if name in ("math", "replace", "rubric", "table",
                                   "topic", "admonition") else f"{name.capitalize()}: "  # fmt: skip
            self.made.line(f"{label}{argument}")
        elif name in ("note", "warning", "tip", "important", "caution", "danger", "hint"):
            self.made.line(f"{name.capitalize()}:")
        at += 1
        while at < end and _OPTION.match(self._lines[at]):
            at += 1
        return at  # what is indented below is text as any

    def _end_of_body(self, at: int) -> int:
        """The line after what is indented below a line."""
        margin = indent_of(self._lines[at])
        end = at + 1
        after = end
        while end < len(self._lines):
            if self._lines[end].strip():
                if indent_of(self._lines[end]) <= margin:
                    break
                after = end + 1
            end += 1
        return after

    def _take_code(self, at: int, margin: int, language: str, end: int = 0) -> int:
        self._literal = False
        while at < (end or len(self._lines)) and _OPTION.match(self._lines[at]):
            at += 1
        begin = at
        while at < (end or len(self._lines)) and (
            not self._lines[at].strip() or indent_of(self._lines[at]) >= margin
        ):
            at += 1
        self.made.code(self._lines[begin:at], language)
        return max(at, end)

    def _take_text(self, line: str) -> None:
        indent = indent_of(line)
        item = _ITEM.match(line)
        listed = item and not (self.made.is_open and not self.made.in_item)
        if item and listed:
            while self._indents and self._indents[-1] >= indent:
                self._indents.pop()
            if not self.made.in_item and not self._indents:
                self._number = 0
            self._indents.append(indent)
            mark = item[1]
            if "#" in mark:
                self._number += 1
                mark = mark.replace("#", str(self._number))
            self.made.item(item[2], "-" if mark in "-*+•" else mark, len(self._indents) - 1)
            return
        if self.made.in_item and self._indents and indent <= self._indents[-1]:
            self.made.close()
        if not indent:
            self._indents = []
        text = line.strip()
        field = _FIELD.match(text) if not self.made.is_open else None
        if text.endswith("::"):
            self._literal = True
            text = text[:-1] if len(text) > 2 and text[-3] != " " else text[:-2].strip()
        if text:
            self.made.line(f"{field[1]}: {field[2]}" if field else text)
            if field:
                self.made.close()

    def _take_table(self, at: int) -> int:
        self.made.close()
        end = at
        grid = bool(_GRID.match(self._lines[at]))
        rules = 0
        while end < len(self._lines) and self._lines[end].strip():
            end += 1
            rules += bool(_SIMPLE.match(self._lines[end - 1]))
            if not grid and rules == 3:
                break
        lines = self._lines[at:end]
        rows, header = _read_grid(lines) if grid else _read_simple(lines)
        self.made.table(rows, header)
        return end


def _read_grid(lines: Sequence[str]) -> tuple[list[list[str]], int]:
    """The rows of a table that is drawn with `+---+` and `|`, and how many are its header."""
    rows: list[list[str]] = []
    header, new = 0, True
    for line in lines:
        if line.strip().startswith("+"):
            if "=" in line and not header:
                header = len(rows)
            new = True
            continue
        cells = line.strip().strip("|").split("|")
        if new:
            rows.append([cell.strip() for cell in cells])
            new = False
        else:
            for at, cell in enumerate(cells[: len(rows[-1])]):
                rows[-1][at] = f"{rows[-1][at]} {cell.strip()}".strip()
            rows[-1] += [cell.strip() for cell in cells[len(rows[-1]) :]]
    return rows, header


def _read_simple(lines: Sequence[str]) -> tuple[list[list[str]], int]:
    """The rows of a table whose columns are as wide as the `=` above them."""
    starts = [found.start() for found in re.finditer(r"=+", lines[0])]
    rows: list[list[str]] = []
    rules: list[int] = []
    for line in lines:
        if _SIMPLE.match(line):
            rules.append(len(rows))
            continue
        cells = _cut_columns(line, starts)
        if not cells[0] and rows and len(rows) not in rules:
            rows[-1] = [f"{a} {b}".strip() for a, b in zip(rows[-1], cells, strict=True)]
        else:
            rows.append(cells)
    return rows, rules[1] if len(rules) > 2 else 0


def _cut_columns(line: str, starts: Sequence[int]) -> list[str]:
    """The cells of a line, whose Chinese characters and their like are as wide as two others."""
    cells = [""] * len(starts)
    at = column = 0
    for character in line:
        while at + 1 < len(starts) and column >= starts[at + 1]:
            at += 1
        cells[at] += character
        if unicodedata.east_asian_width(character) in "WF":
            column += 2
        elif not unicodedata.combining(character):
            column += 1
    return [cell.strip() for cell in cells]


def _mark(name: str) -> str:
    name = name.removeprefix("#")
    return raised(name) if name.isdecimal() and name.isascii() else f"[{name or '*'}]"
