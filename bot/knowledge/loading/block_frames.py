"""Writes the blocks of a document as bytes, and reads them: for the child process and the store.

Each line is one block, as a JSON array that begins with the name of its kind. Nothing else is read:
what comes from the child process may be hostile.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

from bot.knowledge.loading.markup.markdown import read_markdown
from bot.skills.document_loader import RecognizedPage
from bot.skills.document_tree import (
    NOWHERE,
    Block,
    Code,
    Heading,
    LeftOut,
    ListItem,
    Paragraph,
    Place,
    Table,
)

_PARAGRAPH_KINDS = frozenset({"text", "quote", "note", "comment", "caption", "formula"})
_MAX_LEFT_OUT = 50
_PACKED = b"blocks1:"
"""What a stored document begins with; those of older versions are Markdown."""


def encode_blocks(blocks: Iterable[Block]) -> bytes:
    """Returns blocks as lines of JSON."""
    lines = (json.dumps(_write(b), ensure_ascii=False, separators=(",", ":")) for b in blocks)
    return "\n".join(lines).encode("utf-8", "surrogatepass")


def decode_blocks(data: bytes | bytearray) -> tuple[Block, ...]:
    """Returns the blocks of `encode_blocks`. Raises `ValueError` for anything else."""
    lines = data.decode("utf-8", "surrogatepass").split("\n")
    return read_blocks(json.loads(line) for line in lines if line)


def pack_blocks(blocks: Iterable[Block]) -> bytes:
    """Compresses blocks for storage; takes about 30 ms for a million characters."""
    return _PACKED + zlib.compress(encode_blocks(blocks), 6)


def unpack_blocks(packed: bytes | None) -> tuple[Block, ...]:
    """Returns stored blocks; those of a document that was stored as Markdown are parsed."""
    if not packed:
        return ()
    if packed.startswith(_PACKED):
        return decode_blocks(zlib.decompress(packed[len(_PACKED) :]))
    return read_markdown(zlib.decompress(packed).decode())


def packed_lines(packed: bytes | None) -> Iterator[str]:
    """Returns stored blocks as `encode_blocks` writes them, one JSON array after the other."""
    packed = packed or b""
    if packed.startswith(_PACKED):
        lines = zlib.decompress(packed[len(_PACKED) :])
    else:
        lines = encode_blocks(unpack_blocks(packed))
    return (line for line in lines.decode("utf-8", "surrogatepass").split("\n") if line)


def read_blocks(lines: Iterable[Any]) -> tuple[Block, ...]:
    """Returns the blocks of the values that such JSON arrays have. Raises `ValueError`."""
    try:
        return tuple(map(_read, lines))
    except (TypeError, KeyError, IndexError, RecursionError) as error:
        raise ValueError("not the blocks of a document") from error


def encode_left_out(left_out: Iterable[LeftOut], recognized: Sequence[RecognizedPage] = ()) -> str:
    """Returns what was left out as JSON, those of one kind added up; and which pages were read by
    text recognition, where there are such."""
    counts: dict[str, int] = {}
    for one in left_out:
        counts[one.what[:80]] = counts.get(one.what[:80], 0) + one.count
    told: Any = list(counts.items())[:_MAX_LEFT_OUT]
    if recognized:
        pages = [[one.page, round(one.confidence, 3)] for one in recognized]
        told = {"left_out": told, "recognized": pages}
    return json.dumps(told, ensure_ascii=False) if told else ""


def decode_left_out(text: str) -> tuple[LeftOut, ...]:
    """Returns what `encode_left_out` wrote. Raises `ValueError` for anything else."""
    if not text:
        return ()
    try:
        told = json.loads(text)
        counts = told["left_out"] if isinstance(told, dict) else told
        return tuple(LeftOut(str(what)[:80], int(n)) for what, n in counts)
    except (TypeError, KeyError) as error:
        raise ValueError("not what was left out") from error


def decode_recognized(text: str) -> tuple[RecognizedPage, ...]:
    """Returns the pages that `encode_left_out` wrote. Raises `ValueError` for anything else."""
    try:
        told = json.loads(text) if text else []
        pages = told["recognized"] if isinstance(told, dict) else []
        return tuple(RecognizedPage(int(page), float(confidence)) for page, confidence in pages)
    except (TypeError, KeyError) as error:
        raise ValueError("not which pages were recognised") from error


def may_be_scans(kind: str) -> bool:
    """Tells whether a kind of what was left out is pages that text recognition can read."""
    return kind in ("page without text", "page whose text cannot be decoded")


def _write(block: Block) -> list[Any]:
    place = _write_place(block.place)
    match block:
        case Heading():
            return ["heading", place, block.level, block.text, block.number]
        case Paragraph():
            return ["paragraph", place, block.text, block.kind]
        case ListItem():
            return ["item", place, block.text, block.marker, block.depth]
        case Code():
            return ["code", place, block.text, block.language]
        case Table():
            places = [_write_place(one) for one in block.places]
            return ["table", place, block.rows, block.header_rows, block.caption, places]


def _read(line: list[Any]) -> Block:
    kind, place, *rest = line
    return _READERS[kind](_read_place(place), *rest)


def _read_paragraph(place: Place, text: str, kind: Any) -> Paragraph:
    if kind not in _PARAGRAPH_KINDS:
        raise ValueError("no kind of paragraph")
    return Paragraph(str(text), kind, place)


def _read_table(place: Place, rows: Any, header_rows: int, caption: str, places: Any) -> Table:
    cells = tuple(tuple(map(str, row)) for row in rows)
    return Table(
        cells, int(header_rows), str(caption), place, tuple(_read_place(one) for one in places)
    )


_READERS: dict[str, Callable[..., Block]] = {
    "heading": lambda place, level, text, number: Heading(
        int(level), str(text), str(number), place
    ),
    "paragraph": _read_paragraph,
    "item": lambda place, text, marker, depth: ListItem(str(text), str(marker), int(depth), place),
    "code": lambda place, text, language: Code(str(text), str(language), place),
    "table": _read_table,
}


def _write_place(place: Place) -> Any:
    return [place.page, place.slide, place.sheet, place.row] if place else 0


def _read_place(place: Any) -> Place:
    if not place:
        return NOWHERE
    page, slide, sheet, row = place
    return Place(int(page), int(slide), str(sheet)[:200], int(row))
