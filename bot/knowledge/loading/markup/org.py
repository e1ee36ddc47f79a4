"""Parses Org, the markup of Emacs, into blocks."""

from __future__ import annotations

import re

from bot.knowledge.loading.markup.lines import (
    LINE_ENDS,
    BlockCollector,
    Marks,
    clean_marks,
    indent_of,
)
from bot.skills.document_tree import Block, lowered, raised

_HEADING = re.compile(r"(\*++)[ \t]++(.*)")
_TAGS = re.compile(r"(?<![ \t])[ \t]++:(?:[\w@#%]++:)++[ \t]*+$")
_KEYWORD = re.compile(r"\s*#\+(\w+):?[ \t]*(.*)")
_DRAWER = re.compile(r"\s*:[\w-]+:\s*$")
_ITEM = re.compile(r"\s*([-+]|\d{1,9}[.)])(?:[ \t]++(.*)|$)")
_COUNTER = re.compile(r"\[@(?:\d{1,9}|[a-zA-Z])\][ \t]++")
"""What sets the number of an item, which stands before it as well."""
_RULE = re.compile(r"\s*+\|[-+|]*+\s*+$")
_NOTE = re.compile(r"\[fn:([\w-]{1,40})\][ \t]*(.*)")
_PICTURE = re.compile(r"\.(?:png|jpe?g|gif|svg|webp)$", re.IGNORECASE)
_LINK_ALONE = re.compile(r"\[\[([^\[\]]+)\]\]")
_VERBATIM = frozenset({"src", "example", "comment", "export"})
_CODE = re.compile(r"(?<![\w=~])[=~](?=[^\s=~])([^=~\n]{1,200})(?<=\S)[=~](?![\w=~])")
_MARKS: Marks = (
    (re.compile(r"\[\[[^\[\]]{1,500}\]\[([^\[\]]{1,500})\]\]"), r"\1"),
    (re.compile(r"\[\[([^\[\]]{1,500})\]\]"), r"\1"),
    (re.compile(r"\[fn:([\w-]{1,40})\]"), lambda m: _mark(m[1])),
    (re.compile(r"\^\{([^{}\n]{1,80})\}"), lambda m: raised(m[1])),
    (re.compile(r"_\{([^{}\n]{1,80})\}"), lambda m: lowered(m[1])),
    (re.compile(r"(?<=[\w)])\^([-+]?\d{1,20})(?!\w)"), lambda m: raised(m[1])),
    (re.compile(r"(?<=\d)--(?=\d)"), "–"),
    *[(re.compile(r"(?<!\w)([*/_+])(?=\S)((?:(?!\1)[^\n]){1,500})(?<=\S)\1(?!\w)"), r"\2")] * 2,
)  # fmt: skip


def read_org(text: str) -> tuple[tuple[Block, ...], int, str]:
    """Parses Org; returns blocks, the number of pictures, and the title that it names."""
    reader = _Org()
    for line in LINE_ENDS.sub("\n", text).split("\n"):
        reader.take(line)
    reader.end()
    return tuple(reader.made.blocks), reader.made.pictures, _clean(reader.title)


def _clean(text: str) -> str:
    return clean_marks(text, _CODE, _MARKS)


class _Org:
    """Takes one line after another."""

    def __init__(self) -> None:
        self.made = BlockCollector(_clean)
        self.title = ""
        self._block = ""
        """The kind of the block that is being read: `src`, `quote`."""
        self._language = ""
        self._code: list[str] = []
        self._rows: list[list[str]] = []
        self._header = 0
        self._in_drawer = False
        self._indents: list[int] = []

    def take(self, line: str) -> None:
        bare = line.strip()
        if self._block in _VERBATIM:
            self._take_verbatim(line, bare)
        elif self._in_drawer:
            self._in_drawer = bare.lower() != ":end:"
        else:
            self._end_rows(bare)
            if not (self._take_structure(line, bare) or self._take_literal(line, bare)):
                self._take_text(line, bare)

    def end(self) -> None:
        self._end_rows("")
        self.made.code(self._code, self._language)

    def _take_verbatim(self, line: str, bare: str) -> None:
        if not bare.lower().startswith(f"#+end_{self._block}"):
            self._code.append(line.removeprefix(",") if line.startswith((",*", ",#")) else line)
            return
        if self._block in ("src", "example"):
            self.made.code(self._code, self._language)
        self._block, self._code = "", []

    def _end_rows(self, bare: str) -> None:
        """End the table or the lines of code that no further line belongs to."""
        if self._rows and not bare.startswith("|"):
            self.made.table(self._rows, self._header)
            self._rows, self._header = [], 0
        if self._code and not bare.startswith(":"):
            self.made.code(self._code)
            self._code = []

    def _take_structure(self, line: str, bare: str) -> bool:
        """Whether a line is a heading, a keyword, a comment or a drawer."""
        heading = _HEADING.match(line)
        keyword = _KEYWORD.match(line)
        if heading:
            self.made.heading(len(heading[1]), _TAGS.sub("", heading[2]))
        elif keyword:
            self._take_keyword(keyword[1].lower(), keyword[2].strip())
        elif _DRAWER.match(line) and not self.made.is_open:
            self._in_drawer = True
        else:
            return bare == "#" or bare.startswith("# ")
        return True

    def _take_keyword(self, name: str, value: str) -> None:
        self.made.close()
        if name == "title":
            self.title = value
        elif name == "caption":
            self.made.caption = value
        elif name.startswith("begin_"):
            self._block = name.removeprefix("begin_")
            self._language = value.split()[0] if self._block == "src" and value else ""
        elif name.startswith("end_"):
            self._block = ""

    def _take_literal(self, line: str, bare: str) -> bool:
        """Whether a line is one of a table, or of code behind colons."""
        if bare.startswith("|"):
            self.made.close()
            if "-" not in line or not _RULE.match(line):
                self._rows.append(bare.strip("|").split("|"))
            elif len(self._rows) == 1:
                self._header = 1
            return True
        if bare == ":" or bare.startswith(": "):
            self.made.close()
            self._code.append(bare[2:])
            return True
        return False

    def _take_text(self, line: str, bare: str) -> None:
        note = _NOTE.match(line)
        item = _ITEM.match(line)
        indent = indent_of(line)
        if note:
            self.made.close()
            self.made.line(f"{_mark(note[1])} {note[2]}", "note")
        elif item:
            while self._indents and self._indents[-1] >= indent:
                self._indents.pop()
            self._indents.append(indent)
            marker = "-" if item[1] in "-+" else item[1]
            text = _COUNTER.sub("", item[2] or "").replace(" :: ", ": ", 1)
            self.made.item(text, marker, len(self._indents) - 1)
        elif not bare:
            self.made.close()
        else:
            if self._indents and indent <= self._indents[-1]:
                self.made.close()
                self._indents = []
            self.made.line(bare, "quote" if self._block == "quote" else "text")
            link = _LINK_ALONE.fullmatch(bare)
            self.made.pictures += bool(link and _PICTURE.search(link[1]))


def _mark(name: str) -> str:
    return raised(name) if name.isdecimal() and name.isascii() else f"[{name}]"
