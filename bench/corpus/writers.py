"""The programs that make the files of the corpus, as writers.yaml names them.

Debian has all of them. The writers in Python run in an environment of their own, build/corpus/venv,
with PYTHON_PACKAGES.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import yaml

from bench.corpus.tree import Grid, Listing, Piece, Runs, Source

PYTHON_PACKAGES = (
    "python-docx==1.2.0",
    "openpyxl==3.1.5",
    "XlsxWriter==3.2.9",
    "python-pptx==1.0.2",
    "PyYAML==6.0.3",
)
_WRITERS = Path(__file__).with_name("writers.yaml")
_WINDOWS = {
    **dict.fromkeys(("de", "fr", "es", "en"), "windows-1252"),
    "ru": "windows-1251",
    "el": "windows-1253",
    "tr": "windows-1254",
    "ar": "windows-1256",
    "zh": "gb18030",
    "ja": "cp932",
    "ko": "cp949",
}
"""What Notepad and Excel write, by language."""
_OTHERS = _WINDOWS | {"ru": "koi8-r", "el": "iso-8859-7", "ja": "euc-jp", "zh": "gbk"}
_ENCODINGS = {"windows": _WINDOWS, "others": _OTHERS}


@dataclass(frozen=True, slots=True)
class Writer:
    """One way to make files of one format; the fields are those of writers.yaml."""

    name: str
    format: str
    suffix: str
    of: str
    rendering: str
    program: str
    script: str
    scores: frozenset[str]
    together: bool = False
    every: int = 1
    without: frozenset[str] = frozenset()
    languages: frozenset[str] | None = None
    encodings: dict[str, str] | None = None
    adds: str = ""

    def file_name(self, source: Source) -> str:
        """The name of a source's file."""
        return f"{source.name}.{self.name.replace(' ', '-').lower()}{self.suffix}"

    def can_say(self, source: Source) -> bool:
        """Whether the program and the format can say what a source says."""
        right = {
            "document": bool(source.pieces),
            "slides": bool(source.slides),
            "sheets": bool(source.sheets),
            "one sheet": len(source.sheets) == 1,
        }[self.of]
        known = self.languages is None or source.language in self.languages
        taken = zlib.crc32(f"{self.name} {source.name}".encode()) % self.every == 0
        return right and known and taken and not kinds_of(source) & self.without


def load_writers() -> list[Writer]:
    """Every writer."""
    formats = yaml.safe_load(_WRITERS.read_text(encoding="utf-8"))
    return [_writer(one | raw) for one in formats for raw in one["writers"]]


def _writer(raw: dict[str, Any]) -> Writer:
    return Writer(
        name=raw["name"],
        format=raw["format"],
        suffix=raw["suffix"],
        of=raw["of"],
        rendering=raw["from"],
        program=raw["program"],
        script=raw["script"],
        scores=frozenset(raw["scores"]),
        together=raw.get("together", False),
        every=raw.get("every", 1),
        without=frozenset(raw.get("without", ())),
        languages=frozenset(raw["languages"]) if "languages" in raw else None,
        encodings=_ENCODINGS.get(raw.get("encodings", "")),
        adds=raw.get("adds", ""),
    )


def kinds_of(source: Source) -> set[str]:
    """What a source has: its language, kinds of pieces, marks, kinds of lists and tables."""
    return {source.language} | {kind for piece in source.pieces for kind in _kinds(piece)}


def _kinds(piece: Piece) -> set[str]:
    kinds = {type(piece).__name__, *_marks(getattr(piece, "runs", ()))}
    if isinstance(piece, Listing):
        kinds |= {"letters"} if piece.style not in ("", "1") else set()
        kinds |= {"start"} if piece.start != 1 else set()
        for item in piece.items:
            kinds |= _marks(item.runs)
            kinds |= {"ticks"} if item.done is not None else set()
            kinds |= _kinds(item.inside) if item.inside is not None else set()
    if isinstance(piece, Grid):
        kinds |= {"caption"} if piece.caption else set()
        for cell in (cell for row in piece.rows for cell in row):
            kinds |= _marks(cell.runs)
            kinds |= {"across"} if cell.columns > 1 else set()
            kinds |= {"down"} if cell.rows > 1 else set()
    return kinds


def _marks(runs: Runs) -> set[str]:
    marks = {run.mark for run in runs if run.mark}
    for before, after in pairwise(runs):
        if before.text[-1:].isalpha() and after.text[:1].isalpha() and after.mark != "note":
            marks.add("within word")
    return marks
