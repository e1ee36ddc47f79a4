"""Blocks as bytes: what comes back is what was written, and nothing else is read."""

from __future__ import annotations

import zlib

import pytest

from bot.knowledge.loading.block_frames import (
    decode_blocks,
    decode_left_out,
    encode_blocks,
    encode_left_out,
    pack_blocks,
    unpack_blocks,
)
from bot.skills.document_tree import (
    Block,
    Code,
    Heading,
    LeftOut,
    ListItem,
    Paragraph,
    Place,
    Table,
)

BLOCKS: tuple[Block, ...] = (
    Heading(2, "Valves", "4.2", Place(page=3)),
    Paragraph("Two\nlines \ud800 of “text”.", "note"),
    ListItem("Close it.", "3.", 1, Place(slide=2)),
    Table(
        (("Item", "Fee"), ("Oil", "3")),
        1,
        "Fees",
        Place(sheet="North"),
        (Place(sheet="North", row=1), Place(sheet="North", row=2)),
    ),
    Code("# not a heading\n", "sh"),
)


def test_blocks_come_back_as_they_were() -> None:
    assert decode_blocks(encode_blocks(BLOCKS)) == BLOCKS
    assert unpack_blocks(pack_blocks(BLOCKS)) == BLOCKS
    assert unpack_blocks(None) == ()


def test_what_was_stored_as_markdown_is_read() -> None:
    assert unpack_blocks(zlib.compress(b"# Title\n\n- a")) == (
        Heading(1, "Title"),
        ListItem("a"),
    )


@pytest.mark.parametrize(
    "data",
    [
        b"{}",
        b"[]",
        b"7",
        b"[1",
        b'["heading",0]',
        b'["heading",0,1,"a","b","c"]',
        b'["paragraph",0,"a","system"]',
        b'["other",0,"a"]',
        b'["table",0,[7],1,"",[]]',
        b'["item",[1],"a","-",0]',
        b'["item","page","a","-","deep"]',
        b"[" * 100_000,
        b"\xff",
    ],
)
def test_nothing_else_is_read(data: bytes) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - of any kind
        decode_blocks(data)


def test_what_was_left_out_is_added_up() -> None:
    text = encode_left_out([LeftOut("picture", 2), LeftOut("hidden sheet"), LeftOut("picture")])
    assert decode_left_out(text) == (LeftOut("picture", 3), LeftOut("hidden sheet"))
    assert decode_left_out(encode_left_out([])) == ()
    with pytest.raises(ValueError):  # noqa: PT011 - of any kind
        decode_left_out("7")
