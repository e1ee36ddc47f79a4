"""Takes the words of a PDF page, with place, size and font, from pdfium.

pdfium gives letters in an order of its own. Of a word only the first and the last letter are asked
for: the letters of one text object share a baseline, a size and a font.
"""

from __future__ import annotations

import ctypes
import math
import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

from bot.knowledge.loading.pdf.legibility import (
    NOISE,
    check_decoded,
    is_right_to_left,
    looks_written,
)
from bot.knowledge.loading.pdf.letters import LetterReader
from bot.knowledge.loading.pdf.pieces import Pieces, find_pieces, is_even

_BOLD = re.compile(
    r"bold|black|heavy|demi|(?:cm|sf|ec|ls|la|t1)?(?:ss)?bx(?:ti|sl)?\d*$", re.IGNORECASE
)
_MONO = re.compile(
    r"mono|courier|consol|menlo|typewriter|(?:cm|sf|ec|ls|la)tt|nimbusmon", re.IGNORECASE
)
_BOLD_WEIGHT = 600
_FILLED_AND_STROKED = 2
_CHARACTERS = str.maketrans(
    {
        **{"ﬀ": "ff", "ﬁ": "fi", "ﬂ": "fl", "ﬃ": "ffi", "ﬄ": "ffl", "ﬅ": "st", "ﬆ": "st"},
        **{"\uf0b7": "•", "\uf0a7": "▪", "\uf0fc": "✓"},
        **{"\x1b": "ff", "\x1c": "fi", "\x1d": "fl", "\x1e": "ffi", "\x1f": "ffl"},
        **{"\x15": "–", "\x16": "—", "\x10": "“", "\x11": "”"},
        **{"☐": "[ ]", "☑": "[x]", "☒": "[x]", "🗹": "[x]", "🗷": "[x]"},
    }
)
"""Symbol and Wingdings have private characters; TeX's bitmap fonts do not say what theirs are."""
_HYPHENS = str.maketrans("\ufffe\x02\u2011", "\xad\xad-")
"""What pdfium writes for a hyphen at the end of a line; and one that breaks no line."""
_PLAIN = re.compile("[ -~\xa1-\u02af\u0370-\u058f\u2010-\u2026\u20ac]*")
"""Characters that are written as they are, from left to right, in words with spaces between."""
_COMBINING = {
    **{"´": "\u0301", "ˆ": "\u0302", "˜": "\u0303", "¨": "\u0308", "¯": "\u0304", "ˇ": "\u030c"},
    **{"˘": "\u0306", "˙": "\u0307", "˚": "\u030a", "¸": "\u0327", "˛": "\u0328", "˝": "\u030b"},
}
"""Accents as characters of their own, and those that join the letter before them."""
_ACCENT_REACH = 40
"""Characters before and after an accent, of which one is its letter."""
_ACCENT = re.compile(f"[{''.join(_COMBINING)}]")
_LIGATURE = re.compile("[\u0622\u0623\u0625\u0627]\u0644")
"""An alef before a lam: their ligature is a lam before an alef."""
_NARROW_EM = 0.2
"""pdfium takes a narrower gap for a space at times, where letters are kerned."""
_LEANING_LETTERS = frozenset("fjJſƒ")
"""Letters that reach into the space beside them."""
_GAP_EM = 0.8
"""A wider gap is a space only where the document writes one."""
_WIDE_EM = 0.5
"""A wider gap may be that between two cells."""
_HALF = re.compile("[\ud800-\udfff]")


@dataclass(slots=True)
class Word:
    """Letters that are drawn at once, without a wide gap: a word, or several with spaces between.

    `y` is the baseline's height; places and sizes are in points. `spaced` tells that the document
    writes a space after it. Words with the same `run` were drawn at once. `inner` is from where to
    where each of several words reaches; `place` is where the letters stand in the page's text.
    """

    x: float
    end: float
    y: float
    size: float
    text: str
    bold: bool = False
    mono: bool = False
    spaced: bool = False
    run: int = 0
    inner: Sequence[tuple[float, float]] = ()
    place: tuple[int, int] = (0, 0)

    def divide(self) -> list[Word]:
        """Each of its words."""
        if not self.inner:
            return [self]
        parts = [
            replace(self, x=x, end=end, text=text, spaced=True, inner=())
            for (x, end), text in zip(self.inner, self.text.split(" "), strict=True)
        ]
        parts[-1].spaced = self.spaced
        return parts


class _Look(NamedTuple):
    """What the letters of a text object share; `quarter` is -1 for text that is askew."""

    size: float
    y: float
    bold: bool
    mono: bool
    quarter: int
    undecoded: bool


@dataclass(frozen=True, slots=True)
class PageWords:
    """The words of a page, as it is read: most of them run to the right. `turned` has the others,
    each group turned until it does. `quarter` is how far the page has been turned for it."""

    words: list[Word]
    turned: list[list[Word]]
    quarter: int
    undecoded: bool = False
    """Whether a part of the text was left out, since it cannot be decoded."""


class WordReader:
    """Reads the words of the pages of one document, whose fonts it remembers."""

    def __init__(self) -> None:
        import pypdfium2.raw as pdfium

        self._pdfium: Any = pdfium
        self._letters = LetterReader()
        self._fonts: dict[int, tuple[bool, bool]] = {}

    def read(self, text: str, textpage: Any) -> PageWords:
        """The words of a page, whose text is given. Raises `UndecodableText`."""
        page = ctypes.cast(textpage.raw, ctypes.c_void_p).value or 0
        text = self._join_accents(text.translate(_HYPHENS), page)
        found: dict[int, list[Word]] = {}
        unsure: list[Word] = []
        for look, word in self._words(text, page):
            found.setdefault(look.quarter, []).append(word)
            if look.undecoded:
                unsure.append(word)
        check_decoded(text, weigh(unsure))
        undecoded = bool(unsure) and not looks_written(" ".join(word.text for word in unsure))
        if undecoded:
            noise = {id(word) for word in unsure}
            found = {
                quarter: [word for word in words if id(word) not in noise]
                for quarter, words in found.items()
            }
        upright = [quarter for quarter in found if quarter >= 0]
        quarter = max(upright, key=lambda one: weigh(found[one]), default=0)
        words = found.pop(quarter, [])
        turned = [found[one] for one in sorted(found) if found[one]]
        return PageWords(words, turned, quarter, undecoded)

    def _words(self, text: str, page: int) -> Iterator[tuple[_Look, Word]]:
        """The words of a page, each with its look; those that a space divides are taken as one."""
        pieces = find_pieces(text, page, self._letters)
        starts, stops, objects = pieces.starts, pieces.stops, pieces.objects
        lefts, rights = self._reach(page, pieces)
        looks = self._looks(page, pieces)
        run, drawn_by, at, plain, last, space = 0, -1, 0, 0, None, 0
        while at < len(starts):
            start, stop, left, right = starts[at], stops[at], lefts[at], rights[at]
            if objects[at] != drawn_by:
                look, run, drawn_by = next(looks), run + 1, objects[at]
                narrow, wide = _NARROW_EM * look.size, _WIDE_EM * look.size
            if plain <= start:
                plain = _PLAIN.match(text, start).end()  # type: ignore[union-attr]
            end = at + 1
            if look.quarter:
                left, right = self._turned_reach(page, start, stop, look.quarter)
            else:
                while (
                    end < len(starts)
                    and objects[end] == drawn_by
                    and narrow < lefts[end] - right < wide
                    and starts[end] == stop + 1
                    and stops[end] <= plain
                ):
                    stop, right, end = stops[end], rights[end], end + 1
            gap = (left - last.end) / last.size if last is not None else 0.0
            if (
                last is not None
                and last.spaced
                and not (_NARROW_EM < gap < _GAP_EM or is_right_to_left(last.text))
            ):
                leans = text[start] in _LEANING_LETTERS or text[space - 1] in _LEANING_LETTERS
                even = 0 < gap <= _NARROW_EM and is_even(objects, lefts, rights, at, leans)
                last.spaced = even or not self._letters.is_generated(page, space)
            written = text[start:stop]
            if plain < stop:
                written = self._write(written, page, start)
            spaced = text[stop : stop + 1] == " "
            last = Word(left, right, look.y, look.size, written, look.bold, look.mono, spaced, run)
            if end > at + 1:
                last.inner = list(zip(lefts[at:end], rights[at:end], strict=True))
            last.place = (start, stop)
            at, space = end, stop
            if written:
                yield look, last

    def _reach(self, page: int, pieces: Pieces) -> tuple[list[float], list[float]]:
        """From where to where each piece reaches: from its first letter to its last, or back."""
        first = self._letters.spans(page, pieces.starts)
        last = self._letters.spans(page, [stop - 1 for stop in pieces.stops])
        return list(map(min, first[0], last[0])), list(map(max, first[1], last[1]))

    def _turned_reach(self, page: int, start: int, stop: int, quarter: int) -> tuple[float, float]:
        one, two = self._letters.boxes(page, [start, stop - 1])
        low, high = [*map(min, one[:2], two[:2])], [*map(max, one[2:], two[2:])]
        return turn(max(quarter, 0), (low[0], low[1], high[0], high[1]), 0.0, 0.0)[:2]

    def _looks(self, page: int, pieces: Pieces) -> Iterator[_Look]:
        """How each object draws, in the order of the pieces."""
        changes = [
            (start, drawn)
            for start, drawn, before in zip(
                pieces.starts, pieces.objects, [-1, *pieces.objects], strict=False
            )
            if before != drawn
        ]
        starts, drawings = [start for start, _ in changes], [drawn for _, drawn in changes]
        for drawn in self._letters.describe(page, starts, drawings):
            a, b, c, d = drawn.matrix
            size = abs(drawn.size) * math.hypot(c, d) or 1.0
            bold, mono = self._font(drawn.font) if drawn.font else (False, False)
            quarter = _quarter(a, b, d)
            y = turn(quarter, (0.0, 0.0, 0.0, 0.0), drawn.x, drawn.y)[2] if quarter else drawn.y
            heavy = bold or drawn.mode == _FILLED_AND_STROKED
            yield _Look(size, y, heavy, mono, quarter, drawn.undecoded)

    def _write(self, text: str, page: int, start: int) -> str:
        """The text of a word, with the characters that people would write."""
        if _LIGATURE.search(text):
            text = self._unfold_ligatures(text, page, start)
        if text.isalnum():
            return text
        text = _join_halves(text).translate(_CHARACTERS)
        return NOISE.sub("", text) or ("•" if len(text) == 1 else "")

    def _unfold_ligatures(self, text: str, page: int, start: int) -> str:
        """An Arabic word; pdfium turns the two letters of a ligature round, which share a box."""
        letters = list(text)
        for found in _LIGATURE.finditer(text):
            at = found.start()
            one, two = self._letters.boxes(page, [start + at, start + at + 1])
            if one == two:
                letters[at : at + 2] = letters[at + 1], letters[at]
        return "".join(letters)

    def _join_accents(self, text: str, page: int) -> str:
        """The text with accents that are drawn over letters joined to these; where they stood is a
        character that separates nothing."""
        joined = list(text)
        for found in _ACCENT.finditer(text):
            accent = found.start()
            near = range(max(0, accent - _ACCENT_REACH), min(len(text), accent + _ACCENT_REACH))
            (left, bottom, right, top), *boxes = self._letters.boxes(page, [accent, *near])
            middle, height = (left + right) / 2, max(top - bottom, 1.0)
            for at, box in zip(near, boxes, strict=True):
                over = box[0] < middle < box[2] and abs(box[1] - bottom) < 0.6 * height
                if over and joined[at].isalpha():
                    base = {"ı": "i", "ȷ": "j"}.get(joined[at], joined[at])
                    whole = unicodedata.normalize("NFC", base + _COMBINING[found[0]])
                    if len(whole) == 1:
                        joined[at], joined[accent] = whole, "\x00"
                    break
        return "".join(joined)

    def _font(self, font: int) -> tuple[bool, bool]:
        """Whether the letters of a font are bold, and whether all are as wide."""
        if font not in self._fonts:
            pdfium, name = self._pdfium, ctypes.create_string_buffer(200)
            handle = ctypes.cast(font, pdfium.FPDF_FONT)
            pdfium.FPDFFont_GetBaseFontName(handle, name, 200)
            called = name.value.decode("utf-8", "replace")
            called = called.partition("+")[2] or called
            heavy = pdfium.FPDFFont_GetWeight(handle) >= _BOLD_WEIGHT
            self._fonts[font] = (heavy or bool(_BOLD.search(called)), bool(_MONO.search(called)))
        return self._fonts[font]

    def forget_fonts(self) -> None:
        """To be called when a page is closed: the next one's fonts may have the same addresses."""
        self._fonts.clear()


def turn(
    quarter: int, box: tuple[float, float, float, float], x: float, y: float
) -> tuple[float, float, float]:
    """From where to where a box reaches, and the height of a point, once the page is turned by so
    many quarters to the right."""
    left, bottom, right, top = box
    if quarter == 1:
        return bottom, top, -x
    if quarter == 2:
        return -right, -left, -y
    if quarter == 3:
        return -top, -bottom, x
    return left, right, y


def _join_halves(text: str) -> str:
    """A text whose characters beyond 16 bits come in two halves, as pdfium counts them."""
    if not _HALF.search(text):
        return text
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "ignore")


def _quarter(a: float, b: float, d: float) -> int:
    """How many quarters to the right a text has to be turned until it runs to the right."""
    if abs(b) < 0.2 * abs(a):
        return 2 if a < 0 and d < 0 else 0
    if abs(a) < 0.2 * abs(b):
        return 1 if b > 0 else 3
    return -1


def weigh(words: Sequence[Word]) -> int:
    """How many letters words have."""
    return sum(len(word.text) for word in words)
