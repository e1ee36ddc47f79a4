"""The sources of the corpus: small documents as neutral trees, read from YAML.

A source says what a person must be able to read; nothing here knows a loader. Text may hold marks,
which do not nest: `{b:bold}`, `{i:italic}`, `{code:…}`, `{sup:…}`, `{sub:…}`, `{note:footnote}`,
`{link:text|address}`, `{ruby:base|reading}`.
"""

from __future__ import annotations

import datetime
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TypeAlias

import yaml

SOURCES = Path(__file__).parent / "sources"
_MARK = re.compile(r"\{(b|i|code|sup|sub|link|note|ruby):([^{}]*)\}")


@dataclass(frozen=True, slots=True)
class Run:
    """A piece of text with one mark; `more` is a link's address or the reading of a ruby text."""

    text: str
    mark: str = ""
    more: str = ""


Runs: TypeAlias = tuple[Run, ...]


@dataclass(frozen=True, slots=True)
class Title:
    level: int
    runs: Runs


@dataclass(frozen=True, slots=True)
class Text:
    runs: Runs
    kind: Literal["text", "quote"] = "text"


@dataclass(frozen=True, slots=True)
class Item:
    """An item of a list, with the list inside of it, if any. `done` is the tick of a checklist."""

    runs: Runs
    inside: Listing | None = None
    done: bool | None = None


@dataclass(frozen=True, slots=True)
class Listing:
    """A list. `style` is `1`, `a`, `A` or `i`, or "" for one with bullets or boxes."""

    items: tuple[Item, ...]
    style: str = ""
    start: int = 1


@dataclass(frozen=True, slots=True)
class Cell:
    runs: Runs
    columns: int = 1
    rows: int = 1


@dataclass(frozen=True, slots=True)
class Grid:
    """A table with one row of names."""

    header: tuple[Runs, ...]
    rows: tuple[tuple[Cell, ...], ...]
    caption: str = ""


@dataclass(frozen=True, slots=True)
class Program:
    text: str
    language: str = ""


@dataclass(frozen=True, slots=True)
class Definitions:
    terms: tuple[tuple[Runs, Runs], ...]


Piece: TypeAlias = Title | Text | Listing | Grid | Program | Definitions


@dataclass(frozen=True, slots=True)
class Value:
    """A cell of a workbook: what is stored, how it is formatted, and what Excel then shows."""

    stored: str | int | float | datetime.date
    shown: str
    pattern: str = ""


@dataclass(frozen=True, slots=True)
class Sheet:
    name: str
    columns: tuple[str, ...]
    rows: tuple[tuple[Value, ...], ...]

    def grid(self) -> Grid:
        """The sheet as the table that a person sees."""
        cells = (tuple(Cell((Run(value.shown),)) for value in row) for row in self.rows)
        return Grid(tuple((Run(name),) for name in self.columns), tuple(cells))


@dataclass(frozen=True, slots=True)
class Slide:
    title: str
    pieces: tuple[Piece, ...]
    notes: str = ""


@dataclass(frozen=True, slots=True)
class Source:
    """One source. `seen` tells that its writer knew the loaders; `report_only`, that what it is
    scored is told apart and no target."""

    name: str
    language: str
    title: str
    seen: bool
    report_only: bool = False
    pieces: tuple[Piece, ...] = ()
    sheets: tuple[Sheet, ...] = ()
    slides: tuple[Slide, ...] = ()


def parse_runs(text: str) -> Runs:
    """Read the marks of a text."""
    runs: list[Run] = []
    end = 0
    for found in _MARK.finditer(text):
        runs.append(Run(text[end : found.start()]))
        inner, _, more = (
            found[2].partition("|") if found[1] in ("link", "ruby") else (found[2], "", "")
        )
        runs.append(Run(inner, found[1], more))
        end = found.end()
    runs.append(Run(text[end:]))
    return tuple(run for run in runs if run.text or run.mark)


def load_sources(folder: Path = SOURCES) -> list[Source]:
    """Read every source, in the order of their names."""
    return [read_source(path) for path in sorted(folder.glob("*.yaml"))]


def read_source(path: Path) -> Source:
    """Read one source."""
    raw = yaml.safe_load(path.read_text(encoding="utf-8"))
    return Source(
        name=path.stem,
        language=raw["language"],
        title=raw["title"],
        seen=raw["seen"],
        report_only=raw.get("report_only", False),
        pieces=tuple(map(_piece, raw.get("blocks", ()))),
        sheets=tuple(map(_sheet, raw.get("sheets", ()))),
        slides=tuple(
            Slide(one["title"], tuple(map(_piece, one.get("blocks", ()))), one.get("notes", ""))
            for one in raw.get("slides", ())
        ),
    )


def _piece(raw: dict[str, Any]) -> Piece:
    kind, value = next(iter(raw.items()))
    match kind:
        case "h2" | "h3" | "h4":
            return Title(int(kind[1]), parse_runs(value))
        case "p":
            return Text(parse_runs(value))
        case "quote":
            return Text(parse_runs(value), "quote")
        case "ul" | "ol" | "check":
            listing = _listing(raw)
            assert listing is not None
            return listing
        case "table":
            rows = tuple(tuple(map(_cell, row)) for row in value["rows"])
            if any(sum(cell.columns for cell in row) > len(value["header"]) for row in rows):
                raise ValueError(f"a row is longer than {value['header']}")
            return Grid(tuple(map(parse_runs, value["header"])), rows, value.get("caption", ""))
        case "code":
            return Program(value.rstrip("\n"), raw.get("language", ""))
        case "dl":
            return Definitions(tuple((parse_runs(term), parse_runs(text)) for term, text in value))
    raise ValueError(f"no such piece: {kind}")


def _listing(raw: dict[str, Any]) -> Listing | None:
    if "check" in raw:
        return Listing(tuple(Item(parse_runs(text), done=done) for done, text in raw["check"]))
    items = raw.get("ol", raw.get("ul"))
    if items is None:
        return None
    style = str(raw.get("style", "1")) if "ol" in raw else ""
    return Listing(tuple(map(_item, items)), style, raw.get("start", 1))


def _item(raw: str | dict[str, Any]) -> Item:
    if isinstance(raw, str):
        return Item(parse_runs(raw))
    return Item(parse_runs(raw["p"]), _listing(raw))


def _cell(raw: str | dict[str, Any]) -> Cell:
    if isinstance(raw, str):
        return Cell(parse_runs(raw))
    return Cell(parse_runs(raw["t"]), raw.get("cols", 1), raw.get("rows", 1))


def _sheet(raw: dict[str, Any]) -> Sheet:
    patterns: Sequence[str] = raw.get("formats", [""] * len(raw["columns"]))
    rows = (
        tuple(_value(value, pattern) for value, pattern in zip(row, patterns, strict=True))
        for row in raw["rows"]
    )
    return Sheet(raw["name"], tuple(raw["columns"]), tuple(rows))


def _value(raw: Any, pattern: str) -> Value:
    stored, shown = raw if isinstance(raw, list) else (raw, str(raw))
    return Value(stored, shown, "" if isinstance(stored, str) else pattern)


def marker(listing: Listing, index: int) -> str:
    """The number or letter before an item, without a dot or bracket; "" with bullets."""
    number = listing.start + index
    match listing.style:
        case "1":
            return str(number)
        case "a":
            return chr(ord("a") + number - 1)
        case "A":
            return chr(ord("A") + number - 1)
        case "i":
            return ("i", "ii", "iii", "iv", "v", "vi", "vii", "viii", "ix", "x")[number - 1]
    return ""


def covered(grid: Grid) -> list[list[Runs]]:
    """The rows of a table in full: what a merged cell says, in every place that it covers."""
    width = len(grid.header)
    below: dict[tuple[int, int], Runs] = {}
    full: list[list[Runs]] = []
    for at, row in enumerate(grid.rows):
        line: list[Runs] = []
        cells: Iterator[Cell] = iter(row)
        while len(line) < width:
            if (at, len(line)) in below:
                line.append(below[at, len(line)])
                continue
            cell = next(cells, Cell(()))
            for _ in range(cell.columns):
                for down in range(1, cell.rows):
                    below[at + down, len(line)] = cell.runs
                line.append(cell.runs)
        full.append(line)
    return full
