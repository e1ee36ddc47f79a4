"""Reads the text of a shape on a slide: paragraphs, lists with their numbers, formulas."""

from __future__ import annotations

from collections.abc import Iterator
from xml.etree.ElementTree import Element

from bot.knowledge.loading.office.docx_numbers import format_number
from bot.knowledge.loading.office.graphics import A, paragraph_text
from bot.skills.document_tree import Block, ListItem, Paragraph, Place

_FORMS = {
    "arabic": "decimal", "alphaLc": "lowerLetter", "alphaUc": "upperLetter",
    "romanLc": "lowerRoman", "romanUc": "upperRoman", "circleNum": "decimalEnclosedCircle",
}  # fmt: skip
_MAX_LEVEL = 8


def read_text(body: Element | None, place: Place, *, bulleted: bool = False) -> Iterator[Block]:
    """The blocks of a shape's text. `bulleted` says that its paragraphs have bullets where they
    do not say otherwise, as those of a slide's content do."""
    paragraphs = [] if body is None else body.findall(f"{A}p")
    filled = [one for one in paragraphs if paragraph_text(one)]
    listed = bulleted and len(filled) > 1
    counts: dict[int, int] = {}
    for paragraph in paragraphs:
        text = paragraph_text(paragraph)
        if not text:
            continue
        look = paragraph.find(f"{A}pPr")
        level = _level(look)
        marker = _marker(look, counts, level, "-" if listed else "")
        if marker:
            yield ListItem(text, marker, level, place)
        else:
            yield Paragraph(text, place=place)


def _level(look: Element | None) -> int:
    level = "0" if look is None else look.get("lvl", "0")
    return min(int(level), _MAX_LEVEL) if level.isdecimal() else 0


def _marker(look: Element | None, counts: dict[int, int], level: int, otherwise: str) -> str:
    """What stands before a paragraph; `counts` are the numbers reached so far, by level."""
    for deeper in [at for at in counts if at > level]:
        del counts[deeper]
    number = None if look is None else look.find(f"{A}buAutoNum")
    if look is None or number is None:
        counts.pop(level, None)
        if look is not None and look.find(f"{A}buNone") is not None:
            return ""
        own = look is not None and look.find(f"{A}buChar") is not None
        return "-" if own else otherwise
    start = number.get("startAt", "1")
    begin = int(start) if start.isdecimal() and len(start) < 6 else 1
    counts[level] = counts.get(level, begin - 1) + 1
    kind = number.get("type", "arabicPeriod")
    form = next((form for name, form in _FORMS.items() if kind.startswith(name)), "decimal")
    shown = format_number(counts[level], form)
    if kind.endswith("ParenBoth"):
        return f"({shown})"
    return shown + {"R": ")", "d": "."}.get(kind[-1], "")
