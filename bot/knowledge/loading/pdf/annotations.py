"""Takes what stands on a PDF page over its content: the values of form fields, and comments."""

from __future__ import annotations

import ctypes
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from bot.knowledge.loading.pdf.words import Word, turn

_MAX_ANNOTATIONS = 2_000
_MAX_VALUE_BYTES = 64 * 1024
_VALUE_SIZE_POINTS = 10.0
_HIDDEN_FLAGS = 0b10  # hidden; what is not printed is shown all the same


@dataclass(frozen=True, slots=True)
class Field:
    """A form field's value, with the place of the field: left, bottom, right, top."""

    text: str
    box: tuple[float, float, float, float]

    @property
    def is_box(self) -> bool:
        """Whether it is a box that is ticked or not."""
        return self.text in ("[x]", "[ ]")


@dataclass(frozen=True, slots=True)
class Annotations:
    """The values of a page's form fields, and what people wrote on it."""

    fields: list[Field]
    comments: list[str]


class AnnotationReader:
    """Reads the annotations of the pages of a document, which has its form loaded."""

    def __init__(self, form: Any) -> None:
        import pypdfium2.raw as pdfium

        self._pdfium: Any = pdfium
        self._form = form
        self._comments = {
            pdfium.FPDF_ANNOT_FREETEXT,
            pdfium.FPDF_ANNOT_TEXT,
            pdfium.FPDF_ANNOT_HIGHLIGHT,
            pdfium.FPDF_ANNOT_UNDERLINE,
            pdfium.FPDF_ANNOT_STRIKEOUT,
            pdfium.FPDF_ANNOT_SQUIGGLY,
            pdfium.FPDF_ANNOT_STAMP,
            pdfium.FPDF_ANNOT_CARET,
            pdfium.FPDF_ANNOT_SQUARE,
            pdfium.FPDF_ANNOT_CIRCLE,
        }

    def read(self, page: Any) -> Annotations:
        """The annotations of a page."""
        pdfium = self._pdfium
        found = Annotations([], [])
        for annotation in self._annotations(page):
            kind = pdfium.FPDFAnnot_GetSubtype(annotation)
            if pdfium.FPDFAnnot_GetFlags(annotation) & _HIDDEN_FLAGS:
                continue
            if kind == pdfium.FPDF_ANNOT_WIDGET and self._form is not None:
                text = self._value(annotation)
                box = pdfium.FS_RECTF()
                if text and pdfium.FPDFAnnot_GetRect(annotation, box):
                    found.fields.append(Field(text, (box.left, box.bottom, box.right, box.top)))
            elif kind in self._comments:
                text = _string(
                    lambda *a, of=annotation: pdfium.FPDFAnnot_GetStringValue(of, b"Contents", *a)
                )
                if text and text not in found.comments:
                    found.comments.append(text)
        return found

    def _annotations(self, page: Any) -> Iterator[Any]:
        count = self._pdfium.FPDFPage_GetAnnotCount(page.raw)
        for at in range(min(count, _MAX_ANNOTATIONS)):
            annotation = self._pdfium.FPDFPage_GetAnnot(page.raw, at)
            if annotation:
                try:
                    yield annotation
                finally:
                    self._pdfium.FPDFPage_CloseAnnot(annotation)

    def _value(self, annotation: Any) -> str:
        """What a field says, as text; boxes as `[x]` and `[ ]`."""
        pdfium, form = self._pdfium, self._form
        kind = pdfium.FPDFAnnot_GetFormFieldType(form, annotation)
        if kind in (pdfium.FPDF_FORMFIELD_CHECKBOX, pdfium.FPDF_FORMFIELD_RADIOBUTTON):
            return "[x]" if pdfium.FPDFAnnot_IsChecked(form, annotation) else "[ ]"
        if kind in (
            pdfium.FPDF_FORMFIELD_TEXTFIELD,
            pdfium.FPDF_FORMFIELD_COMBOBOX,
            pdfium.FPDF_FORMFIELD_LISTBOX,
        ):
            return _string(lambda *a: pdfium.FPDFAnnot_GetFormFieldValue(form, annotation, *a))
        return ""


def _string(ask: Callable[[Any, int], int]) -> str:
    """A string that pdfium writes as UTF-16 into a buffer whose size it tells."""
    size = min(int(ask(None, 0)), _MAX_VALUE_BYTES)
    if size <= 2:
        return ""
    buffer = ctypes.create_string_buffer(size)
    ask(ctypes.cast(buffer, ctypes.POINTER(ctypes.c_ushort)), size)
    text = buffer.raw[: size - size % 2].decode("utf-16-le", "replace")
    lines = (" ".join(line.split()) for line in text.partition("\0")[0].splitlines())
    return "\n".join(filter(None, lines))


def place_fields(fields: Sequence[Field], words: Sequence[Word], quarter: int) -> list[Word]:
    """The values of fields as words, at the height of the words beside them."""
    ordered = sorted(words, key=lambda word: word.y)
    heights = [word.y for word in ordered]
    made: list[Word] = []
    for field in fields:
        left, bottom, right, top = field.box
        x, end, low = turn(quarter, field.box, left, bottom)
        high = turn(quarter, field.box, right, top)[2]
        low, high = min(low, high), max(low, high)
        lines = field.text.split("\n")
        beside = ordered[bisect_left(heights, low - 1) : bisect_right(heights, high)][:200]
        usual = low + 0.3 * min(high - low, 1.5 * _VALUE_SIZE_POINTS)
        if field.is_box and beside:
            x, end = _before_label(x, end, beside)
        if beside and len(lines) == 1:
            nearest = min(beside, key=lambda word: abs(word.y - usual))
            y, size = nearest.y, nearest.size
        else:
            size = min(_VALUE_SIZE_POINTS, max(high - low, 4.0))
            y = usual if len(lines) == 1 else high - size
        for line in lines:
            width = (end - x) / max(len(line), 1)
            parts = line.split(" ")
            at = x
            for part in parts:
                ends = min(end, at + min(width, 0.5 * size) * len(part))
                made.append(Word(at, ends, y, size, part, spaced=True))
                at = ends + 0.25 * size
            y -= 1.2 * size
    return made


def _before_label(x: float, end: float, beside: Sequence[Word]) -> tuple[float, float]:
    """The place of a box before its label, whether it stands left or right of it."""
    row = sorted(beside, key=lambda word: word.x)
    after = min((word.x - end for word in row if word.x >= end - 1), default=1_000.0)
    before = [word for word in row if word.end <= x + 1]
    if not before or x - before[-1].end >= after or after < 1.5 * before[-1].size:
        return x, end
    label = before.pop()
    while before and label.x - before[-1].end < 0.8 * label.size and before[-1].text[0] != "[":
        label = before.pop()
    return label.x - 0.8 * label.size, label.x - 0.3 * label.size
