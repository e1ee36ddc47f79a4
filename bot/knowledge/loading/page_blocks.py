"""Converts the HTML of a chapter to blocks, by way of Markdown."""

from __future__ import annotations

import re

from bot.skills.document_tree import Block, Code, Heading, ListItem, Paragraph, Table
from bot.web.markup import to_markdown

_HEADING = re.compile(r"(#{1,6}) +(.*)")
_ITEM = re.compile(r"( *)([-*+]|\d+[.)]) +(.*)", re.DOTALL)
_RULE = re.compile(r"\|(?: *:?-+:? *\|)+")
_EMPHASIS = re.compile(r"(\*{1,3}|(?<![^\W_])_{1,3}(?=\S))(?=\S)(.+?)(?<=\S)\1(?![^\W_])")
_CELL_SEPARATOR = re.compile(r"(?<!\\)\|")


def blocks_of_html(html: str) -> tuple[Block, ...]:
    """The blocks of a page or chapter, in order."""
    made: list[Block] = []
    for part in re.split(r"\n{2,}(?=\S)|\n(?= *(?:[-*+]|\d+[.)]) )", to_markdown(html)):
        if part.strip():
            made.append(_block(part.strip("\n")))
    return tuple(made)


def _block(part: str) -> Block:
    heading, item = _HEADING.fullmatch(part), _ITEM.fullmatch(part)
    lines = part.split("\n")
    if heading:
        return Heading(len(heading[1]), _plain(heading[2]))
    if item:
        marker = item[2] if item[2][0].isdigit() else "-"
        return ListItem(_plain(item[3]), marker, len(item[1]) // 2)
    if part.startswith("```"):
        return Code("\n".join(lines[1:]).removesuffix("```").rstrip("\n"))
    if len(lines) > 1 and lines[0].startswith("|") and _RULE.fullmatch(lines[1]):
        rows = [_cells(line) for line in (lines[0], *lines[2:])]
        named = int(any(rows[0]))
        return Table(tuple(rows[1 - named :]), header_rows=named)
    if part.startswith("> "):
        return Paragraph(_plain(re.sub(r"(?m)^> ?", "", part)), "quote")
    return Paragraph(_plain(part))


def _cells(line: str) -> tuple[str, ...]:
    cells = _CELL_SEPARATOR.split(line.strip().removeprefix("|").removesuffix("|"))
    return tuple(_plain(cell.strip().replace("\\|", "|")) for cell in cells)


def _plain(text: str) -> str:
    return _EMPHASIS.sub(r"\2", text) if "*" in text or "_" in text else text
