"""Compares what a loader has read from a file with what the file's source says."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from difflib import SequenceMatcher
from itertools import pairwise

from bench.corpus.expected import Expected, Table, Tokens, cuts_of, is_figure, tokens_of
from bot.skills import document_tree as read
from bot.skills.document_loader import Loaded

_MARKUP = re.compile(
    r"</?[a-z][a-z0-9]*(?: [^<>]*)?>|&(?:#\d+|[a-z]+);|\*\*|(?<!_)__(?!_)|:sup:|:sub:|\\text\w+"
)
_BASE64 = re.compile(r"(?=[A-Za-z0-9+/]*[0-9+/])(?=[A-Za-z0-9+/]*[a-z])[A-Za-z0-9+/]{60,}={0,2}")
_COMPARED_TOKENS = 6
"""Tokens of an item by which it is known."""
_TICKS = {"☒": "[x]", "☑": "[x]", "☐": "[ ]", "✓": "[x]"}
_PLACE = re.compile(r"\s*\(?\b[Ss]lide \d+\)?$")
"""What Parlance itself says of a place in a file."""
_MARKER = re.compile(r"[(\s]*(\[[ xX]\]|[☒☑☐✓]|\w+)[.)\]]*\s*")


@dataclass(slots=True)
class Share:
    """How many were right, of how many."""

    right: int = 0
    all: int = 0

    def add(self, other: Share) -> None:
        self.right += other.right
        self.all += other.all

    @property
    def value(self) -> float | None:
        """The share, or None where there was nothing to be right."""
        return self.right / self.all if self.all else None


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault of a file: of what kind, what was expected, what was found."""

    kind: str
    expected: str
    found: str = ""


@dataclass(slots=True)
class Score:
    """How well one file was read."""

    words: Share = field(default_factory=Share)
    order: Share = field(default_factory=Share)
    headings: Share = field(default_factory=Share)
    cells: Share = field(default_factory=Share)
    markers: Share = field(default_factory=Share)
    figures_changed: int = 0
    noise: int = 0
    faults: list[Fault] = field(default_factory=list)


def compare(
    expected: Expected,
    loaded: Loaded,
    *,
    headings: bool = True,
    tables: bool = True,
    lists: bool = True,
    allowed: Iterable[str] = (),
) -> Score:
    """Score what was read. Headings, tables and lists are left out where the format has none; lines
    of plain text are not judged for spaces, as nobody can tell why they end."""
    score = Score()
    texts = list(_texts(loaded.blocks))
    found = [token for text in texts for token in tokens_of(text)]
    _compare_words(score, expected, found, expected.allowed | set(allowed))
    if tables:
        _find_cuts(score, expected, texts)
    _find_noise(score, [loaded.title, *texts])
    if headings:
        _compare_headings(score, expected, loaded)
    if tables:
        for table in expected.tables:
            _compare_table(score, table, [b for b in loaded.blocks if isinstance(b, read.Table)])
    if lists:
        _compare_items(score, expected, loaded.blocks)
    return score


def _texts(blocks: Iterable[read.Block]) -> Iterator[str]:
    """Each piece of text as it is read; numbers of items are compared apart."""
    for block in blocks:
        match block:
            case read.Heading():
                yield "" if block.shown == "Notes" else _PLACE.sub("", block.shown)
            case read.Table():
                yield block.caption
                for row in block.rows:
                    yield from row
            case _:
                yield block.text


def _compare_words(score: Score, expected: Expected, found: list[str], allowed: set[str]) -> None:
    want, have = Counter(expected.tokens), Counter(found)
    lost = want - have
    score.words = Share(want.total() - lost.total(), want.total())
    added = [
        token
        for token in have
        if token not in want and token not in allowed and token.isprintable()
    ]
    lost_words = [token for token in lost if not is_figure(token)]
    lost_figures = [token for token in lost.elements() if is_figure(token)]
    new_figures = [token for token in added if is_figure(token)]
    new_words = [token for token in added if not is_figure(token)]
    score.figures_changed = max(len(lost_figures), len(new_figures))
    again = have - want - expected.repeated
    twice = [token for token in again.elements() if token in want and token not in allowed]
    score.noise += len(new_words) + len(twice)
    _tell(score, "text told twice", [], twice)
    _tell(score, "word lost or cut", lost_words, new_words)
    if not lost_words:
        _tell(score, "word that is not in the source", [], new_words)
    if score.figures_changed:
        _tell(score, "figure changed", lost_figures, new_figures)
    # A writer may put a table's caption below it, and notes where it likes: only the order within
    # a piece is compared.
    pairs = Counter(pair for piece in expected.pieces for pair in pairwise(piece))
    missing = pairs - Counter(pairwise(found))
    score.order = Share(pairs.total() - missing.total(), pairs.total())
    torn = [" ".join(pair) for pair in missing if not any(token in lost for token in pair)]
    _tell(score, "words out of order", torn, [])


def _find_cuts(score: Score, expected: Expected, texts: Iterable[str]) -> None:
    """A space within a Chinese or Japanese text, where none is, cuts a word."""
    for text in texts:
        cuts = [pair for pair in cuts_of(text) if pair not in expected.cuts]
        score.words.right -= len(cuts)
        _tell(score, "word cut", [], [" ".join(pair) for pair in cuts])


def _tell(score: Score, kind: str, lost: Sequence[str], new: Sequence[str]) -> None:
    if lost or new:
        score.faults.append(Fault(kind, " | ".join(lost[:12]), " | ".join(new[:12])))


def _find_noise(score: Score, texts: Iterable[str]) -> None:
    for text in texts:
        odd = [c for c in text if _is_odd(c)]
        marks = [*_MARKUP.findall(text), *_BASE64.findall(text)]
        score.noise += len(odd) + len(marks)
        _tell(score, "control or unknown character stored", [], [f"U+{ord(c):04X}" for c in odd])
        _tell(score, "markup stored", [], [mark[:60] for mark in marks])


def _is_odd(character: str) -> bool:
    category = unicodedata.category(character)
    return character == "\ufffd" or (category in ("Cc", "Co", "Cn") and character not in "\n\t")


def _compare_headings(score: Score, expected: Expected, loaded: Loaded) -> None:
    want = [text for _, text in expected.headings]
    shown = [b for b in loaded.blocks if isinstance(b, read.Heading) and b.shown != "Notes"]
    named = [(one.level, tokens_of(_PLACE.sub("", one.shown))) for one in shown]
    # A title page and the subject of a letter say what the heading below them says.
    found = [two for one, two in pairwise([(0, ()), *named]) if one[1] != two[1]]
    title = tokens_of(loaded.title)
    if want and title == want[0] and title not in [text for _, text in found]:
        found.insert(0, (0, title))
    have = [text for _, text in found]
    matches = SequenceMatcher(a=want, b=have, autojunk=False).get_matching_blocks()
    same = [(m.a + n, m.b + n) for m in matches for n in range(m.size)]
    wrong = [
        (a, b)
        for (before_a, before_b), (a, b) in pairwise(same)
        if _step(expected.headings[before_a][0], expected.headings[a][0])
        != _step(found[before_b][0], found[b][0])
    ]
    score.headings = Share(len(same) - len(wrong), max(len(want), len(have)))
    _tell(
        score,
        "heading missed",
        [" ".join(text) for at, text in enumerate(want) if at not in {a for a, _ in same}],
        [],
    )
    false = [" ".join(text) for at, text in enumerate(have) if at not in {b for _, b in same}]
    _tell(score, "heading that is none", [], false)
    levels = [f"{expected.headings[a][0]} {' '.join(want[a])}" for a, _ in wrong]
    _tell(score, "heading at a wrong level", levels, [str(found[b][0]) for _, b in wrong])


def _step(before: int, after: int) -> int:
    return (after > before) - (after < before)


def _compare_table(score: Score, table: Table, found: Sequence[read.Table]) -> None:
    """Each cell must stand under its name, in the row of the first cell."""
    score.cells.all += sum(map(len, table.rows))
    names = [tuple(map(tokens_of, one.header)) for one in found]
    matching = [one for one, header in zip(found, names, strict=True) if header == table.header]
    if not matching:
        near = max(names, key=lambda header: len({*header} & {*table.header}), default=())
        _tell(score, "header of a table", [_line(table.header)], [_line(near)])
        matching = [
            one
            for one, header in zip(found, names, strict=True)
            if len({*header} & {*table.header}) >= max(1, len(table.header) // 2)
        ]
    rows = [
        (tuple(map(tokens_of, one.header)), tuple(map(tokens_of, row)))
        for one in matching
        for row in one.rows[one.header_rows :]
    ]
    for row in table.rows:
        right, shown = _best_row(table.header, row, rows)
        score.cells.right += right
        if right < len(row):
            _tell(score, "cells of a row", [_line(row)], [_line(shown)])


def _best_row(
    header: tuple[Tokens, ...],
    row: tuple[Tokens, ...],
    rows: Sequence[tuple[tuple[Tokens, ...], tuple[Tokens, ...]]],
) -> tuple[int, tuple[Tokens, ...]]:
    """How many cells of a row are right in the row that is nearest to it, and that row."""
    best = 0
    shown: tuple[Tokens, ...] = ()
    for names, values in rows:
        told = dict(zip(names, values, strict=False))
        right = sum(told.get(name) == cell for name, cell in zip(header, row, strict=True))
        if right > best:
            best, shown = right, values
    return best, shown


def _line(cells: Iterable[Tokens]) -> str:
    return " | ".join(" ".join(cell) for cell in cells)


def _compare_items(score: Score, expected: Expected, blocks: Sequence[read.Block]) -> None:
    """Each item must have its number, letter or tick, in a list or at the start of a paragraph."""
    found: dict[Tokens, list[str]] = {}
    for block in blocks:
        if isinstance(block, read.ListItem):
            found.setdefault(tokens_of(block.text)[:_COMPARED_TOKENS], []).append(
                _label(block.marker)
            )
        for line in () if isinstance(block, read.Table) else block.text.split("\n"):
            start = _MARKER.match(line)
            if start:
                rest = tokens_of(line[start.end() :])[:_COMPARED_TOKENS]
                found.setdefault(rest, []).append(_label(start[1]))
    for label, text in expected.items:
        if not label:
            continue
        score.markers.all += 1
        begins = text[:_COMPARED_TOKENS]
        labels = [
            shown
            for start, markers in found.items()
            if begins and start[: len(begins)] == begins
            for shown in markers
        ]
        if label in labels:
            score.markers.right += 1
        else:
            told = " ".join(begins)
            _tell(score, "number of a list", [f"{label} {told}"], labels or ["no item"])


def _label(shown: str) -> str:
    shown = shown.strip().strip("().").strip()
    shown = _TICKS.get(shown, shown)
    return "[x]" if shown == "[X]" else shown
