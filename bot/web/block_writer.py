"""Writes the blocks of a document while somebody walks through its elements."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable
from functools import partial
from typing import Any

from bot.skills.document_tree import Block, Code, Paragraph
from bot.web.block_sink import BlockSink, Exit, Kind
from bot.web.html_tree import names_of, style_of
from bot.web.inline_text import InlineText
from bot.web.list_markers import ListCounter, list_counter
from bot.web.table_reader import TableReader

_BLOCK_TAGS = frozenset({
    "address", "article", "aside", "blockquote", "body", "caption", "center", "dd", "details",
    "dir", "div", "dl", "dt", "fieldset", "figcaption", "figure", "footer", "form", "h1", "h2",
    "h3", "h4", "h5", "h6", "header", "hgroup", "hr", "html", "legend", "li", "listing", "main",
    "menu", "nav", "ol", "p", "plaintext", "pre", "search", "section", "summary", "table",
    "tbody", "td", "tfoot", "th", "thead", "tr", "ul", "xmp",
})  # fmt: skip
_ENDS_HEADING_TAGS = frozenset({
    "blockquote", "dl", "h1", "h2", "h3", "h4", "h5", "h6", "ol", "pre", "table", "ul",
})  # fmt: skip
_BLOCK_STYLE = re.compile(r"display\s*:\s*(?:block|flex|grid|table|list-item)")
_LANGUAGE = re.compile(
    r"(?:^|\s)(?:language|lang|highlight-source|highlight|brush)[-:]\s*([\w+#-]+)|"
    r"\bsourceCode\s+(\w+)"
)
_NO_LANGUAGES = frozenset({"default", "none", "text", "plaintext", "plain", "notranslate"})
_WORD_LIST = re.compile(r"mso-list\s*:\s*\w+\s+level(\d)")
_DOCS_LIST = re.compile(r"\blst-kix_\w+-(\d)\b")
_NUMBER_NAMES = re.compile(
    r"(?:^|\s)(?:section-number|header-section-number|secno|sectnum|toc-?number)(?:$|\s)"
)
_NOTE_ROLES = re.compile(r"(?:foot|end|rear)note")


class BlockWriter:
    """Takes elements and texts in their order, and makes blocks of them."""

    def __init__(self, left_out: Counter[str], layout_tables: set[Any]) -> None:
        self._sink = BlockSink()
        self._exits: list[Exit] = []
        self._left_out = left_out
        self._line = InlineText(left_out)
        self._tables = TableReader(self._sink, layout_tables, self._flush)
        self._lists: list[ListCounter] = []
        self._depths: list[int] = []
        self._terms: list[list[str]] = []
        self._heading = 0
        self._number = ""
        self._pre: list[str] | None = None
        self._bold = 0

    def start(self, element: Any, tag: str) -> None:
        """Take the beginning of an element."""
        self._exits.append(self._enter(element, tag))

    def end(self) -> None:
        """Take the end of the element that began last."""
        self._exits.pop()()

    def add_text(self, text: str | None) -> None:
        """Take a piece of text, as it stands in the source."""
        if not text:
            return
        if self._pre is not None:
            self._pre.append(text)
            return
        self._line.add(text)
        if not self._bold and not text.isspace():
            self._tables.note_plain_text()

    def add_formula(self, formula: str, *, display: bool) -> None:
        """Take a formula in LaTeX; one on `display` stands in a line of its own."""
        if display and formula.strip() and not self._sink.cells and not self._heading:
            self._flush()
            self._sink.put(Paragraph(formula.strip(), "formula"))
        else:
            self._line.add(formula)

    def leave_out(self, what: str) -> None:
        """Count something that is seen and not read."""
        self._left_out[what] += 1

    def finish(self) -> tuple[Block, ...]:
        """Return all blocks."""
        self._flush()
        self._sink.close_item()
        return tuple(self._sink.blocks)

    def _flush(self) -> None:
        """Write the line that was read so far."""
        text = self._line.take()
        if self._heading:
            level, self._heading = self._heading, 0
            self._sink.add_heading(level, text, self._number)
        else:
            self._sink.add_text(text)

    def _enter(self, element: Any, tag: str) -> Exit:
        if self._pre is not None:
            return self._enter_in_pre(tag)
        is_block = _BLOCK_STYLE.search(style_of(element)) and not self._is_label(element, tag)
        if tag not in _BLOCK_TAGS and not is_block:
            return self._enter_inline(element, tag)
        if self._heading and tag not in _ENDS_HEADING_TAGS:
            self._line.add(" ")
            return partial(self._line.add, " ")
        if tag in ("td", "th") and self._tables.is_flat:
            self._line.add("; " if self._line else "")
            return _do_nothing
        self._flush()
        enter = _ENTERS.get(tag)
        return self._tables.enter(element, tag) if enter is None else enter(self, element)

    # --- Within a line, headings and listings ---------------------------------------------------

    def _enter_inline(self, element: Any, tag: str) -> Exit:
        style = style_of(element)
        if tag in ("b", "strong") or "font-weight" in style:
            self._bold += 1
            return self._leave_bold
        if (
            "mso-list" in style
            or _NUMBER_NAMES.search(names_of(element))
            or self._is_label(element, tag)
        ):
            before = self._line.take()
            return partial(self._leave_number, before)
        return self._line.enter(element, tag, in_cell=bool(self._sink.cells))

    def _is_label(self, element: Any, tag: str) -> bool:
        """Whether an element stands beside an item and before its text, as LibreOffice's do."""
        return tag == "span" and "float" in style_of(element) and self._sink.fresh_item is not None

    def _leave_bold(self) -> None:
        self._bold -= 1

    def _leave_number(self, before: str) -> None:
        """Take the number before a heading or an item, which Word and others write themselves."""
        number = self._line.take()
        self._line.add(before)
        item = self._sink.fresh_item
        if self._heading and not before:
            self._number = number
        elif item and not before:
            item.marker = number if any(map(str.isdecimal, number)) or number[1:] else "-"
        else:
            self._line.add(f"{number} ")

    def _enter_heading(self, element: Any, level: int) -> Exit:
        self._heading, self._number = level, ""
        return self._flush

    def _enter_pre(self, element: Any) -> Exit:
        self._pre = []
        return partial(self._leave_pre, _language(element))

    def _enter_in_pre(self, tag: str) -> Exit:
        if tag == "br" and self._pre is not None:
            self._pre.append("\n")
        if tag not in _BLOCK_TAGS:
            return _do_nothing
        self._end_code_line()
        return self._end_code_line

    def _end_code_line(self) -> None:
        if self._pre and not self._pre[-1].endswith("\n"):
            self._pre.append("\n")

    def _leave_pre(self, language: str) -> None:
        text = "".join(self._pre or ()).replace("\xa0", " ").replace("\r\n", "\n").strip("\n")
        self._pre = None
        if not text.strip():
            return
        if self._sink.cells:
            self._sink.cells[-1].extend(text.split("\n"))
        else:
            self._sink.put(Code(text, language))

    # --- Lists ----------------------------------------------------------------------------------

    def _enter_list(self, element: Any) -> Exit:
        self._lists.append(list_counter(element))
        named = _DOCS_LIST.search(names_of(element))
        self._depths.append(int(named[1]) if named else len(self._depths))
        return self._leave_list

    def _leave_list(self) -> None:
        self._flush()
        self._lists.pop()
        self._depths.pop()

    def _enter_item(self, element: Any) -> Exit:
        marker = self._lists[-1].mark(element) if self._lists else "-"
        around = element.getparent()
        if around is not None and "inline-task-list" in names_of(around):
            marker = "[x]" if "checked" in names_of(element).split() else "[ ]"
        if self._sink.cells:
            self._line.add("" if marker == "-" else f"{marker} ")
            return self._flush
        return self._open_item(marker)

    def _open_item(self, marker: str, prefix: str = "") -> Exit:
        self._sink.open_item(marker, self._depths[-1] if self._depths else 0, prefix)
        return self._leave_item

    def _leave_item(self) -> None:
        self._flush()
        self._sink.end_item()

    def _enter_paragraph(self, element: Any) -> Exit:
        word = _WORD_LIST.search(style_of(element))
        if word is None or self._sink.cells:
            return self._flush
        self._sink.open_item("-", max(0, int(word[1]) - 1))
        return self._leave_item

    def _enter_definitions(self, element: Any) -> Exit:
        self._lists.append(ListCounter())
        self._depths.append(len(self._depths))
        self._terms.append([])
        return self._leave_definitions

    def _leave_definitions(self) -> None:
        self._flush()
        self._end_terms()
        self._terms.pop()
        self._lists.pop()
        self._depths.pop()

    def _end_terms(self) -> None:
        """Write terms that have no definition."""
        if self._terms[-1] and not self._sink.cells:
            self._open_item("-")
            self._sink.add_text(", ".join(self._terms[-1]))
            self._sink.end_item()

    def _enter_term(self, element: Any) -> Exit:
        if self._sink.cells or not self._terms:
            return self._flush
        self._sink.close_item()
        self._sink.cells.append([])
        return self._leave_term

    def _leave_term(self) -> None:
        self._flush()
        lines = self._sink.cells.pop()  # several where the terms are not closed
        term = ", ".join(" ".join(line.split()) for line in lines)
        if term:
            self._terms[-1].append(term)

    def _enter_definition(self, element: Any) -> Exit:
        if self._sink.cells or not self._terms:
            return self._flush
        prefix = ", ".join(self._terms[-1])
        self._terms[-1].clear()
        return self._open_item("-", prefix)

    # --- Quotations, notes and figures ----------------------------------------------------------

    def _enter_kind(self, element: Any, kind: Kind) -> Exit:
        self._sink.kinds.append(kind)
        return self._leave_kind

    def _leave_kind(self) -> None:
        self._flush()
        self._sink.kinds.pop()

    def _enter_aside(self, element: Any) -> Exit:
        says = f"{element.get('role', '')} {element.get('epub:type', '')} {names_of(element)}"
        return self._enter_kind(element, "note") if _NOTE_ROLES.search(says) else self._flush

    def _enter_figure(self, element: Any) -> Exit:
        self._sink.close_item()
        return partial(self._leave_figure, len(self._sink.blocks))

    def _leave_figure(self, first: int) -> None:
        self._flush()
        self._sink.join_figure(first)


def _do_nothing() -> None:
    return


def _language(pre: Any) -> str:
    """The language of a listing, by the names of its own, its code's, or what is around it."""
    code = pre.find(".//code")
    for element in (code, pre, pre.getparent(), *pre.iterancestors()):
        if element is None:
            continue
        found = _LANGUAGE.search(names_of(element))
        if found and (name := (found[1] or found[2]).lower()) not in _NO_LANGUAGES:
            return name
        if element is not code and element is not pre and element.tag != "div":
            break
    return ""


_ENTERS: dict[str, Callable[[BlockWriter, Any], Exit]] = {
    **{f"h{level}": partial(BlockWriter._enter_heading, level=level) for level in range(1, 7)},
    **dict.fromkeys(("ul", "ol", "menu", "dir"), BlockWriter._enter_list),
    **dict.fromkeys(("pre", "xmp", "listing", "plaintext"), BlockWriter._enter_pre),
    "li": BlockWriter._enter_item,
    "p": BlockWriter._enter_paragraph,
    "dl": BlockWriter._enter_definitions,
    "dt": BlockWriter._enter_term,
    "dd": BlockWriter._enter_definition,
    "blockquote": partial(BlockWriter._enter_kind, kind="quote"),
    "figcaption": partial(BlockWriter._enter_kind, kind="caption"),
    "aside": BlockWriter._enter_aside,
    "figure": BlockWriter._enter_figure,
}
