"""Parses Markdown and plain text into blocks, with markdown-it-py.

Markdown is CommonMark with tables, task lists and footnotes. Plain text has the same blocks
(headings, lists, fences, tables), and its characters stay as they are: `2*3*4`, `<name>`, `&amp;`.
Whatever is nested too deeply stays as text.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Literal

from bot.knowledge.loading.markup.markdown_inline import InlineText, Pictures, footnote_mark
from bot.skills.document_tree import Block, Code, Heading, ListItem, Paragraph, Table

if TYPE_CHECKING:
    from collections.abc import Sequence

    from markdown_it import MarkdownIt
    from markdown_it.rules_block import StateBlock
    from markdown_it.token import Token

_LINE_ENDS = re.compile("\r\n?|[\x0b\x0c\x85\u2028\u2029]")
_FRONT_MATTER = re.compile(r"---\n(.*?)\n(?:---|\.\.\.)[ \t]*(?:\n|$)", re.DOTALL)
_FRONT_MATTER_CHARACTERS = 4_000
_FRONT_MATTER_TITLE = re.compile(r"^title:[ \t]++(\S.*)", re.MULTILINE)
_TASK = re.compile(r"\[([ xX])\][ \t\n]+(?=\S)")
_FOOTNOTE = re.compile(r"\[\^([\w.-]{1,40})\]:[ \t]*")
_CELL_SEPARATOR = re.compile(r"(?<!\\)\|")
_MAX_UNDERLINED_CHARACTERS = 200
"""The longest line that a row of `=` or `-` below it makes a heading."""
_MAX_LEVEL = 60
"""How deeply blocks are nested, where a list counts twice."""
_MAX_PARSED_HTML_BLOCKS = 100
"""Pieces of HTML in a document that are parsed as pages are; of further ones the tags are left
out."""
_STRUCTURE = re.compile(r"<(?:table|ul|ol|dl|h[1-6]|pre|details)\b", re.IGNORECASE)


def read_markdown(text: str) -> tuple[Block, ...]:
    """Parses Markdown into blocks."""
    return parse_markdown(text)[0]


def parse_markdown(text: str, *, plain: bool = False) -> tuple[tuple[Block, ...], int]:
    """Parses Markdown (or plain text) into blocks; also returns the number of its pictures."""
    text = _LINE_ENDS.sub("\n", text).replace("\0", "\ufffd")
    front = _FRONT_MATTER.match(text[:_FRONT_MATTER_CHARACTERS])
    blocks: list[Block] = []
    if front:
        blocks.append(Paragraph(front[1].strip("\n")))
        text = text[front.end() :]
    env: dict[str, Any] = {}
    tokens = _parser(plain).parse(text, env)
    pictures = Pictures()
    walk = _Walk(text.split("\n"), None if plain else InlineText(env, pictures))
    blocks.extend(walk.read(tokens))
    return tuple(blocks), pictures.count


def front_matter_title(text: str) -> str:
    """Returns the title that a text says of itself before it begins, or ""."""
    front = _FRONT_MATTER.match(_LINE_ENDS.sub("\n", text[:_FRONT_MATTER_CHARACTERS]))
    title = _FRONT_MATTER_TITLE.search(front[0]) if front else None
    return title[1].rstrip(" \t").strip("\"'")[:200] if title else ""


@lru_cache(maxsize=2)
def _parser(plain: bool) -> MarkdownIt:
    """A parser of blocks alone: `InlineText` reads what is in them."""
    from markdown_it import MarkdownIt

    parser = MarkdownIt("commonmark", {"maxNesting": 2 * _MAX_LEVEL}).enable("table")
    parser.disable(["inline", "text_join"])
    parser.block.ruler.before("table", "deep", _keep_deep)
    if plain:
        parser.disable(["code", "html_block", "reference"])
    else:
        parser.block.ruler.before("reference", "footnote", _footnote)
    return parser


def _keep_deep(state: StateBlock, start: int, end: int, silent: bool) -> bool:
    """A block rule: what is nested too deeply, and would be dropped, becomes a paragraph."""
    if state.level < _MAX_LEVEL:
        return False
    if not silent:
        _push_paragraph(state, state.getLines(start, end, state.blkIndent, False), "text")
        state.line = end
    return True


def _footnote(state: StateBlock, start: int, end: int, silent: bool) -> bool:
    """A block rule: the text of a footnote, `[^1]: ...`, with the lines that go on."""
    first = state.src[state.bMarks[start] + state.tShift[start] : state.eMarks[start]]
    mark = _FOOTNOTE.match(first)
    if mark is None or state.is_code_block(start):
        return False
    if silent:
        return True
    after = start + 1
    while after < end and not state.isEmpty(after):
        line = state.src[state.bMarks[after] + state.tShift[after] : state.eMarks[after]]
        if _FOOTNOTE.match(line):
            break
        after += 1
    rest = state.getLines(start + 1, after, state.blkIndent, False)
    lines = [first[mark.end() :], *(line.strip() for line in rest.split("\n"))]
    text = "\n".join(filter(None, lines))
    _push_paragraph(state, f"{footnote_mark(mark[1])} {text}", "note")
    state.line = after
    return True


def _push_paragraph(state: StateBlock, content: str, kind: str) -> None:
    opened = state.push("paragraph_open", "p", 1)
    opened.info = kind
    inline = state.push("inline", "", 0)
    inline.content = content.strip()
    inline.children = []
    state.push("paragraph_close", "p", -1)


class _Walk:
    """Makes blocks of the parser's tokens. Without `inline` texts stay as they are."""

    def __init__(self, lines: Sequence[str], inline: InlineText | None) -> None:
        self._lines = lines
        self._inline = inline
        self._made: list[Block] = []
        self._lists: list[str] = []
        """What marks the items of the lists around a block: `-`, or the `.` of `3.`."""
        self._quotes = 0
        self._marker = ""
        """The marker of an item whose text is still to come."""
        self._item: list[str] = []
        """The paragraphs of the item that is being read."""
        self._item_marker = ""
        self._html: list[str] = []
        """Pieces of HTML that follow each other."""
        self._parsed_html = 0

    def read(self, tokens: Sequence[Token]) -> list[Block]:
        """The blocks in reading order; further paragraphs of an item are lines of its text."""
        for at, token in enumerate(tokens):
            if token.type != "html_block" and self._html:
                self._end_html()
            match token.type:
                case "inline":
                    self._add_inline(tokens[at - 1], token.content)
                case "fence" | "code_block":
                    self._add_code(token)
                case "html_block":
                    self._html.append(token.content)
                case "bullet_list_open" | "ordered_list_open":
                    self._end_item()
                    self._lists.append(token.markup if token.type[0] == "o" else "-")
                case "bullet_list_close" | "ordered_list_close":
                    self._end_item()
                    self._lists.pop()
                case "list_item_open":
                    self._end_item()
                    mark = self._lists[-1]
                    self._marker = mark if mark == "-" else f"{token.info}{mark}"
                case "list_item_close":
                    self._end_item()
                    self._marker = ""
                case "blockquote_open" | "blockquote_close":
                    self._end_item()
                    self._quotes += token.nesting
                case "table_open":
                    self._add(self._table(tokens, at, token))
        self._end_html()
        return self._made

    def _add(self, *blocks: Block) -> None:
        """Add blocks that are no text of the item before them."""
        self._end_item()
        if self._marker and blocks:
            self._made.append(ListItem("", self._marker, len(self._lists) - 1))
            self._marker = ""
        self._made.extend(blocks)

    def _add_text(self, text: str, kind: Literal["text", "quote", "note"] = "text") -> None:
        if not text:
            return
        if self._lists and kind == "text":
            if self._marker:
                self._end_item()
                self._item_marker, self._marker = self._marker, ""
                task = _TASK.match(text)
                if task:
                    self._item_marker, text = f"[{task[1].lower()}]", text[task.end() :]
            if self._item_marker:
                self._item.append(text)
                return
        self._add(Paragraph(text, "quote" if self._quotes and kind == "text" else kind))

    def _end_item(self) -> None:
        if self._item:
            text = "\n".join(self._item)
            self._made.append(ListItem(text, self._item_marker, len(self._lists) - 1))
        self._item, self._item_marker = [], ""

    def _add_inline(self, opened: Token, content: str) -> None:
        if opened.type == "paragraph_open":
            self._add_text(self._text(content), "note" if opened.info == "note" else "text")
        elif opened.type == "heading_open":
            underlined = opened.markup in ("=", "-")
            if underlined and ("\n" in content or len(content) > _MAX_UNDERLINED_CHARACTERS):
                self._add_text(self._text(content))
                return
            text = " ".join(self._text(content, code_marks=False).split())
            if self._lists or self._quotes:
                self._add_text(text)
            elif text:
                self._add(Heading(int(opened.tag[1]), text))

    def _add_code(self, token: Token) -> None:
        words = token.info.split(maxsplit=1)
        text = token.content.removesuffix("\n")
        if text.strip():
            self._add(Code(text, words[0].strip("{}.")[:40] if words else ""))

    def _table(self, tokens: Sequence[Token], at: int, opened: Token) -> Table:
        """A table; its first row of values is its header where that is empty, as converters leave
        it. Cells that stand behind the columns are kept."""
        rows: list[list[str]] = []
        while tokens[at].type != "table_close":
            token = tokens[at]
            if token.type == "tr_open":
                rows.append([])
                line = token.map[0] if token.map else -1
            elif token.type == "inline":
                rows[-1].append(self._text(token.content))
            elif token.type == "tr_close" and opened.level == 0 and 0 <= line < len(self._lines):
                cells = split_cells(self._lines[line])
                rows[-1] += [self._text(cell) for cell in cells[len(rows[-1]) :]]
            at += 1
        if len(rows) > 1 and not any(rows[0]):
            rows = rows[1:]
        return Table(tuple(map(tuple, rows)), 1)

    def _end_html(self) -> None:
        html, self._html = "".join(self._html), []
        if not html or self._inline is None:
            return
        text = self._inline.without_tags(html)
        if not text:
            return
        if _STRUCTURE.search(html) and self._parsed_html < _MAX_PARSED_HTML_BLOCKS:
            self._parsed_html += 1
            self._add(*_read_html(html))
        else:
            for paragraph in text.split("\n\n"):
                self._add_text(paragraph.strip())

    def _text(self, content: str, *, code_marks: bool = True) -> str:
        if self._inline is None:
            return content.strip()
        return self._inline.read(content, code_marks=code_marks).strip()


def _read_html(html: str) -> tuple[Block, ...]:
    from bot.web.html_blocks import blocks_of_html

    return blocks_of_html(html)


def split_cells(line: str) -> list[str]:
    """Splits a line of a Markdown table into its cells."""
    inner = line.strip().removeprefix("|")
    if inner.endswith("|") and not inner.endswith("\\|"):
        inner = inner[:-1]
    return [cell.strip().replace("\\|", "|") for cell in _CELL_SEPARATOR.split(inner)]
