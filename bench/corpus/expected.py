"""What a file of the corpus must say, taken from its source and from nothing else."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from bench.corpus.tree import (
    Definitions,
    Grid,
    Listing,
    Piece,
    Program,
    Runs,
    Source,
    Text,
    Title,
    covered,
    marker,
)

Tokens = tuple[str, ...]
EAST_ASIAN = "\u3005-\u3007\u3040-\u30ff\u3400-\u9fff"
"""Characters of Chinese and Japanese, which have no spaces between words: each is a token."""
_TOKEN = re.compile(
    rf"[{EAST_ASIAN}]"
    rf"|(?:[^\W\d_²³¹⁰-₟{EAST_ASIAN}][\u0300-\u036f\u0591-\u05c7\u064b-\u065f]*)+"  # a word
    r"|(?:(?<![\w.,)\]])[-+])?\d+(?:[.,:/]\d+)*"  # a figure
    r"|[⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻]+|[₀-₉]+"  # what is raised or lowered
    r"|[§%‰°№½×·]|[$£€₺¥₩₽]"
)
_CUT = re.compile(rf"(?<=([{EAST_ASIAN}]))\s+(?=([{EAST_ASIAN}]))")
_FIGURE = re.compile(r"[-+]?\d[\d.,:/]*|[⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻₀-₉]+|½")
_RAISED = str.maketrans("0123456789+-−", "⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻⁻")
_LOWERED = str.maketrans("0123456789", "₀₁₂₃₄₅₆₇₈₉")


def tokens_of(text: str) -> Tokens:
    """The words, figures and signs of a text. Marks are kept; only composed forms are made."""
    text = unicodedata.normalize("NFC", text).replace("−", "-")
    return tuple(_TOKEN.findall(text))


def cuts_of(text: str) -> Iterator[tuple[str, str]]:
    """The pairs of Chinese or Japanese characters that stand apart."""
    return ((found[1], found[2]) for found in _CUT.finditer(text))


def is_figure(token: str) -> bool:
    """Whether a token is a number, a raised or a lowered figure."""
    return _FIGURE.fullmatch(token) is not None


@dataclass(frozen=True, slots=True)
class Table:
    """A table: its names, and the tokens of each cell."""

    header: tuple[Tokens, ...]
    rows: tuple[tuple[Tokens, ...], ...]


@dataclass(slots=True)
class Expected:
    """What a file says: pieces in their order, its headings, tables and numbered items.

    `allowed` are tokens that may stand in the file besides: addresses of links, numbers of notes.
    `repeated` are those of merged cells, for every further place that such a cell covers.
    `cuts` are the pairs of Chinese or Japanese characters with a space between them.
    """

    pieces: list[Tokens] = field(default_factory=list)
    headings: list[tuple[int, Tokens]] = field(default_factory=list)
    tables: list[Table] = field(default_factory=list)
    items: list[tuple[str, Tokens]] = field(default_factory=list)
    allowed: set[str] = field(default_factory=set)
    repeated: Counter[str] = field(default_factory=Counter)
    cuts: set[tuple[str, str]] = field(default_factory=set)

    @property
    def tokens(self) -> Iterator[str]:
        """Every token, in order."""
        return (token for piece in self.pieces for token in piece)


def expect(source: Source) -> Expected:
    """What a source says as a document, as sheets or as slides."""
    expected = Expected()
    notes: list[Tokens] = []
    if not source.sheets and not source.slides:
        _heading(expected, 1, tokens_of(source.title))
    _pieces(expected, source.pieces, notes)
    for sheet in source.sheets:
        expected.allowed.update(tokens_of(sheet.name))
        _grid(expected, sheet.grid(), notes)
    for slide in source.slides:
        _heading(expected, 1, tokens_of(slide.title))
        _pieces(expected, slide.pieces, notes)
        expected.pieces += [tokens_of(slide.notes)]
    expected.pieces += notes
    for number in range(1, len(notes) + 1):
        expected.allowed |= {str(number), *tokens_of(str(number).translate(_RAISED))}
    expected.allowed.update(tokens_of(source.title))
    expected.cuts.update(cuts_of(source.title))
    for slide in source.slides:
        expected.cuts.update(cuts_of(slide.title + "\0" + slide.notes))
    return expected


def _heading(expected: Expected, level: int, text: Tokens) -> None:
    expected.headings.append((level, text))
    expected.pieces.append(text)


def _pieces(expected: Expected, pieces: Iterable[Piece], notes: list[Tokens]) -> None:
    for piece in pieces:
        match piece:
            case Title():
                _heading(expected, piece.level, _whole(expected, piece.runs, notes))
            case Text():
                expected.pieces += _parts(expected, piece.runs, notes)
            case Listing():
                _listing(expected, piece, notes)
            case Program():
                expected.pieces.append(tokens_of(piece.text))
            case Definitions():
                for term, text in piece.terms:
                    expected.pieces += _parts(expected, term, notes)
                    expected.pieces += _parts(expected, text, notes)
            case Grid():
                _grid(expected, piece, notes)


def _listing(expected: Expected, listing: Listing, notes: list[Tokens]) -> None:
    for at, item in enumerate(listing.items):
        parts = _parts(expected, item.runs, notes)
        label = marker(listing, at)
        if item.done is not None:
            label = "[x]" if item.done else "[ ]"
            expected.allowed.add("x")
        elif label:
            expected.allowed.add(label)
        expected.items.append((label, parts[0]))
        expected.pieces += parts
        if item.inside is not None:
            _listing(expected, item.inside, notes)


def _grid(expected: Expected, grid: Grid, notes: list[Tokens]) -> None:
    header = tuple(_whole(expected, name, notes) for name in grid.header)
    rows = tuple(tuple(_whole(expected, cell, notes) for cell in row) for row in covered(grid))
    expected.tables.append(Table(header, rows))
    expected.pieces += [tokens_of(grid.caption), *header]
    for cell in (cell for row in grid.rows for cell in row):
        text = _whole(expected, cell.runs, [])
        expected.pieces.append(text)
        for _ in range(cell.columns * cell.rows - 1):
            expected.repeated.update(text)


def _whole(expected: Expected, runs: Runs, notes: list[Tokens]) -> Tokens:
    return tuple(token for part in _parts(expected, runs, notes) for token in part)


def _parts(expected: Expected, runs: Runs, notes: list[Tokens]) -> list[Tokens]:
    """The tokens of a text; it is cut where a footnote's number or a reading may stand in it."""
    parts = [""]
    for run in runs:
        match run.mark:
            case "note":
                notes.append(tokens_of(run.text))
                parts.append("")
            case "ruby":  # the reading may stand in the text, or above it and not in it
                parts[-1] += run.text
                parts.append("")
                expected.allowed.update(tokens_of(run.more))
            case "sup":
                parts[-1] += run.text.translate(_RAISED)
            case "sub":
                parts[-1] += run.text.translate(_LOWERED)
            case "link":
                parts[-1] += run.text
                expected.allowed.update(tokens_of(run.more))
            case _:
                parts[-1] += run.text
    for part in parts:
        expected.cuts.update(cuts_of(part))
    return [tokens_of(part) for part in parts]
