"""Converts the lines of a PDF to Markdown: finds headings, tables and paragraphs."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from itertools import pairwise

from bot.knowledge.loading.pdf_lines import Cell, Line, join_lines, remove_running_lines

_HEADING_SIZE_RATIO = 1.1
"""Letters so many times as large as the text's are a heading's."""
_MAX_HEADING_CHARACTERS = 150
_MAX_HEADING_LEVEL = 4
_BULLET = re.compile(r"\s*(?:[•‣▪●○◦■□–*·-]|\(?(?:\d{1,3}|[a-zA-Z])[.)])\s+")
_BULLET_MARK = re.compile(r"\s*+[•‣▪●○◦■□·]\s*+")
_DOT_LEADERS = re.compile(r"\s*+[\divxl]*+\s*+(?:[.…·]\s*+){4}", re.IGNORECASE)
"""Dots before a page's number, read from the line's end."""
_SENTENCE_ENDS = (".", "!", "?", ":", ";", "…", "。", "！", "？", "”", '"', ")", "」")
_HYPHENATED = re.compile(r"\b\w+-\w+\b")
_MIN_TABLE_ROWS = 3
_WRAP_LOOKBACK_ROWS = 8
"""Rows above a line that are looked at for the cell that it goes on with."""
_MAX_PART_CHARACTERS = 4_000
_PART_END_CHARACTERS = 200
_MAX_TABLE_STARTS = 4
"""Lines of a run that are tried as the first of a table."""


def lines_to_markdown(pages: Sequence[Sequence[Line]]) -> str:
    """Returns the text of the pages as Markdown, in the order in which it was drawn."""
    kept, running = remove_running_lines(pages)
    lines = _remove_table_of_contents([line for page in kept for line in page])
    body = _body_size(lines)
    levels = _heading_levels(lines, body)
    made = _Blocks(lines, body)
    tried: Counter[int] = Counter()
    at = 0
    while at < len(lines):
        line = lines[at]
        end = (
            _find_row_run_end(lines, at)
            if len(line.cells) > 1 and tried[at] < _MAX_TABLE_STARTS
            else at
        )
        if _is_table(lines[at:end]):
            made.add_table(lines[at:end])
            at = end
            continue
        for later in range(at + 1, end) if end > at else ():
            tried[later] = tried[at] + 1
        if line.mono and not line.margin:
            end = at + 1
            while end < len(lines) and lines[end].mono:
                end += 1
            made.add_code(lines[at:end])
            at = end
            continue
        level = levels.get(_heading_size(line, body), 0) if _may_be_heading(lines, at, body) else 0
        made.add_heading(line, level) if level else made.add_text(line)
        at += 1
    return "\n\n".join(filter(None, [*("; ".join(running),), *made.blocks]))


def _remove_table_of_contents(lines: Sequence[Line]) -> list[Line]:
    """Without the lines of a table of contents, which say what stands elsewhere, and its title."""
    listed = [bool(_DOT_LEADERS.match(line.text[::-1])) for line in lines]
    return [
        line
        for line, is_listed, next_is in zip(lines, listed, [*listed[1:], False], strict=False)
        if not is_listed and not (next_is and len(line.text) < 40)
    ]


class _Blocks:
    """Paragraphs, headings, tables and code as they come."""

    def __init__(self, lines: Sequence[Line], body: float) -> None:
        self._body = body
        self._leading = _usual_leading(lines) or 1.2 * body
        self._right = _right_edges(lines)
        self._hyphenated = frozenset(
            word.casefold() for line in lines for word in _HYPHENATED.findall(line.text)
        )
        self._last: Line | None = None
        self._kind = ""
        self._made: list[list[str]] = []

    @property
    def blocks(self) -> list[str]:
        return ["".join(parts) for parts in self._made]

    def _append(self, block: str) -> None:
        self._made.append([block])

    def _join(self, text: str) -> None:
        """Add a line to the last block; only the end of a long one is read and copied."""
        parts = self._made[-1]
        parts[-1] = join_lines(parts[-1], text, self._hyphenated)
        if len(parts[-1]) > _MAX_PART_CHARACTERS:
            parts[-1:] = parts[-1][:-_PART_END_CHARACTERS], parts[-1][-_PART_END_CHARACTERS:]

    def add_heading(self, line: Line, level: int) -> None:
        last = self._last
        kind = f"{'#' * level} "
        near = last is not None and 0 < last.y - line.y < 1.4 * line.size
        if self._kind == kind and near and last is not None and last.page == line.page:
            self._join(line.text)
        else:
            self._append(kind + line.text)
        self._kind, self._last = kind, line

    def add_code(self, lines: Sequence[Line]) -> None:
        left = min(line.x for line in lines)
        width = 0.6 * max(line.size for line in lines)
        code = [" " * round((line.x - left) / width) + line.code for line in lines]
        if len(code) == 1:
            self._append(f"`{code[0].strip()}`")
        else:
            self._append("\n".join(["```", *code, "```"]))
        self._kind, self._last = "code", lines[-1]

    def add_table(self, lines: Sequence[Line]) -> None:
        header, *rows = _rows(lines)
        rule = ["---"] * len(header)
        written = ["| " + " | ".join(row) + " |" for row in (header, rule, *rows)]
        self._append("\n".join(written))
        self._kind, self._last = "table", lines[-1]

    def add_text(self, line: Line) -> None:
        mark = _BULLET_MARK.match(line.text)
        text = f"- {line.text[mark.end() :]}" if mark else line.text
        last = self._last
        if self._kind != "text" or last is None:
            self._append(text)
        elif self._goes_on(last, line):
            self._join(text)
        elif self._near(last, line):
            self._made[-1].append(f"\n{text}")
        else:
            self._append(text)
        self._kind, self._last = "text", line

    def _near(self, last: Line, line: Line) -> bool:
        """Whether a line stands right below another, with letters of about the same size."""
        below = last.page == line.page and 0 < last.y - line.y <= 1.3 * self._leading
        return below and 0.9 < line.size / last.size < 1.1

    def _goes_on(self, last: Line, line: Line) -> bool:
        """Whether a line ends only because the page or column does."""
        if _BULLET.match(line.text) or not 0.9 < line.size / last.size < 1.1:
            return False
        if not self._near(last, line):  # the next column or page
            ends = last.text.endswith(_SENTENCE_ENDS)
            apart = last.page == line.page and last.y - line.y > 0
            return not ends and not apart and _continues(line.text)
        right = self._right.get(_column(last), last.end)
        full = last.end - last.x >= 0.72 * (right - last.x) or last.text.endswith(("-", "\xad"))
        indented = line.x > last.x + 0.8 * line.size and last.text.endswith(_SENTENCE_ENDS)
        return full and not indented and len(last.cells) == 1 and len(line.cells) == 1


def _continues(text: str) -> bool:
    first = next((letter for letter in text if letter.isalnum()), "")
    return first.islower() or ord(first or "A") > 0x2E80


def _body_size(lines: Sequence[Line]) -> float:
    """The size that most letters have."""
    sizes: Counter[float] = Counter()
    for line in lines:
        sizes[round(2 * line.size) / 2] += len(line.text)
    return sizes.most_common(1)[0][0] if sizes else 10.0


def _usual_leading(lines: Sequence[Line]) -> float:
    """How far lines of text stand apart, in points."""
    apart: Counter[float] = Counter()
    for last, line in pairwise(lines):
        if last.page == line.page and 0 < last.y - line.y < 2.5 * line.size:
            apart[round(last.y - line.y)] += 1
    return float(apart.most_common(1)[0][0]) if apart else 0.0


def _column(line: Line) -> tuple[int, int]:
    return line.page, round(line.x / 40)


def _right_edges(lines: Sequence[Line]) -> dict[tuple[int, int], float]:
    """Where the lines of each column end, by page and by where they begin."""
    edges: dict[tuple[int, int], float] = {}
    for line in lines:
        if len(line.cells) == 1:
            edges[_column(line)] = max(edges.get(_column(line), 0.0), line.end)
    return edges


def _heading_size(line: Line, body: float) -> float:
    """What tells one level of headings from another: the size; bold letters of the text's own
    size come last."""
    return round(2 * line.size) / 2 if line.size >= _HEADING_SIZE_RATIO * body else 0.0


def _may_be_heading(lines: Sequence[Line], at: int, body: float) -> bool:
    line = lines[at]
    text = line.text
    if len(line.cells) > 2 or line.mono or len(text) > _MAX_HEADING_CHARACTERS:
        return False
    if not any(letter.isalpha() for letter in text):
        return False
    if line.size >= _HEADING_SIZE_RATIO * body:
        return True
    alone = at == 0 or lines[at - 1].page != line.page or not lines[at - 1].bold
    follows = at + 1 < len(lines) and not lines[at + 1].bold
    return (
        line.bold
        and line.size >= 0.95 * body
        and len(text) <= 90
        and len(line.cells) == 1
        and alone
        and follows
        and not text.endswith((".", ",", ";", ":"))
        and not _BULLET.match(text)
    )


def _heading_levels(lines: Sequence[Line], body: float) -> dict[float, int]:
    """The level of each look that headings have; none where most of a document looks like one."""
    looks: Counter[float] = Counter()
    for at, line in enumerate(lines):
        if _may_be_heading(lines, at, body):
            looks[_heading_size(line, body)] += len(line.text)
    if looks.total() > 0.4 * sum(len(line.text) for line in lines):
        return {}
    return {
        look: min(_MAX_HEADING_LEVEL, n) for n, look in enumerate(sorted(looks, reverse=True), 1)
    }


# --- tables --------------------------------------------------------------------------------------


def _find_row_run_end(lines: Sequence[Line], at: int) -> int:
    """The line after those that may be rows; a cell that wraps is a line of its own."""
    end = at + 1
    while end < len(lines) and 0.85 < lines[end].size / lines[at].size < 1.18:
        line, last = lines[end], lines[end - 1]
        if line.page == last.page and not 0 < last.y - line.y < 4 * line.size:
            break
        if len(line.cells) < 2 and not _wraps(
            lines[max(at, end - _WRAP_LOOKBACK_ROWS) : end], line
        ):
            break
        end += 1
    return end


def _is_table(rows: Sequence[Line]) -> bool:
    return sum(len(row.cells) > 1 for row in rows) >= _MIN_TABLE_ROWS and _columns(rows) is not None


def _wraps(rows: Sequence[Line], line: Line) -> bool:
    """Whether a single cell goes on with the one above it: right below, in a later column."""
    last = rows[-1]
    below = last.page == line.page and last.y - line.y < 1.5 * line.size
    return below and any(abs(cell.x - line.x) < 2 for row in rows for cell in row.cells[1:])


def _columns(lines: Sequence[Line]) -> list[Cell] | None:
    """Where the columns are, as the fullest rows have them; None where they would overlap."""
    most = max(len(line.cells) for line in lines)
    full = [line.cells for line in lines if len(line.cells) == most]
    if len(full) < 2:
        return None
    columns = [
        Cell(min(c.x for c in cells), max(c.end for c in cells), "")
        for cells in zip(*full, strict=True)
    ]
    if any(one.x >= two.x or one.end > two.end for one, two in pairwise(columns)):
        return None
    crossed = sum(one.end > two.x + 4 for one, two in pairwise(columns))
    return columns if not crossed else None


def _rows(lines: Sequence[Line]) -> list[list[str]]:
    columns = _columns(lines) or []
    rows: list[list[str]] = []
    for line in lines:
        if rows and line.page != lines[0].page and line.text == lines[0].text:
            continue  # the header once more, on the next page
        if len(line.cells) > 1 or not rows:
            rows.append([""] * len(columns))
        for cell in line.cells:
            middle = (cell.x + cell.end) / 2
            at = min(
                range(len(columns)),
                key=lambda n: _distance(columns[n], middle) if columns else 0.0,
            )
            text = cell.text.strip().replace("\xad", "-").replace("|", "\\|")
            rows[-1][at] = join_lines(rows[-1][at], text)
    return rows


def _distance(column: Cell, place: float) -> float:
    return max(column.x - place, place - column.end, 0.0)
