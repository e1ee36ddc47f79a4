"""Writes a source as pandoc's own tree (JSON), of which pandoc makes every format that it has."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from bench.corpus.tree import (
    Cell,
    Definitions,
    Grid,
    Item,
    Listing,
    Piece,
    Program,
    Runs,
    Source,
    Text,
    Title,
    parse_runs,
)

Node = dict[str, Any]
_VERSION = [1, 22]
_PLAIN_ATTRIBUTES = ["", [], []]
_STYLES = {"1": "Decimal", "a": "LowerAlpha", "A": "UpperAlpha", "i": "LowerRoman"}
_SIMPLE = {"b": "Strong", "i": "Emph", "sup": "Superscript", "sub": "Subscript"}


def write_pandoc(source: Source) -> str:
    """A document, or slides of which each begins with a heading of level 1."""
    blocks = [_heading(1, parse_runs(source.title))] if not source.slides else []
    blocks += [_piece(piece) for piece in source.pieces]
    for slide in source.slides:
        blocks.append(_heading(1, parse_runs(slide.title)))
        blocks += [_piece(piece) for piece in slide.pieces]
        if slide.notes:
            notes = [_node("Para", _text(parse_runs(slide.notes)))]
            blocks.append(_node("Div", [["", ["notes"], []], notes]))
    meta = {"lang": _node("MetaString", source.language)}
    return json.dumps({"pandoc-api-version": _VERSION, "meta": meta, "blocks": blocks})


def _node(kind: str, content: object = None) -> Node:
    return {"t": kind} if content is None else {"t": kind, "c": content}


def _heading(level: int, runs: Runs) -> Node:
    return _node("Header", [level, _PLAIN_ATTRIBUTES, _text(runs)])


def _piece(piece: Piece) -> Node:
    match piece:
        case Title():
            return _heading(piece.level, piece.runs)
        case Text(kind="quote"):
            return _node("BlockQuote", [_node("Para", _text(piece.runs))])
        case Text():
            return _node("Para", _text(piece.runs))
        case Listing():
            return _listing(piece)
        case Program():
            return _node("CodeBlock", [["", [piece.language], []], piece.text])
        case Definitions():
            terms = [[_text(a), [[_node("Plain", _text(b))]]] for a, b in piece.terms]
            return _node("DefinitionList", terms)
        case Grid():
            return _grid(piece)


def _listing(listing: Listing) -> Node:
    items = [_item(item) for item in listing.items]
    if not listing.style:
        return _node("BulletList", items)
    kind = [listing.start, _node(_STYLES[listing.style]), _node("Period")]
    return _node("OrderedList", [kind, items])


def _item(item: Item) -> list[Node]:
    inlines = _text(item.runs)
    if item.done is not None:
        inlines = [_node("Str", "☒" if item.done else "☐"), _node("Space"), *inlines]
    blocks = [_node("Plain", inlines)]
    return blocks if item.inside is None else [*blocks, _listing(item.inside)]


def _grid(grid: Grid) -> Node:
    widths = [[_node("AlignDefault"), _node("ColWidthDefault")] for _ in grid.header]
    caption = [_node("Plain", _text(parse_runs(grid.caption)))] if grid.caption else []
    head = [_PLAIN_ATTRIBUTES, [_row([Cell(name) for name in grid.header])]]
    body = [_PLAIN_ATTRIBUTES, 0, [], [_row(row) for row in grid.rows]]
    foot: list[object] = [_PLAIN_ATTRIBUTES, []]
    return _node("Table", [_PLAIN_ATTRIBUTES, [None, caption], widths, head, [body], foot])


def _row(cells: Sequence[Cell]) -> list[object]:
    return [_PLAIN_ATTRIBUTES, [_cell(cell) for cell in cells]]


def _cell(cell: Cell) -> list[object]:
    blocks = [_node("Plain", _text(cell.runs))] if cell.runs else []
    return [_PLAIN_ATTRIBUTES, _node("AlignDefault"), cell.rows, cell.columns, blocks]


def _text(runs: Runs) -> list[Node]:
    inlines: list[Node] = []
    for run in runs:
        inner = _words(run.text)
        match run.mark:
            case "":
                inlines += inner
            case "code":
                inlines.append(_node("Code", [_PLAIN_ATTRIBUTES, run.text]))
            case "link":
                inlines.append(_node("Link", [_PLAIN_ATTRIBUTES, inner, [run.more, ""]]))
            case "note":
                inlines.append(_node("Note", [_node("Para", inner)]))
            case "ruby":
                inlines += _words(f"{run.text}({run.more})")
            case mark:
                inlines.append(_node(_SIMPLE[mark], inner))
    return inlines


def _words(text: str) -> list[Node]:
    inlines: list[Node] = []
    for at, word in enumerate(text.split(" ")):
        if at:
            inlines.append(_node("Space"))
        if word:
            inlines.append(_node("Str", word))
    return inlines
