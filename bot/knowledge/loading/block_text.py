"""The text of a block in one cell or note, which has no room for blocks of its own."""

from __future__ import annotations

from bot.skills.document_tree import Block, Heading, ListItem, Table


def block_text(block: Block) -> str:
    """The text with its number or marker; a table's rows one below the other."""
    match block:
        case Heading():
            return block.shown
        case ListItem():
            return f"{block.marker} {block.text}"
        case Table():
            rows = ("; ".join(filter(None, row)) for row in block.rows)
            return "\n".join(filter(None, (block.caption, *rows)))
    return block.text


def block_length(block: Block) -> int:
    """The number of characters of a block's text."""
    if isinstance(block, Table):
        return len(block.caption) + sum(len(cell) for row in block.rows for cell in row)
    return len(block.text)
