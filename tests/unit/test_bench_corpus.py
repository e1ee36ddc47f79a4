"""The scores of the corpus can fail: what is lost, changed or in a wrong place costs something."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from bench.corpus.expected import expect
from bench.corpus.scoring import Score, compare
from bench.corpus.tree import Grid, covered, load_sources, read_source
from bench.corpus.writers import load_writers
from bot.skills.document_loader import Loaded
from bot.skills.document_tree import Block, Heading, ListItem, Paragraph, Table

SOURCE = """
language: de
title: Prüfbericht
seen: false
blocks:
  - h2: Messung
  - p: "Gezählt wurden 10{sup:6} Keime{note:Im Mittel.} je m{sup:2}, am 3. Tag."
  - ol: ["Proben ziehen.", "Proben wiegen."]
    style: a
    start: 3
  - table:
      header: [Probe, Masse, Ort]
      rows:
        - [{t: S-01, rows: 2}, "1.204,5 g", Köln]
        - ["0,75 g", 第二会议室]
"""
READ = (
    Heading(1, "Prüfbericht"),
    Heading(2, "Messung"),
    Paragraph("Gezählt wurden 10⁶ Keime¹ je m², am 3. Tag."),
    ListItem("Proben ziehen.", "c."),
    ListItem("Proben wiegen.", "d."),
    Table(
        (
            ("Probe", "Masse", "Ort"),
            ("S-01", "1.204,5 g", "Köln"),
            ("S-01", "0,75 g", "第二会议室"),
        ),
        header_rows=1,
    ),
    Paragraph("¹ Im Mittel.", "note"),
)
SHARES = ("words", "order", "headings", "cells", "markers")


def score(blocks: tuple[Block, ...], folder: Path) -> Score:
    path = folder / "source.yaml"
    path.write_text(SOURCE, encoding="utf-8")
    return compare(expect(read_source(path)), Loaded(title="Prüfbericht", blocks=blocks))


def changed(old: str, new: str) -> Callable[[Block], Block]:
    """A change of the text of each block."""

    def change(block: Block) -> Block:
        if isinstance(block, Table):
            rows = tuple(tuple(cell.replace(old, new) for cell in row) for row in block.rows)
            return replace(block, rows=rows)
        return replace(block, text=block.text.replace(old, new))

    return change


def test_what_says_all_of_the_source_is_right(tmp_path: Path) -> None:
    whole = score(READ, tmp_path)
    assert whole.faults == []
    assert [getattr(whole, name).value for name in SHARES] == [1.0] * len(SHARES)
    assert (whole.figures_changed, whole.noise) == (0, 0)


@pytest.mark.parametrize(
    ("old", "new", "what"),
    [
        ("10⁶", "106", "figures_changed"),
        ("1.204,5", "1.204,8", "figures_changed"),
        ("3. Tag", "Tag", "figures_changed"),
        ("0,75", "-0,75", "figures_changed"),
        ("Keime¹ ", "", "words"),
        ("Gezählt", "Gez ählt", "words"),
        ("Gezählt", "Gezahlt", "words"),
        ("第二会议室", "第二会 议室", "words"),
        ("Gezählt wurden", "wurden Gezählt", "order"),
        ("Köln", "Bonn", "cells"),
        ("Masse", "Größe", "cells"),
        ("Messung", "Messungen", "headings"),
        ("Tag.", "Tag.\x00", "noise"),
        ("Tag.", "T\ufffdag.", "noise"),
        ("Tag.", "Tag. <span class='x'>", "noise"),
        ("Tag.", "Tag. Stichwort", "noise"),
        ("am 3. Tag.", "am 3. Tag. Gezählt wurden", "noise"),
        ("Tag.", "Tag. " + "iVBORw0KGgo4" * 8, "noise"),
    ],
)
def test_a_change_costs_something(tmp_path: Path, old: str, new: str, what: str) -> None:
    change = changed(old, new)
    broken = score(tuple(change(block) for block in READ), tmp_path)
    value = getattr(broken, what)
    assert value > 0 if isinstance(value, int) else value.value < 1
    assert broken.faults


def test_a_value_in_the_wrong_column_is_no_right_cell(tmp_path: Path) -> None:
    table = READ[5]
    assert isinstance(table, Table)
    rows = (table.rows[0], ("S-01", "Köln", "1.204,5 g"), table.rows[2])
    broken = score((*READ[:5], replace(table, rows=rows), READ[6]), tmp_path)
    assert (broken.cells.right, broken.cells.all) == (4, 6)
    assert broken.words.value == 1.0


def test_a_first_row_of_values_is_no_header(tmp_path: Path) -> None:
    table = READ[5]
    assert isinstance(table, Table)
    broken = score((*READ[:5], replace(table, header_rows=2), READ[6]), tmp_path)
    assert broken.cells.value is not None
    assert broken.cells.value < 1


def test_a_heading_too_many_and_one_at_a_wrong_level_are_faults(tmp_path: Path) -> None:
    more = score((*READ[:2], Heading(2, "Proben ziehen."), *READ[2:3], *READ[4:]), tmp_path)
    assert (more.headings.right, more.headings.all) == (2, 3)
    level = score((READ[0], Heading(1, "Messung"), *READ[2:]), tmp_path)
    assert (level.headings.right, level.headings.all) == (1, 2)


def test_an_item_with_another_number_is_a_fault(tmp_path: Path) -> None:
    broken = score((*READ[:3], ListItem("Proben ziehen.", "1."), *READ[4:]), tmp_path)
    assert (broken.markers.right, broken.markers.all) == (1, 2)


def test_merged_cells_are_expected_in_every_place_that_they_cover() -> None:
    source = next(source for source in load_sources() if source.name == "en-lab")
    grid = next(piece for piece in source.pieces if isinstance(piece, Grid))
    names = ["".join(run.text for run in row[0]) for row in covered(grid)]
    assert names == ["S-01", "S-01", "S-02"]


def test_the_corpus_is_as_large_as_it_is_said_to_be() -> None:
    """At least 150 files by three writers a format, in eight languages, half of them unseen."""
    sources, writers = load_sources(), load_writers()
    files: Counter[bool] = Counter()
    by_format: dict[str, set[str]] = defaultdict(set)
    for writer in writers:
        for source in filter(writer.can_say, sources):
            files[source.seen] += 1
            by_format[writer.format].add(writer.name.split()[0])
    assert files.total() >= 150
    assert files[False] * 2 >= files.total()
    assert len({source.language for source in sources if not source.report_only}) >= 8
    assert {form for form, names in by_format.items() if len(names) < 3} == {
        "reStructuredText",
        "AsciiDoc",
        "Org",
    }
