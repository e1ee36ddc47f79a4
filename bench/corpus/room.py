"""The scores of the corpus by format, for `make bench ARGS=corpus`.

Every file is read as Parlance reads it, in the child process of its loaders. What was wrong is in
build/corpus/faults.txt, the scores of each writer in build/corpus/scores.txt.
"""

from __future__ import annotations

import asyncio
import re
import sys
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from bench.corpus.build import FOLDER, ROOT, Built, build
from bench.corpus.expected import expect, tokens_of
from bench.corpus.scoring import Fault, Score, Share, compare
from bench.corpus.tree import Source, load_sources
from bench.rows import Row
from bot.errors import Refused
from bot.knowledge.loading.document import RawDocument
from bot.knowledge.loading.document_reader import DocumentReader

WORDS_TARGET = 0.995
STRUCTURE_TARGET = 0.98


@dataclass(slots=True)
class Total:
    """The sum over files."""

    files: int = 0
    words: Share = field(default_factory=Share)
    order: Share = field(default_factory=Share)
    headings: Share = field(default_factory=Share)
    cells: Share = field(default_factory=Share)
    markers: Share = field(default_factory=Share)
    figures_changed: int = 0
    noise: int = 0

    def add(self, score: Score) -> None:
        """Add one file."""
        self.files += 1
        for name in ("words", "order", "headings", "cells", "markers"):
            getattr(self, name).add(getattr(score, name))
        self.figures_changed += score.figures_changed
        self.noise += score.noise


async def rows(quick: bool) -> list[Row]:
    """One row for each score of each format, for the sources written without the loaders in view
    and for the others apart. With `quick` every third source is taken."""
    sources = load_sources()[:: 3 if quick else 1]
    corpus = await asyncio.to_thread(build, sources)
    for sentence in corpus.told:
        print(sentence, file=sys.stderr, flush=True)
    scored = await score_files(corpus.files)
    write_reports(scored)
    print(f"Every fault is in {(FOLDER / 'faults.txt').relative_to(ROOT)}.", file=sys.stderr)
    return _rows(scored)


async def score_files(files: Sequence[Built]) -> list[tuple[Built, Score]]:
    """Read each file with the loaders, and score it."""
    reader = DocumentReader()
    try:
        return [(one, await _score(reader, one)) for one in files]
    finally:
        await reader.aclose()


async def _score(reader: DocumentReader, built: Built) -> Score:
    writer, expected = built.writer, expect(built.source)
    if "notes of slides" in writer.without:
        notes = [tokens_of(slide.notes) for slide in built.source.slides]
        expected.pieces = [piece for piece in expected.pieces if piece not in notes]
    data = await asyncio.to_thread(built.path.read_bytes)
    try:
        loaded = await reader.load(RawDocument(f"{built.source.name}{writer.suffix}", data))
    except Refused as refused:
        words = Share(0, sum(1 for _ in expected.tokens))
        return Score(words=words, faults=[Fault("file refused", "", str(refused))])
    return compare(
        expected,
        loaded,
        headings="headings" in writer.scores,
        tables="tables" in writer.scores,
        lists="lists" in writer.scores,
        allowed=(*tokens_of(writer.adds), *(_date(data) if writer.format == "E-mail" else ())),
    )


def _date(message: bytes) -> tuple[str, ...]:
    """What the head of an e-mail says of its date."""
    return tokens_of("".join(re.findall(r"^Date: .*$", message.decode("latin-1"), re.MULTILINE)))


def _rows(scored: Sequence[tuple[Built, Score]]) -> list[Row]:
    totals = sum_up(scored, by_writer=False)
    made: list[Row] = []
    for (form, _, half), total in sorted(totals.items()):
        name = f"{form}, {half}"
        ok = None if half == "report only" else True
        made.append(Row(f"{name}: files", total.files, "", "", None))
        for what, share, target in (
            ("words kept", total.words, WORDS_TARGET),
            ("headings", total.headings, STRUCTURE_TARGET),
            ("cells in their column", total.cells, STRUCTURE_TARGET),
        ):
            if share.value is not None:
                reached = None if ok is None else share.value >= target
                made.append(Row(f"{name}: {what}", share.value, "", f"≥ {target:g}", reached))
        for what, count in (("figures changed", total.figures_changed), ("noise", total.noise)):
            made.append(Row(f"{name}: {what}", count, "", "0", None if ok is None else not count))
    return made


def half_of(source: Source) -> str:
    """The half of the corpus that a source belongs to."""
    if source.report_only:
        return "report only"
    return "seen" if source.seen else "unseen"


def sum_up(
    scored: Sequence[tuple[Built, Score]], *, by_writer: bool
) -> dict[tuple[str, str, str], Total]:
    """Totals by format, by writer if asked for, and by half."""
    totals: dict[tuple[str, str, str], Total] = defaultdict(Total)
    for built, score in scored:
        writer = built.writer.name if by_writer else ""
        totals[built.writer.format, writer, half_of(built.source)].add(score)
    return totals


def write_reports(scored: Sequence[tuple[Built, Score]], folder: Path = FOLDER) -> None:
    """Write the scores by format and writer, and every fault, the most frequent kinds first."""
    totals = sum_up(scored, by_writer=False) | sum_up(scored, by_writer=True)
    lines = [
        f"{'format':<18}{'writer':<20}{'half':<13}{'files':>5}{'words':>9}{'order':>9}"
        f"{'headings':>9}{'cells':>9}{'numbers':>9}{'figures':>8}{'noise':>7}"
    ]
    for (form, writer, half), total in sorted(totals.items()):
        shares = (total.words, total.order, total.headings, total.cells, total.markers)
        shown = "".join(f"{_percent(share):>9}" for share in shares)
        lines.append(
            f"{form:<18}{writer or 'all':<20}{half:<13}{total.files:>5}{shown}"
            f"{total.figures_changed:>8}{total.noise:>7}"
        )
    (folder / "scores.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")
    kinds: Counter[tuple[str, str]] = Counter()
    for built, score in scored:
        kinds.update((built.writer.format, fault.kind) for fault in score.faults)
    told: list[str] = []
    for (form, kind), count in kinds.most_common():
        told.append(f"\n## {form}: {kind} ({count})\n")
        for built, score in scored:
            for fault in score.faults:
                if (built.writer.format, fault.kind) == (form, kind):
                    told.append(_line(built, fault))
    (folder / "faults.txt").write_text("\n".join(told) + "\n", encoding="utf-8")


def _line(built: Built, fault: Fault) -> str:
    path = built.path.relative_to(FOLDER)
    return f"- {path}: expected [{fault.expected[:300]}] found [{fault.found[:300]}]"


def _percent(share: Share) -> str:
    return "" if share.value is None else f"{share.value:.2%}"
