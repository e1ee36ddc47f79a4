"""Takes what is drawn on a PDF page beside its text: ruling lines, and pictures."""

from __future__ import annotations

import ctypes
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from bot.knowledge.loading.pdf.words import turn

_MAX_OBJECTS = 20_000
"""Objects of one page that are looked at."""
_MAX_RULES = 3_000
_MAX_PATH_SEGMENTS = 400
_MAX_DEPTH = 3
_MAX_THICKNESS_POINTS = 3.0
_MIN_RULE_POINTS = 4.0
_MIN_PICTURE_POINTS = 24.0
"""Smaller pictures are ornaments."""
_WHOLE_PAGE_SHARE = 0.8

Matrix = tuple[float, float, float, float, float, float]
_UNCHANGED: Matrix = (1.0, 0.0, 0.0, 1.0, 0.0, 0.0)


@dataclass(frozen=True, slots=True)
class Rule:
    """A straight line: at the height or place `at`, from `start` to `end`."""

    at: float
    start: float
    end: float


@dataclass(slots=True)
class Drawing:
    """The rules of a page that run across and upwards, and its pictures, each as a key."""

    across: list[Rule] = field(default_factory=list)
    upwards: list[Rule] = field(default_factory=list)
    pictures: list[tuple[int, int, int]] = field(default_factory=list)
    covered: bool = False
    """Whether one picture is as large as the page: a scan's, or a background."""
    empty: bool = True

    def add(self, x: float, y: float, end_x: float, end_y: float) -> None:
        """Add a straight line, unless it is askew or short."""
        width, height = abs(end_x - x), abs(end_y - y)
        if len(self.across) + len(self.upwards) >= _MAX_RULES:
            return
        if height <= _MAX_THICKNESS_POINTS and width >= _MIN_RULE_POINTS:
            self.across.append(Rule((y + end_y) / 2, min(x, end_x), max(x, end_x)))
        elif width <= _MAX_THICKNESS_POINTS and height >= _MIN_RULE_POINTS:
            self.upwards.append(Rule((x + end_x) / 2, min(y, end_y), max(y, end_y)))

    def turned(self, quarter: int) -> Drawing:
        """The drawing of a page that is turned by so many quarters to the right."""
        if not quarter:
            return self
        made = Drawing(pictures=self.pictures, covered=self.covered, empty=self.empty)
        boxes = [(rule.start, rule.at, rule.end, rule.at) for rule in self.across]
        boxes += [(rule.at, rule.start, rule.at, rule.end) for rule in self.upwards]
        for box in boxes:
            x, end, low = turn(quarter, box, box[0], box[1])
            made.add(x, low, end, turn(quarter, box, box[2], box[3])[2])
        return made


class DrawingReader:
    """Reads the drawings of pages with pdfium."""

    def __init__(self) -> None:
        import pypdfium2.raw as pdfium

        self._pdfium: Any = pdfium
        self._bounds = [ctypes.c_float() for _ in range(4)]

    def read(self, page: Any) -> Drawing:
        """What is drawn on a page, in the page's coordinates."""
        pdfium, drawing = self._pdfium, Drawing()
        size = page.get_width() * page.get_height()
        for kind, drawn, matrix in self._objects(page):
            drawing.empty = False
            box = self._box(drawn, matrix)
            if box is None:
                continue
            if kind == pdfium.FPDF_PAGEOBJ_PATH:
                self._add_path(drawing, drawn, matrix, box)
            elif kind == pdfium.FPDF_PAGEOBJ_IMAGE:
                width, height = box[2] - box[0], box[3] - box[1]
                drawing.covered |= width * height >= _WHOLE_PAGE_SHARE * size
                if min(width, height) >= _MIN_PICTURE_POINTS:
                    drawing.pictures.append(self._picture_key(drawn))
        return drawing

    def _objects(self, page: Any) -> Iterator[tuple[int, Any, Matrix]]:
        """The objects of a page and of the forms in it, without its text."""
        pdfium = self._pdfium
        left = _MAX_OBJECTS
        waiting: list[tuple[Any, Matrix, int]] = [(None, _UNCHANGED, 0)]
        while waiting and left > 0:
            form, matrix, depth = waiting.pop()
            if form is None:
                count, get, source = (
                    pdfium.FPDFPage_CountObjects,
                    pdfium.FPDFPage_GetObject,
                    page.raw,
                )
            else:
                count, get, source = (
                    pdfium.FPDFFormObj_CountObjects,
                    pdfium.FPDFFormObj_GetObject,
                    form,
                )
            for at in range(min(count(source), left)):
                left -= 1
                drawn = get(source, at)
                kind = pdfium.FPDFPageObj_GetType(drawn)
                if kind == pdfium.FPDF_PAGEOBJ_FORM and depth < _MAX_DEPTH:
                    waiting.append((drawn, _product(self._matrix(drawn), matrix), depth + 1))
                elif kind != pdfium.FPDF_PAGEOBJ_TEXT:
                    yield kind, drawn, matrix

    def _matrix(self, drawn: Any) -> Matrix:
        found = self._pdfium.FS_MATRIX()
        if not self._pdfium.FPDFPageObj_GetMatrix(drawn, found):
            return _UNCHANGED
        return (found.a, found.b, found.c, found.d, found.e, found.f)

    def _box(self, drawn: Any, matrix: Matrix) -> tuple[float, float, float, float] | None:
        left, bottom, right, top = self._bounds
        if not self._pdfium.FPDFPageObj_GetBounds(drawn, left, bottom, right, top):
            return None
        if matrix is _UNCHANGED:
            return left.value, bottom.value, right.value, top.value
        one = _placed(matrix, left.value, bottom.value)
        two = _placed(matrix, right.value, top.value)
        return (*map(min, one, two), *map(max, one, two))  # type: ignore[return-value]

    def _add_path(
        self, drawing: Drawing, drawn: Any, matrix: Matrix, box: tuple[float, float, float, float]
    ) -> None:
        pdfium = self._pdfium
        left, bottom, right, top = box
        if min(right - left, top - bottom) <= _MAX_THICKNESS_POINTS:
            drawing.add(left, (bottom + top) / 2, right, (bottom + top) / 2)
            drawing.add((left + right) / 2, bottom, (left + right) / 2, top)
            return
        segments = pdfium.FPDFPath_CountSegments(drawn)
        if segments > _MAX_PATH_SEGMENTS:
            return
        whole = _product(self._matrix(drawn), matrix)
        x, y = ctypes.c_float(), ctypes.c_float()
        begun = last = (0.0, 0.0)
        for at in range(segments):
            segment = pdfium.FPDFPath_GetPathSegment(drawn, at)
            pdfium.FPDFPathSegment_GetPoint(segment, x, y)
            point = _placed(whole, x.value, y.value)
            kind = pdfium.FPDFPathSegment_GetType(segment)
            if kind == pdfium.FPDF_SEGMENT_MOVETO:
                begun = point
            elif kind == pdfium.FPDF_SEGMENT_LINETO:
                drawing.add(*last, *point)
            last = point
            if pdfium.FPDFPathSegment_GetClose(segment):
                drawing.add(*last, *begun)

    def _picture_key(self, drawn: Any) -> tuple[int, int, int]:
        """What tells pictures apart: their size, in pixels and in bytes."""
        width, height = ctypes.c_uint(), ctypes.c_uint()
        self._pdfium.FPDFImageObj_GetImagePixelSize(drawn, width, height)
        stored = self._pdfium.FPDFImageObj_GetImageDataRaw(drawn, None, 0)
        return width.value, height.value, int(stored)


def _product(one: Matrix, two: Matrix) -> Matrix:
    a, b, c, d, e, f = one
    p, q, r, s, t, u = two
    return (
        *(a * p + b * r, a * q + b * s, c * p + d * r, c * q + d * s),
        *(e * p + f * r + t, e * q + f * s + u),
    )


def _placed(matrix: Matrix, x: float, y: float) -> tuple[float, float]:
    a, b, c, d, e, f = matrix
    return a * x + c * y + e, b * x + d * y + f
