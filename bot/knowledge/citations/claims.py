"""Splits a passage into claims: sentences, list items and table rows, with the headings above.

A row has the words of the header, and each of its cells those of its column.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import Enum

from bot.knowledge.citations.numbers import Figure, find_figures
from bot.knowledge.language.sentences import sentence_spans
from bot.knowledge.language.stopwords import REFERRING_WORDS, STOP_CHARACTERS, STOP_WORDS
from bot.knowledge.language.words import UNSPACED_CHARACTERS, extract_stems, is_unspaced, normalise

_MAX_CLAIMS = 300

_HEADING = re.compile(r"#{1,6}\s+\S")
_RULE = re.compile(r"[|\s:+=-]+")
_LIST_ITEM = re.compile(r"\s*(?:[-*+•]|\d{1,3}[.)])\s+")
_LABELLED = re.compile(r"\s*+(?:[-*+•]\s++)?[^:.;|]{1,60}[:：]\s?\S")
_CELLS = re.compile(r"[;|]")
_SETTING = re.compile(
    r"[ \t]*+(?:[\w.\"'<>-]++[ \t]++){0,6}[\w.\"'-]++[ \t]*+(?:=|:(?=[ \t]))[ \t]*+\S[^\s#/]*+"
    r"(?:[ \t]*+[#/].*+)?"
)
"""A line of a configuration or of code that gives one name one value."""
_SECTION = re.compile(r"\s*\[+[\w.\" -]+\]+\s*")
_CLAUSES = re.compile(
    rf"[,;:]\s+(?!(?:(?:19|20)\d\d|who|whom|whose|which|qui|dont|quien|welche[rs]?)\b)|(?<=[{UNSPACED_CHARACTERS}])[,;:]"
    rf"|[,;:](?=[{UNSPACED_CHARACTERS}])"
    r"|[，；、：]|=|\s[–—]\s|\s(?=(?:and|while|whereas|but|und|während|aber|et|mais|y|pero|e)\s)"
)
_COUNT_CONNECTORS = re.compile(
    r"\s?%?(?:\s(?:or|more|less|fewer|of|the|per|oder|mehr|weniger|der|pro|von|ou|plus|de|des|los|las"
    r"|la|les|o|más|por|par)\b)+",
    re.IGNORECASE,
)
WORD_PATTERN = re.compile(r"[^\W_]+")
STOP_STEMS = extract_stems(" ".join(STOP_WORDS))
"""The stems of stop words."""


class Kind(Enum):
    """The kind of a claim; a sentence may refer to its neighbours, a row does not."""

    SENTENCE = "sentence"
    ITEM = "item"
    ROW = "row"


@dataclass(frozen=True, slots=True)
class Cell:
    """A clause of a sentence or a cell of a row, with its figures, what stands before each
    and what it counts; `head` are the words before the first, `subject` those without the
    last of them, which is as a rule the verb; `tail` are those behind the last and what it
    counts. One that `refers` has a word for what was named before."""

    words: frozenset[str]
    figures: tuple[Figure, ...]
    before: tuple[frozenset[str], ...] = ()
    counted: tuple[frozenset[str], ...] = ()
    head: frozenset[str] = frozenset()
    subject: frozenset[str] = frozenset()
    tail: frozenset[str] = frozenset()
    refers: bool = False
    column: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Claim:
    """A sentence, list item or row; `above` are the words of the headings and the line before.
    One that `refers` begins with a word for what the sentence before speaks of."""

    kind: Kind
    cells: tuple[Cell, ...]
    above: Cell
    part: int = 0
    refers: bool = False


@dataclass(frozen=True, slots=True)
class PassageClaims:
    """The claims of a passage; `whole` has its words and figures together."""

    claims: tuple[Claim, ...] = field(repr=False)
    whole: Cell = field(repr=False)


def extract_claims(passage: str, heading: str = "") -> PassageClaims:
    """Splits a passage into claims; `heading` has the titles and headings above it."""
    text = normalise(passage)
    found: list[Claim] = []
    headings: list[tuple[int, str]] = []
    intro, header, part = "", [""], 0
    for kind, line in _split_lines(text):
        if kind is None:  # a heading
            level = len(line) - len(line.lstrip("#"))
            headings = [one for one in headings if one[0] < level] + [(level, line)]
            intro, header, part = "", [""], part + 1
            continue
        above = "\n".join([heading, *(one for _, one in headings)])
        if kind is Kind.SENTENCE:
            header = [""]
            for start, end in sentence_spans(line):
                refers = _first_word(line[start:end]) in REFERRING_WORDS
                found.append(
                    Claim(kind, _make_cells(line[start:end]), _make_cell(above), part, refers)
                )
            intro = line if line.rstrip().endswith((":", "：")) else ""
        elif kind is Kind.ITEM:
            found.append(Claim(kind, _make_cells(line), _make_cell(f"{above}\n{intro}"), part))
        else:
            cells = [cell.strip() for cell in _CELLS.split(line.strip().strip("|"))]
            if line.strip().startswith("|") and header == [""]:
                header = cells
                continue
            found.append(
                Claim(
                    kind,
                    _make_row(cells, header),
                    _make_cell(f"{above}\n{intro}\n{' '.join(header)}"),
                    part,
                )
            )
        if len(found) >= _MAX_CLAIMS:
            break
    return PassageClaims(tuple(found), _make_cell(f"{heading}\n{text}"))


def _split_lines(text: str) -> list[tuple[Kind | None, str]]:
    """Headings (None), rows, list items with their further lines, and paragraphs."""
    found: list[tuple[Kind | None, list[str]]] = []
    open_ = False
    for line in text.split("\n"):
        stripped = line.strip()
        if not stripped or (_RULE.fullmatch(stripped) and len(stripped) > 2):
            open_ = False
        elif _HEADING.match(line):
            found.append((None, [line]))
            open_ = False
        elif stripped.startswith("|") or (_LABELLED.match(line) and "; " in line):
            found.append((Kind.ROW, [line]))
            open_ = False
        elif _LIST_ITEM.match(line):
            found.append((Kind.ITEM, [line]))
            open_ = True
        elif _SECTION.fullmatch(line):
            found.append((Kind.SENTENCE, [f"{stripped.strip('[]')}:"]))
            open_ = False
        elif _SETTING.fullmatch(line):
            found.append((Kind.ITEM, [line]))
            open_ = False
        elif open_ and found and found[-1][0] in (Kind.ITEM, Kind.SENTENCE):
            found[-1][1].append(line)
        else:
            found.append((Kind.SENTENCE, [line]))
            open_ = True
    return [(kind, "\n".join(lines)) for kind, lines in found]


def _first_word(text: str) -> str:
    found = WORD_PATTERN.search(text)
    return found[0].casefold() if found else ""


def _make_cells(text: str) -> tuple[Cell, ...]:
    return tuple(_make_cell(part) for part in split_clauses(text))


def split_clauses(text: str) -> list[str]:
    """Splits a sentence into clauses at commas and conjunctions."""
    return [part for part in _CLAUSES.split(text) if part and part.strip()]


def _make_row(cells: Sequence[str], header: Sequence[str]) -> tuple[Cell, ...]:
    found = []
    for at, cell in enumerate(cells):
        column = header[at] if at < len(header) else ""
        if not column and ":" in cell:
            column = cell.split(":", 1)[0]
        found.append(_make_cell(cell, column))
    return tuple(found)


def _make_cell(text: str, column: str = "") -> Cell:
    read_ = find_figures(text, spelled=True)
    before = WORD_PATTERN.findall(text[: read_[0].start]) if read_ else []
    head = [one for one in map(content_stems, before) if one]
    return Cell(
        content_stems(f"{column}\n{text}"),
        tuple(read_),
        tuple(_stems_before(text[: one.start]) for one in read_),
        tuple(counted_stems(text, one) for one in read_),
        frozenset().union(*head),
        frozenset().union(*head[:-1]),
        content_stems(text[read_[-1].end :]) - counted_stems(text, read_[-1])
        if read_
        else frozenset(),
        not REFERRING_WORDS.isdisjoint(WORD_PATTERN.findall(text.casefold())),
        content_stems(column),
    )


def content_stems(text: str) -> frozenset[str]:
    """Returns the stems of a text without stop words and figures."""
    return frozenset(
        one
        for one in extract_stems(text) - STOP_STEMS
        if not one.isdigit()
        and (not (set(one) <= STOP_CHARACTERS or len(one) < 2) if is_unspaced(one) else True)
    )


def _stems_before(text: str) -> frozenset[str]:
    """Returns the stems of the word before a figure, also of a stop word."""
    found = WORD_PATTERN.findall(text[-40:])
    return (
        extract_stems(found[-1][-2:] if is_unspaced(found[-1]) else found[-1])
        if found
        else frozenset()
    )


def stems_after(text: str, figure: Figure) -> frozenset[str]:
    """Returns the stems of the word right after a figure."""
    return _stems_from(text, figure.end)


def counted_stems(text: str, figure: Figure) -> frozenset[str]:
    """Returns the stems of what a figure counts: `dog` in "71 % of the dogs"."""
    between = _COUNT_CONNECTORS.match(text, figure.end)
    return _stems_from(text, between.end() if between else figure.end)


def _stems_from(text: str, start: int) -> frozenset[str]:
    found = WORD_PATTERN.search(text, start, start + 40)
    if found is None or re.search(r"[.,;:|\n]", text[start : found.start()]):
        return frozenset()
    return content_stems(found[0][:2] if is_unspaced(found[0]) else found[0])
