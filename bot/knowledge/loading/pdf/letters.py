"""Asks pdfium about the letters of a page, many at once.

A call by way of ctypes costs more than what it asks. Here the loop over the letters runs in C, with
plain numbers as arguments, and the answers are written one after the other into a single buffer.
"""

from __future__ import annotations

import ctypes
from array import array
from collections import deque
from collections.abc import Callable, Sequence
from itertools import repeat
from typing import Any, NamedTuple

Box = tuple[float, float, float, float]
"""Left, bottom, right and top."""


class TextObject(NamedTuple):
    """What the letters that are drawn at once share; `font` is an address."""

    matrix: tuple[float, float, float, float]
    size: float
    x: float
    y: float
    font: int
    mode: int
    undecoded: bool


class LetterReader:
    """Asks about letters by their place in the text of a page, whose address it is given."""

    def __init__(self) -> None:
        import pypdfium2.raw as pdfium

        address, integer, number = ctypes.c_void_p, ctypes.c_int, ctypes.c_double
        handle = ctypes.c_size_t

        def function(given: Any, result: Any, *arguments: Any) -> Callable[..., Any]:
            """The same function; addresses are given and returned as numbers."""
            at = ctypes.cast(given, address).value
            return ctypes.CFUNCTYPE(result, *arguments)(at or 0)

        page = (address, integer)
        self._object = function(pdfium.FPDFText_GetTextObject, handle, *page)
        self._box = function(pdfium.FPDFText_GetLooseCharBox, integer, *page, address)
        self._matrix = function(pdfium.FPDFText_GetMatrix, integer, *page, address)
        self._origin = function(pdfium.FPDFText_GetCharOrigin, integer, *page, address, address)
        self._size = function(pdfium.FPDFText_GetFontSize, number, *page)
        self._undecoded = function(pdfium.FPDFText_HasUnicodeMapError, integer, *page)
        self._generated = function(pdfium.FPDFText_IsGenerated, integer, *page)
        self._font = function(pdfium.FPDFTextObj_GetFont, handle, address)
        self._mode = function(pdfium.FPDFTextObj_GetTextRenderMode, integer, address)

    def objects(self, page: int, letters: Sequence[int]) -> list[int]:
        """What draws each letter; 0 where pdfium has put it in."""
        return list(map(self._object, repeat(page), letters))

    def boxes(self, page: int, letters: Sequence[int]) -> list[Box]:
        """The boxes of letters, as high as their font."""
        found = self._written(self._box, page, letters, "f", 4)
        return list(zip(found[0::4], found[3::4], found[2::4], found[1::4], strict=True))

    def spans(self, page: int, letters: Sequence[int]) -> tuple[array[float], array[float]]:
        """Where the boxes of letters begin, and where they end."""
        found = self._written(self._box, page, letters, "f", 4)
        return found[0::4], found[2::4]

    def is_generated(self, page: int, letter: int) -> bool:
        """Whether pdfium has put a letter in: a space, or the end of a line."""
        return bool(self._generated(page, letter))

    def describe(
        self, page: int, letters: Sequence[int], objects: Sequence[int]
    ) -> list[TextObject]:
        """The objects that draw these letters."""
        matrices = self._written(self._matrix, page, letters, "f", 6)
        origins = self._written(self._origin, page, letters, "d", 2, pointers=2)
        return [
            TextObject(matrix, size, x, y, font, mode, bool(undecoded))
            for matrix, size, x, y, font, mode, undecoded in zip(
                zip(*(matrices[at::6] for at in range(4)), strict=True),
                map(self._size, repeat(page), letters),
                origins[0::2],
                origins[1::2],
                [drawn and self._font(drawn) for drawn in objects],
                [drawn and self._mode(drawn) for drawn in objects],
                map(self._undecoded, repeat(page), letters),
                strict=True,
            )
        ]

    @staticmethod
    def _written(
        ask: Callable[..., Any],
        page: int,
        letters: Sequence[int],
        kind: str,
        numbers: int,
        pointers: int = 1,
    ) -> array[float]:
        """What a function writes about each letter: so many numbers, where its pointers say."""
        answers = array(kind, [0.0]) * (numbers * len(letters))
        start, _ = answers.buffer_info()
        width, size = numbers * answers.itemsize, answers.itemsize
        places = [
            range(start + at * size, start + at * size + width * len(letters), width)
            for at in range(pointers)
        ]
        deque(map(ask, repeat(page), letters, *places), maxlen=0)
        return answers
