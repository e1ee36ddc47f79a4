"""Writes the rows of a long table so that each names its columns, and stands alone in a passage."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from bot.knowledge.loading.table_text import label_row
from bot.skills.document_tree import Place, Table, to_markdown

_MAX_COLUMN_NAME_CHARACTERS = 80
"""Most characters of a column's name."""
_MAX_WHOLE_TABLE_CHARACTERS = 400
"""A table of so many characters fits into a passage, and stays a table."""


def whole_table(table: Table) -> str:
    """Returns a short table with named columns as Markdown with its caption; "" for any other."""
    if not table.header_rows or sum(len(c) + 3 for r in table.rows for c in r) > 1_000:
        return ""
    whole = to_markdown([replace(table, caption="")])
    if len(whole) > _MAX_WHOLE_TABLE_CHARACTERS:
        return ""
    return f"{table.caption}\n\n{whole}" if table.caption else whole


def label_rows(table: Table) -> Iterator[tuple[str, Place]]:
    """Returns the rows as `Town: Basel; Trams: 13`, each with its place."""
    header, begin = table.header, table.header_rows
    if max(map(len, header), default=0) > _MAX_COLUMN_NAME_CHARACTERS or begin >= len(table.rows):
        header, begin = (), 0  # a table that only arranges text has text in its first row, too
    for at in range(begin, len(table.rows)):
        place = table.places[at] if at < len(table.places) else table.place
        text = label_row(header, table.rows[at])
        if text:
            yield text, place
