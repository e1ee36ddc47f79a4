"""Puts the recognised lines of a page in reading order: columns, then rows, then paragraphs."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import pairwise
from statistics import median

from bot.knowledge.loading.pdf.text import join_lines
from bot.knowledge.loading.scans.text_line import TextLine
from bot.skills.document_tree import Block, Heading, Paragraph, Place

_MIN_GUTTER_HEIGHTS = 0.8
"""The least gap between columns, in heights of a line."""
_MIN_COLUMN_HEIGHTS = 7
"""Columns of text have lines at least so long; shorter ones are the cells of a table."""
_MIN_COLUMN_LINES = 3
_MAX_COLUMN_SHARE = 0.62
"""Lines longer than so much of the page are not in a column."""
_MIN_ROW_OVERLAP = 0.5
_MIN_CELL_GAP_HEIGHTS = 1.0
_MAX_ROW_STEP_HEIGHTS = 4
_CELL_END = "\t"
_MAX_PITCH_RATIO = 1.35
_MAX_PITCH_HEIGHTS = 2.2
_MIN_INDENT_HEIGHTS = 0.8
_MIN_SHORT_HEIGHTS = 4
"""A line that ends so far before the others may be the last of its paragraph."""
_MAX_SIZE_RATIO = 1.3
_MIN_HEADING_RATIO = 1.35
_MAX_HEADING_CHARACTERS = 120
_SENTENCE_END = re.compile(r"[.!?:;。！？：…][\"'”’»)\]」』]?$")
_LIST_MARK = re.compile(r"(?:[-–•●▪*]|\(?\d{1,3}[.)]|\(?[a-zA-Z][.)])\s")
_HAN = re.compile("[\u3000-\u30ff\u3400-\u9fff\uf900-\ufaff\uff00-\uffef]")


def lines_to_blocks(lines: Sequence[TextLine], place: Place) -> tuple[Block, ...]:
    """Returns the text of a page as paragraphs and headings, in reading order."""
    if not lines:
        return ()
    size = median(line.height for line in lines)
    rows = [_join_row(row) for row in _order(list(lines), size)]
    body = _body_height(rows)
    blocks: list[Block] = []
    for paragraph in _paragraphs(rows):
        text = _join_lines([row.text for row in paragraph])
        larger = median(row.height for row in paragraph) >= _MIN_HEADING_RATIO * body
        if larger and len(text) <= _MAX_HEADING_CHARACTERS and len(rows) > len(paragraph):
            blocks.append(Heading(1 if not blocks else 2, text, place=place))
        else:
            blocks.append(Paragraph(text, place=place))
    return tuple(blocks)


def _body_height(rows: Sequence[TextLine]) -> float:
    """The height of the lines that hold most of the text."""
    by_height = sorted((row.height, len(row.text)) for row in rows)
    half = sum(count for _, count in by_height) / 2
    for height, count in by_height:
        half -= count
        if half <= 0:
            return height
    return by_height[-1][0]


def _order(lines: list[TextLine], size: float) -> Iterator[list[TextLine]]:
    """The rows of a region: what stands across the columns parts them into bands."""
    gutter = _find_gutter(lines, size)
    if gutter is None:
        yield from _rows(lines)
        return
    left: list[TextLine] = []
    right: list[TextLine] = []
    for line in sorted(lines, key=lambda line: line.top):
        if line.right <= gutter:
            left.append(line)
        elif line.left >= gutter:
            right.append(line)
        else:
            yield from _order(left, size)
            yield from _order(right, size)
            left, right = [], []
            yield [line]
    yield from _order(left, size)
    yield from _order(right, size)


def _find_gutter(lines: Sequence[TextLine], size: float) -> float | None:
    """Where two columns of text part; None where there is one column, or a table."""
    if len(lines) < 2 * _MIN_COLUMN_LINES:
        return None
    extent = max(line.right for line in lines) - min(line.left for line in lines)
    narrow = sorted(
        (line for line in lines if line.width <= _MAX_COLUMN_SHARE * extent),
        key=lambda line: line.left,
    )
    reach = 0.0
    for line, following in pairwise(narrow):
        reach = max(reach, line.right)
        if following.left - reach < _MIN_GUTTER_HEIGHTS * size:
            continue
        gutter = (reach + following.left) / 2
        left = [one for one in narrow if one.right <= gutter]
        right = [one for one in narrow if one.left >= gutter]
        if _is_column(left) and _is_column(right) and _side_by_side(left, right):
            return gutter
    return None


def _is_column(lines: Sequence[TextLine]) -> bool:
    return len(lines) >= _MIN_COLUMN_LINES and (
        median(line.width / line.height for line in lines) >= _MIN_COLUMN_HEIGHTS
    )


def _side_by_side(left: Sequence[TextLine], right: Sequence[TextLine]) -> bool:
    top = max(min(line.top for line in side) for side in (left, right))
    bottom = min(max(line.bottom for line in side) for side in (left, right))
    shorter = min(
        max(line.bottom for line in side) - min(line.top for line in side) for side in (left, right)
    )
    return bottom - top >= shorter / 2


def _rows(lines: Sequence[TextLine]) -> Iterator[list[TextLine]]:
    """The lines with what stands beside each, from top to bottom."""
    row: list[TextLine] = []
    for line in sorted(lines, key=lambda line: line.middle):
        if row:
            last = row[0]
            shared = min(last.bottom, line.bottom) - max(last.top, line.top)
            if shared < _MIN_ROW_OVERLAP * min(last.height, line.height):
                yield sorted(row, key=lambda one: one.left)
                row = []
        row.append(line)
    if row:
        yield sorted(row, key=lambda one: one.left)


def _join_row(row: Sequence[TextLine]) -> TextLine:
    """The parts of a row as one line, with a tab between cells."""
    text = " ".join(row[0].text.split())
    for before, part in pairwise(row):
        apart = part.left - before.right > _MIN_CELL_GAP_HEIGHTS * part.height
        text += (_CELL_END if apart else " ") + " ".join(part.text.split())
    return TextLine(
        text,
        min(part.score for part in row),
        row[0].left,
        min(part.top for part in row),
        max(part.right for part in row),
        max(part.bottom for part in row),
    )


def _paragraphs(rows: Sequence[TextLine]) -> Iterator[list[TextLine]]:
    if not rows:
        return
    steps = [
        low.middle - high.middle
        for high, low in pairwise(rows)
        if 0 < low.middle - high.middle <= _MAX_PITCH_HEIGHTS * high.height
    ]
    pitch = median(steps) if steps else 0.0
    paragraph = [rows[0]]
    for row in rows[1:]:
        if _begins_paragraph(paragraph, row, pitch):
            yield paragraph
            paragraph = []
        paragraph.append(row)
    yield paragraph


def _begins_paragraph(paragraph: Sequence[TextLine], row: TextLine, pitch: float) -> bool:
    last = paragraph[-1]
    step = row.middle - last.middle
    if step < 0:  # the top of the next column
        return bool(_SENTENCE_END.search(last.text)) or row.left < last.left
    if (_CELL_END in last.text) != (_CELL_END in row.text):
        return True  # a table begins or ends
    if _CELL_END in row.text:
        return step > _MAX_ROW_STEP_HEIGHTS * row.height
    if step > min(_MAX_PITCH_RATIO * pitch, _MAX_PITCH_HEIGHTS * last.height):
        return True
    sizes = sorted((last.height, row.height))
    if sizes[1] > _MAX_SIZE_RATIO * sizes[0] or _LIST_MARK.match(row.text):
        return True
    left = min(one.left for one in paragraph)
    right = max(row.right, *(one.right for one in paragraph))
    if not _SENTENCE_END.search(last.text):
        return False
    indented = row.left > left + _MIN_INDENT_HEIGHTS * row.height
    return indented or last.right < right - _MIN_SHORT_HEIGHTS * last.height


def _join_lines(texts: Sequence[str]) -> str:
    joined = texts[0]
    for before, text in pairwise(texts):
        ends = before[-1] + text[0]
        if _CELL_END in text:
            joined = f"{joined}\n{text}"
        elif _is_han(before) and _is_han(text) and (not ends.isascii() or ends.isdigit()):
            joined += text
        else:
            joined = join_lines(joined, text)
    return joined.replace(_CELL_END, " ")


def _is_han(text: str) -> bool:
    """Whether a line is Chinese or Japanese, which is written without spaces."""
    return len(_HAN.findall(text)) * 2 > len(text)
