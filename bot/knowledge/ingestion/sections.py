"""Cuts the blocks of a document at its headings, and writes each as text with its place."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from bot.knowledge.loading.table_rows import label_rows, whole_table
from bot.skills.document_tree import (
    NOWHERE,
    Block,
    Code,
    Heading,
    ListItem,
    Paragraph,
    Place,
    Table,
    to_markdown,
)


@dataclass(frozen=True, slots=True)
class Unit:
    """What is cut only where it is too long for a passage: a paragraph, an item, a row.

    `lead` stands at the beginning of every passage that begins with it: the caption of a table.
    `code` is what was written, where the text is a fence around it.
    """

    text: str = field(repr=False)
    place: Place = NOWHERE
    listed: bool = False
    lead: str = ""
    code: Code | None = None


@dataclass(frozen=True, slots=True)
class Section:
    """What stands under one heading. `path` are the headings above it, outermost first."""

    path: tuple[str, ...]
    units: tuple[Unit, ...] = field(repr=False)

    @property
    def text(self) -> str:
        """The whole section as one text."""
        return join_units(self.units)


def split_sections(blocks: Iterable[Block]) -> list[Section]:
    """Cuts a document at its headings."""
    found: list[Section] = []
    path: list[Heading] = []
    units: list[Unit] = []

    def close(level: int) -> None:
        """End a section; a heading of this level comes next. One without text below it is text."""
        names = tuple(heading.shown for heading in path)
        if units:
            found.append(Section(names, tuple(units)))
            below = True
        else:
            below = bool(found) and found[-1].path[: len(names)] == names
        if names and names[-1] and level <= path[-1].level and not below:
            found.append(Section(names[:-1], (Unit(names[-1], path[-1].place),)))
        units.clear()

    for block in blocks:
        if isinstance(block, Heading):
            close(block.level)
            while path and path[-1].level >= block.level:
                path.pop()
            path.append(block)
        else:
            units.extend(unit for unit in _to_units(block) if unit.text.strip())
    close(0)
    return found


def join_units(units: Iterable[Unit]) -> str:
    """Writes units below each other: items of a list in lines, all others in paragraphs."""
    return "".join(gap + unit.text for gap, unit in with_gaps(units))


def with_gaps(units: Iterable[Unit]) -> Iterator[tuple[str, Unit]]:
    """Each unit after what separates it from the one before it."""
    before: Unit | None = None
    for unit in units:
        gap = "\n" if before and before.listed and unit.listed else "\n\n" if before else ""
        yield gap, unit
        before = unit


def heading_units(section: Section, above: tuple[str, ...]) -> tuple[Unit, ...]:
    """The headings of a section that are not in `above`, as text."""
    place = section.units[0].place
    return tuple(
        Unit(f"{'#' * min(6, level)} {name}", place)
        for level, name in enumerate(section.path[len(above) :], len(above) + 1)
    )


def _to_units(block: Block) -> Iterator[Unit]:
    match block:
        case Table():
            yield from _table_units(block)
        case Code():
            yield Unit(to_markdown([block]), block.place, code=block)
        case ListItem():
            yield Unit(to_markdown([block]), block.place, listed=True)
        case Paragraph() | Heading():
            yield Unit(to_markdown([block]).strip("\n"), block.place)


def _table_units(table: Table) -> Iterator[Unit]:
    """A short table as it is; of a long one the caption, then every row with its columns' names."""
    whole = whole_table(table)
    if whole:
        yield Unit(whole, table.place or next(filter(None, table.places), NOWHERE))
        return
    for text, place in label_rows(table):
        yield Unit(text, place, lead=table.caption)
