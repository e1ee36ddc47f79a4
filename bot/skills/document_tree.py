"""A document as it is read: a flat list of blocks in reading order, the same for every format.

Loaders make blocks, and everything after loading (passages, quotations, summaries) works on them:
nothing parses a rendered text again. `to_markdown` renders blocks for a model or a person.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from bot.skills.left_out import LeftOut as LeftOut
from bot.skills.left_out import describe_left_out as describe_left_out
from bot.skills.left_out import list_left_out as list_left_out
from bot.types import NOWHERE as NOWHERE
from bot.types import Place as Place

_BACKTICKS = re.compile(r"`+")
_RAISED = str.maketrans("0123456789+-−=()ni", "⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻⁻⁼⁽⁾ⁿⁱ")
_LOWERED = str.maketrans("0123456789+-−=()", "₀₁₂₃₄₅₆₇₈₉₊₋₋₌₍₎")


@dataclass(frozen=True, slots=True)
class Heading:
    """A heading of a level from 1 (highest) to 6. `number` is what stands before it: `4.2`."""

    level: int
    text: str
    number: str = ""
    place: Place = NOWHERE

    @property
    def shown(self) -> str:
        """The heading with its number, in one line."""
        return " ".join(f"{self.number} {self.text}".split())


@dataclass(frozen=True, slots=True)
class Paragraph:
    """A paragraph; its lines are kept where the document breaks them itself.

    `kind` tells text from a quotation, a foot- or endnote, somebody's comment, a caption, or a
    formula (as LaTeX, or the characters of one that cannot be converted).
    """

    text: str = field(repr=False)
    kind: Literal["text", "quote", "note", "comment", "caption", "formula"] = "text"
    place: Place = NOWHERE


@dataclass(frozen=True, slots=True)
class ListItem:
    """One item of a list. `marker` is as a reader sees it: `-`, `3.`, `(b)`, `[x]`, `[ ]`.

    `depth` counts the lists around its own, from 0.
    """

    text: str = field(repr=False)
    marker: str = "-"
    depth: int = 0
    place: Place = NOWHERE


@dataclass(frozen=True, slots=True)
class Table:
    """A table as text, row by row. A merged cell's text stands in every cell that it covers.

    The first `header_rows` rows name the columns; 0 where nothing does. `places` has the place of
    each row, or is empty where all stand at `place`.
    """

    rows: tuple[tuple[str, ...], ...] = field(repr=False)
    header_rows: int = 0
    caption: str = ""
    place: Place = NOWHERE
    places: tuple[Place, ...] = field(default=(), repr=False)

    @property
    def header(self) -> tuple[str, ...]:
        """The names of the columns, those of several header rows joined: `Sales 2024`."""
        above = self.rows[: self.header_rows]
        width = max(map(len, above), default=0)
        columns = ([row[at].strip() for row in above if at < len(row)] for at in range(width))
        return tuple(" ".join(dict.fromkeys(filter(None, names))) for names in columns)


@dataclass(frozen=True, slots=True)
class Code:
    """Source code or a listing, as written."""

    text: str = field(repr=False)
    language: str = ""
    place: Place = NOWHERE


Block: TypeAlias = Heading | Paragraph | ListItem | Table | Code
"""A piece of a document that stands by itself."""


def to_markdown(blocks: Iterable[Block]) -> str:
    """Render blocks as Markdown, for a model or a person to read."""
    made: list[str] = []
    listed = False
    for block in blocks:
        item = isinstance(block, ListItem)
        made.append("\n" if item and listed else "\n\n")
        made.append(_render(block))
        listed = item
    return "".join(made).strip("\n")


def first_heading(blocks: Iterable[Block]) -> str:
    """Return the first heading of a document, which serves as the title of one without; or ""."""
    return next((block.shown for block in blocks if isinstance(block, Heading)), "")


def fence_code(code: str, language: str = "") -> str:
    """Return code as a fenced Markdown block whose fence is longer than any backticks in it."""
    longest = max((len(run) for run in _BACKTICKS.findall(code)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}{language}\n{code}\n{fence}"


def raised(text: str) -> str:
    """Return text in the superscript characters of Unicode, so that 10 with a raised 6 is `10⁶` and
    not `106`. Raised letters stay as they are (4th, 1er, ™); what has no such character gets a `^`.
    """
    return _shifted(text, _RAISED, "^")


def lowered(text: str) -> str:
    """Return text in the subscript characters of Unicode, as `raised` does: H₂O, CO₂."""
    return _shifted(text, _LOWERED, "_")


def _shifted(text: str, table: dict[int, int], mark: str) -> str:
    if all(ord(character) in table for character in text):
        return text.translate(table)
    return text if text.replace(" ", "").isalpha() else f"{mark}{text}"


def _render(block: Block) -> str:
    match block:
        case Heading():
            return f"{'#' * min(6, max(1, block.level))} {block.shown}"
        case ListItem():
            indent = "  " * block.depth
            marker = f"- {block.marker}" if block.marker.startswith("[") else block.marker
            return f"{indent}{marker} " + block.text.replace("\n", f"\n{indent}  ")
        case Code():
            return fence_code(block.text, block.language)
        case Table():
            return "\n".join(_render_table(block))
        case Paragraph(kind="quote"):
            return "> " + block.text.replace("\n", "\n> ")
    return block.text


def _render_table(table: Table) -> Iterator[str]:
    if table.caption:
        yield table.caption
        yield ""
    width = max(map(len, table.rows), default=0)
    header = table.header if table.header_rows else ()
    yield _render_row(header, width)
    yield "|" + " --- |" * width
    for row in table.rows[table.header_rows :]:
        yield _render_row(row, width)


def _render_row(row: Sequence[str], width: int) -> str:
    cells = [" ".join(cell.split()).replace("|", "\\|") for cell in row]
    cells += [""] * (width - len(cells))
    return "|" + "".join(f" {cell} |" for cell in cells)
