"""Parses AsciiDoc into blocks."""

from __future__ import annotations

import re

from bot.knowledge.loading.markup.lines import (
    LINE_ENDS,
    BlockCollector,
    Marks,
    clean_marks,
)
from bot.skills.document_tree import Block, ListItem, lowered, raised
from bot.web.list_markers import ListCounter

_HEADING = re.compile(r"(={1,6}|#{1,6})[ \t]++(\S.*)")
_SETTING = re.compile(r":!?[\w-]+!?:(?:[ \t].*)?$")
_ATTRIBUTES = re.compile(r"\[(?:[^\[\]]*|\[[^\[\]]*\])\]$")
_LIST_STYLES = {
    "arabic": "1", "decimal": "1", "loweralpha": "a", "lowerroman": "i", "upperalpha": "A",
    "upperroman": "I",
}  # fmt: skip
_DEFAULT_STYLES = "1aiAI"
"""How lists are numbered, by the lists around them."""
_START = re.compile(r"\bstart=\"?(\d{1,9})\b")
_SOURCE = re.compile(r"\[(?:source|,)[^\],]*,?\s*([\w+#-]*)")
_DELIMITER = re.compile(
    r"(-{4,}|\.{4,}|\+{4,}|/{4,}|={4,}|\*{4,}|_{4,}|--|```\w*|[|,!:]={3,})[ \t]*$"
)
_ITEM = re.compile(r"[ \t]*(\*{1,6}|-|\.{1,6}|\d{1,9}\.|<\d{1,3}>)[ \t]++(\S.*)")
_TERM = re.compile(r"[ \t]*(\S.*?)(?::{2,4}|;;)(?:[ \t]++(.*)|$)")
_MACRO = re.compile(
    r"(image|include|toc|video|audio|ifdef|ifndef|endif|ifeval)::([^\s\[\]]*+)\[([^\]]*+)\]$"
)
_CELLS = re.compile(
    r"(?<!\\)(?:\d{1,3}(?:\.\d{1,3})?\+|\.\d{1,3}\+|\d{1,3}\*)?[<^>.]{0,4}[adehlmsv]?\|(?!=)"
)
_CODE = re.compile(r"(?<![\w`])`\+?(?=[^\s`])([^`\n]{1,300}?)(?<=\S)\+?`(?![\w`])")
_MARKS: Marks = (
    (re.compile(r"image:[^\s\[\]:][^\s\[\]]{0,500}\[([^\[\]]{0,500})\]"), r"\1"),
    (re.compile(r"(?:link|mailto|xref):[^\s\[\]]{1,500}\[([^\[\]]{1,500})\]"), r"\1"),
    (re.compile(r"https?://[^\s\[\]]{1,1000}\[([^\[\],\"]{1,500})[^\[\]]{0,200}\]"), r"\1"),
    (re.compile(r"(https?://[^\s\[\]]{1,1000})\[\]"), r"\1"),
    (re.compile(r"<<[^<>,]{1,300},\s?([^<>]{1,300})>>"), r"\1"),
    (re.compile(r"footnote:\w{0,40}\[([^\[\]]{1,1000})\]"), r" (\1)"),
    (re.compile(r"\[\[[\w.:-]{1,200}\]\]|\[#[\w.-]{1,200}\](?=[#*_`])"), ""),
    (re.compile(r"\^([^\s^]{1,80})\^"), lambda m: raised(m[1])),
    (re.compile(r"~([^\s~]{1,80})~"), lambda m: lowered(m[1])),
    (re.compile(r"([*_#])\1(?=\S)((?:(?!\1)[^\n]){1,500})\1\1"), r"\2"),
    *[(re.compile(r"(?<!\w)([*_#])(?=\S)((?:(?!\1)[^\n]){1,500})(?<=\S)\1(?!\w)"), r"\2")] * 2,
    (re.compile(r"[ \t]\+$", re.MULTILINE), ""),
)  # fmt: skip


def read_asciidoc(text: str) -> tuple[tuple[Block, ...], int, str]:
    """Parses AsciiDoc; returns blocks, the number of pictures, and "" (its title is a heading)."""
    reader = _AsciiDoc()
    for line in LINE_ENDS.sub("\n", text).split("\n"):
        reader.take(line)
    reader.end()
    return tuple(reader.made.blocks), reader.made.pictures, ""


class _AsciiDoc:
    def __init__(self) -> None:
        self.made = BlockCollector(lambda part: clean_marks(part, _CODE, _MARKS))
        self._delimiter = ""
        """What ends the listing, table or comment that is being read."""
        self._inside: list[str] = []
        self._language = ""
        self._has_header = False
        self._quotes: list[str] = []
        self._lists: list[ListCounter] = []
        self._told: tuple[str, int] | None = None
        """How the list that comes next is numbered."""

    def take(self, line: str) -> None:
        bare = line.rstrip()
        if self._delimiter:
            if bare == self._delimiter:
                self._end_delimited()
            else:
                self._inside.append(line)
            return
        delimiter = _DELIMITER.match(line)
        if delimiter and not (delimiter[1][0] in "=-" and self.made.is_open and len(bare) > 4):
            self._begin_delimited(bare)
        elif not bare:
            self.made.close()
        elif not self._take_setting(bare):
            self._take_text(line)

    def end(self) -> None:
        if self._delimiter:
            self._end_delimited()
        self.made.close()

    def _begin_delimited(self, bare: str) -> None:
        self.made.close()
        if bare[0] in "-.+/`|,!:" and bare != "--":
            self._delimiter = "```" if bare.startswith("```") else bare
            self._language = self._language or bare.removeprefix("```").strip("-.+/|,!:=`")
        elif bare[0] == "_":  # what stands in the other ones is text as any
            self._quotes.clear() if self._quotes else self._quotes.append(bare)

    def _end_delimited(self) -> None:
        mark, lines, language = self._delimiter, self._inside, self._language
        self._delimiter, self._inside, self._language = "", [], ""
        if mark[0] in "|,!:":
            self._add_table(lines)
        elif mark[0] == "+":
            for line in lines:
                self.made.line(line)
            self.made.close()
        elif mark[0] != "/":
            self.made.code(lines, language)
        self._has_header = False

    def _add_table(self, lines: list[str]) -> None:
        header = self._has_header or (
            len(lines) > 2 and bool(lines[0].strip()) and not lines[1].strip()
        )
        rows: list[list[str]] = []
        width = 0
        for line in lines:
            found = list(_CELLS.finditer(line))
            if not found:
                if line.strip() and rows:
                    rows[-1][-1] += f" {line.strip()}"
                continue
            ends = [*(one.start() for one in found[1:]), len(line)]
            cells = [line[one.end() : end] for one, end in zip(found, ends, strict=True)]
            width = width or len(cells)
            if rows and len(rows[-1]) + len(cells) <= width:
                rows[-1] += cells  # cells of one row may stand in lines of their own
            else:
                rows.append(cells)
        self.made.table([[c.replace("\\|", "|") for c in row] for row in rows], int(header))

    def _take_setting(self, bare: str) -> bool:
        """Whether a line is no text: a comment, a setting, what an include or a picture says."""
        macro = _MACRO.match(bare)
        if macro:
            self.made.close()
            if macro[1] == "image":
                self.made.pictures += 1
                self.made.line(macro[3].split(",")[0].strip('"'))
                self.made.close()
            return True
        if self._take_list_style(bare):
            return True
        if _ATTRIBUTES.match(bare) and not self.made.is_open:
            source = _SOURCE.match(bare)
            self._language = source[1] if source else self._language
            self._has_header = self._has_header or "header" in bare
            return True
        if bare.startswith(".") and not bare.startswith((". ", "..")) and not self.made.is_open:
            self.made.caption = bare[1:]
            return True
        return bare in ("+", "<<<", "'''", "---", "***") or bool(
            (bare.startswith("//") and not bare.startswith("///"))
            or (_SETTING.match(bare) and not self.made.in_item)
        )

    def _take_list_style(self, bare: str) -> bool:
        """Whether a line says how the list below it is numbered: `[loweralpha, start=4]`."""
        if not _ATTRIBUTES.match(bare) or (self.made.is_open and not self.made.in_item):
            return False
        words = bare[1:-1].replace(",", " ").split()
        style = next((_LIST_STYLES[word] for word in words if word in _LIST_STYLES), "")
        start = _START.search(bare)
        if not style and not start:
            return False
        self._told = style, int(start[1]) if start else 1
        return True

    def _take_text(self, line: str) -> None:
        heading = _HEADING.match(line)
        item = _ITEM.match(line)
        term = _TERM.match(line) if not self.made.is_open or self.made.in_item else None
        if heading and not self.made.is_open:
            self.made.heading(len(heading[1]), heading[2])
            self._lists = []
        elif item:
            self._add_item(item[1], item[2])
        elif term and "://" not in term[1]:
            self.made.close()
            self.made.line(f"{term[1]}: {term[2] or ''}")
        else:
            self.made.line(line, "quote" if self._quotes else "text")

    def _add_item(self, mark: str, text: str) -> None:
        last = self.made.blocks[-1] if self.made.blocks else None
        if not self.made.in_item and not isinstance(last, ListItem):
            self._lists = []
        depth = len(mark) - 1 if mark[0] in "*." else 0
        if mark[0] == ".":
            del self._lists[depth + (self._told is None) :]
            while len(self._lists) <= depth:
                self._lists.append(ListCounter(_DEFAULT_STYLES[len(self._lists) % 5]))
            if self._told is not None:
                style, number = self._told
                self._lists[depth] = ListCounter(style or self._lists[depth].style, number)
                self._told = None
            mark = self._lists[depth].mark({})
        elif mark[0] in "*-":
            mark = "-"
        self.made.item(text, mark, depth)
