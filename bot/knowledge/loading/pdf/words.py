"""Takes the words of a PDF page, with place, size and font, from pdfium.

pdfium gives letters in an order of its own. Of a word only the first and the last letter are asked
for, since each question costs about a microsecond: the letters of one text object share a baseline,
a size and a font.
"""

from __future__ import annotations

import ctypes
import math
import re
import unicodedata
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

_BOLD = re.compile(
    r"bold|black|heavy|demi|(?:cm|sf|ec|ls|la|t1)?(?:ss)?bx(?:ti|sl)?\d*$", re.IGNORECASE
)
_MONO = re.compile(
    r"mono|courier|consol|menlo|typewriter|(?:cm|sf|ec|ls|la)tt|nimbusmon", re.IGNORECASE
)
_BOLD_WEIGHT = 600
_FILLED_AND_STROKED = 2
_WORD = re.compile(r"[^ \t\r\n\x00\x0b\x0c\xa0\u1680\u2000-\u200b\u2028\u2029\u202f\u205f\u3000]+")
_CHARACTERS = str.maketrans(
    {
        **{"ﬀ": "ff", "ﬁ": "fi", "ﬂ": "fl", "ﬃ": "ffi", "ﬄ": "ffl", "ﬅ": "st", "ﬆ": "st"},
        **{"\ufffe": "\xad", "\x02": "\xad", "\uf0b7": "•", "\uf0a7": "▪", "\uf0fc": "✓"},
        **{"\x1b": "ff", "\x1c": "fi", "\x1d": "fl", "\x1e": "ffi", "\x1f": "ffl"},
        **{"\x15": "–", "\x16": "—", "\x10": "“", "\x11": "”"},
        **{"☐": "[ ]", "☑": "[x]", "☒": "[x]", "🗹": "[x]", "🗷": "[x]"},
    }
)
"""pdfium writes U+FFFE for a hyphen at the end of a line; the letters of Symbol and Wingdings are
private ones, and TeX's bitmap fonts do not say what theirs are."""
_COMBINING = {
    **{"´": "\u0301", "ˆ": "\u0302", "˜": "\u0303", "¨": "\u0308", "¯": "\u0304", "ˇ": "\u030c"},
    **{"˘": "\u0306", "˙": "\u0307", "˚": "\u030a", "¸": "\u0327", "˛": "\u0328", "˝": "\u030b"},
}
"""Accents as characters of their own, and those that join the letter before them."""
_ACCENT = re.compile(f"[{''.join(_COMBINING)}]")
_NOISE = re.compile(r"[\x00-\x1f\x7f-\x9f\ue000-\uf8ff\ufffd\uffff]")
"""Characters that are no text: of a font's own (icons), or of no font."""
_LIGATURE = re.compile("[\u0622\u0623\u0625\u0627]\u0644")
"""An alef before a lam: their ligature is a lam before an alef."""
_NARROW_EM = 0.2
"""pdfium takes a narrower gap for a space at times, where letters are kerned."""
_HALF = re.compile("[\ud800-\udfff]")
_MIN_JUDGED_CHARACTERS = 8
_MAX_UNDECODED_SHARE = 0.3
_MAX_SCRIPTS = 4
_MIN_JUDGED_LETTERS = 12


@dataclass(slots=True)
class Word:
    """Letters between two spaces. `y` is the baseline's height; places and sizes are in points.

    `spaced` tells that the document writes a space after it. Words with the same `run` were drawn
    at once.
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


@dataclass(slots=True)
class _Look:
    """What the letters of a text object share; `quarter` is -1 for text that is askew."""

    size: float
    y: float
    bold: bool
    mono: bool
    quarter: int
    undecoded: bool


_NO_LOOK = _Look(1.0, 0.0, False, False, 0, False)


@dataclass(frozen=True, slots=True)
class PageWords:
    """The words of a page, as it is read: most of them run to the right. `turned` has the others,
    each group turned until it does. `quarter` is how far the page has been turned for it."""

    words: list[Word]
    turned: list[list[Word]]
    quarter: int
    undecoded: bool = False
    """Whether a part of the text was left out, since it cannot be decoded."""


class UndecodableText(Exception):
    """The fonts of a page do not say which letters they draw."""


class WordReader:
    """Reads the words of the pages of one document, whose fonts it remembers."""

    def __init__(self) -> None:
        import pypdfium2.raw as pdfium

        self._pdfium: Any = pdfium
        get_object = ctypes.cast(pdfium.FPDFText_GetTextObject, ctypes.c_void_p).value
        self._object_at: Any = ctypes.CFUNCTYPE(ctypes.c_void_p, ctypes.c_void_p, ctypes.c_int)(
            get_object or 0
        )
        """The same function, but its result is a number, which can be compared."""
        self._fonts: dict[int, tuple[bool, bool]] = {}
        self._box = pdfium.FS_RECTF()
        self._matrix = pdfium.FS_MATRIX()
        self._x, self._y = ctypes.c_double(), ctypes.c_double()

    def read(self, text: str, textpage: Any) -> PageWords:
        """The words of a page, whose text is given. Raises `UndecodableText`."""
        text = self._join_accents(text, textpage.raw)
        found: dict[int, list[Word]] = {}
        unsure: list[Word] = []
        for look, word in self._words(text, textpage):
            found.setdefault(look.quarter, []).append(word)
            if look.undecoded:
                unsure.append(word)
        _check_decoded(text, weigh(unsure))
        undecoded = bool(unsure) and not _looks_written(" ".join(word.text for word in unsure))
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

    def _words(self, text: str, textpage: Any) -> Iterator[tuple[_Look, Word]]:
        """The words of a page, each with its look. Letters that follow each other in one object are
        asked for as one."""
        handle, address = textpage.raw, ctypes.cast(textpage.raw, ctypes.c_void_p).value
        object_at, get_box, box = self._object_at, self._pdfium.FPDFText_GetLooseCharBox, self._box
        last_object, look, run, last, space = -1, _NO_LOOK, 0, None, 0
        for found in _WORD.finditer(text):
            start, end = found.span()
            spaced = text[end : end + 1] == " "
            while start < end:
                stop, drawn_by = end, object_at(address, end - 1)
                if drawn_by != last_object:
                    drawn_by, stop = object_at(address, start), start + 1
                    while stop < end and object_at(address, stop) == drawn_by:
                        stop += 1
                if drawn_by != last_object:
                    look, run, last_object = self._look(handle, start), run + 1, drawn_by
                get_box(handle, start, box)
                left, right = box.left, box.right
                if stop - start > 1:
                    get_box(handle, stop - 1, box)
                    other_left, other_right = box.left, box.right
                    left = left if left < other_left else other_left
                    right = right if right > other_right else other_right
                if look.quarter > 0:
                    left, right = self._turned_reach(look.quarter, handle, start, stop - 1)
                if last is not None and last.spaced and left - last.end < _NARROW_EM * last.size:
                    last.spaced = not self._pdfium.FPDFText_IsGenerated(handle, space)
                word = Word(left, right, look.y, look.size, text[start:stop], look.bold, look.mono)
                word.spaced, word.run, last, space = spaced and stop == end, run, word, end
                if not word.text.isascii() and _LIGATURE.search(word.text):
                    word.text = self._unfold_ligatures(word.text, handle, start)
                if not word.text.isalnum():
                    word.text = _join_halves(word.text)
                    written = word.text.translate(_CHARACTERS)
                    word.text = _NOISE.sub("", written) or ("•" if len(written) == 1 else "")
                if word.text:
                    yield look, word
                start = stop

    def _turned_reach(
        self, quarter: int, handle: Any, first: int, last: int
    ) -> tuple[float, float]:
        one, two = self._letter_box(handle, first), self._letter_box(handle, last)
        low, high = [*map(min, one[:2], two[:2])], [*map(max, one[2:], two[2:])]
        return turn(quarter, (low[0], low[1], high[0], high[1]), 0.0, 0.0)[:2]

    def _unfold_ligatures(self, text: str, handle: Any, start: int) -> str:
        """An Arabic word; pdfium turns the two letters of a ligature round, which share a box."""
        letters = list(text)
        for found in _LIGATURE.finditer(text):
            at = found.start()
            if self._letter_box(handle, start + at) == self._letter_box(handle, start + at + 1):
                letters[at : at + 2] = letters[at + 1], letters[at]
        return "".join(letters)

    def _join_accents(self, text: str, handle: Any) -> str:
        """The text with accents that are drawn over letters joined to these; where they stood is a
        character that separates nothing."""
        joined = list(text)
        for found in _ACCENT.finditer(text):
            left, bottom, right, top = self._letter_box(handle, found.start())
            middle, height = (left + right) / 2, max(top - bottom, 1.0)
            for at in range(max(0, found.start() - 40), min(len(text), found.start() + 40)):
                if not joined[at].isalpha():
                    continue
                box = self._letter_box(handle, at)
                if box[0] < middle < box[2] and abs(box[1] - bottom) < 0.6 * height:
                    base = {"ı": "i", "ȷ": "j"}.get(joined[at], joined[at])
                    whole = unicodedata.normalize("NFC", base + _COMBINING[found[0]])
                    if len(whole) == 1:
                        joined[at], joined[found.start()] = whole, "\x00"
                    break
        return "".join(joined)

    def _letter_box(self, handle: Any, at: int) -> tuple[float, float, float, float]:
        box = self._box
        self._pdfium.FPDFText_GetLooseCharBox(handle, at, box)
        return box.left, box.bottom, box.right, box.top

    def _look(self, handle: Any, at: int) -> _Look:
        pdfium, matrix = self._pdfium, self._matrix
        pdfium.FPDFText_GetMatrix(handle, at, matrix)
        size = pdfium.FPDFText_GetFontSize(handle, at) * math.hypot(matrix.c, matrix.d)
        drawn_by = pdfium.FPDFText_GetTextObject(handle, at)
        bold = mono = False
        if drawn_by:
            font = pdfium.FPDFTextObj_GetFont(drawn_by)
            bold, mono = self._font(font)
            bold |= pdfium.FPDFTextObj_GetTextRenderMode(drawn_by) == _FILLED_AND_STROKED
        pdfium.FPDFText_GetCharOrigin(handle, at, self._x, self._y)
        quarter, box = _quarter(matrix), (0.0, 0.0, 0.0, 0.0)
        y = turn(quarter, box, self._x.value, self._y.value)[2]
        undecoded = bool(pdfium.FPDFText_HasUnicodeMapError(handle, at))
        return _Look(abs(size) or 1.0, y, bold, mono, quarter, undecoded)

    def _font(self, font: Any) -> tuple[bool, bool]:
        key = ctypes.cast(font, ctypes.c_void_p).value or 0
        if key not in self._fonts:
            name = ctypes.create_string_buffer(200)
            self._pdfium.FPDFFont_GetBaseFontName(font, name, 200)
            called = name.value.decode("utf-8", "replace").partition("+")[2] or name.value.decode(
                "utf-8", "replace"
            )
            heavy = self._pdfium.FPDFFont_GetWeight(font) >= _BOLD_WEIGHT
            self._fonts[key] = (heavy or bool(_BOLD.search(called)), bool(_MONO.search(called)))
        return self._fonts[key]

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


def _quarter(matrix: Any) -> int:
    """How many quarters to the right a text has to be turned until it runs to the right."""
    a, b = matrix.a, matrix.b
    if abs(b) < 0.2 * abs(a):
        return 2 if a < 0 and matrix.d < 0 else 0
    if abs(a) < 0.2 * abs(b):
        return 1 if b > 0 else 3
    return -1


def _check_decoded(text: str, unknown: int) -> None:
    """Raises `UndecodableText` where a part of the letters that matters is noise, or letters are
    from more scripts than anyone writes in."""
    written = len(text) - sum(map(text.count, " \r\n\t"))
    if written < _MIN_JUDGED_CHARACTERS:
        return
    noise = len(_NOISE.findall(text)) - sum(map(text.count, "\r\n\t\x02"))
    unsure = unknown > _MAX_UNDECODED_SHARE * written and not _looks_written(text)
    if unsure or noise > _MAX_UNDECODED_SHARE * written:
        raise UndecodableText
    if not text.isascii():
        scripts = Counter(
            unicodedata.name(letter, "?").split()[0]
            for letter in text[:4_000]
            if letter > "\u024f" and letter.isalpha()
        )
        if sum(scripts.values()) >= _MIN_JUDGED_LETTERS:
            common = [name for name, times in scripts.items() if times * 25 >= scripts.total()]
            if len(set(common) - _WRITTEN_TOGETHER) > _MAX_SCRIPTS:
                raise UndecodableText


def _looks_written(text: str) -> bool:
    """Whether codes that were taken for ASCII are such: TeX's fonts do not say so."""
    letters = [letter for letter in text.lower() if letter.isalpha()]
    if sum(letter.isascii() for letter in letters) < 0.7 * len(letters):
        return False
    capitals = sum(letter.isupper() for letter in text)
    vowels = sum(map(letters.count, "aeiou"))
    return len(letters) < _MIN_JUDGED_LETTERS or (
        0.22 * len(letters) < vowels < 0.65 * len(letters) and capitals < 0.6 * len(letters)
    )


_WRITTEN_TOGETHER = frozenset(
    {"CJK", "HIRAGANA", "KATAKANA", "KATAKANA-HIRAGANA", "HANGUL", "FULLWIDTH", "HALFWIDTH"}
    | {"GREEK", "LATIN", "MODIFIER", "MATHEMATICAL"}
)
"""Scripts that stand beside each other in one text."""


def weigh(words: Sequence[Word]) -> int:
    """How many letters words have."""
    return sum(len(word.text) for word in words)
