"""Reads charts and diagrams of office documents: the values and words that they show."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from xml.etree.ElementTree import Element

from bot.knowledge.loading.office.package import RELATION_ID, Damaged, Package
from bot.skills.document_tree import Block, Heading, ListItem, Table

MC = "{http://schemas.openxmlformats.org/markup-compatibility/2006}"
_C = "{http://schemas.openxmlformats.org/drawingml/2006/chart}"
_A = "{http://schemas.openxmlformats.org/drawingml/2006/main}"
_DGM = "{http://schemas.openxmlformats.org/drawingml/2006/diagram}"
_DIAGRAM_DATA = RELATION_ID.removesuffix("id") + "dm"
_MAX_POINTS = 10_000
"""Points of a series that are read; a chart shows no more."""


def is_graphic(mark: Element) -> bool:
    """Whether this stands in a drawing for a chart or a diagram, which is a part of its own."""
    return mark.tag.endswith(("}chart", "}relIds"))


def read_graphic(
    package: Package, path: str, mark: Element, left_out: Counter[str]
) -> tuple[Block, ...]:
    """The chart or diagram that a mark in the part `path` stands for; else it is counted."""
    found = package.relations(path).get(mark.get(RELATION_ID) or mark.get(_DIAGRAM_DATA, ""))
    blocks: tuple[Block, ...] = ()
    if found is not None and not found.external:
        with suppress(Damaged):
            blocks = _read_part(package.xml(found.target))
    if not blocks:
        left_out["chart" if mark.tag.endswith("}chart") else "diagram"] += 1
    return blocks


def _read_part(root: Element) -> tuple[Block, ...]:
    """The blocks of a chart or of a diagram's data; nothing for other parts."""
    if root.tag == f"{_C}chartSpace":
        return _chart(root)
    if root.tag == f"{_DGM}dataModel":
        points = (drawing_text(point.find(f"{_DGM}t")) for point in root.iter(f"{_DGM}pt"))
        return tuple(ListItem(text) for text in points if text)
    return ()


def shown_parts(element: Element, last: str = "") -> Iterator[Element]:
    """The parts of a drawing, of alternatives those of the first; within `last` none are named."""
    for child in element:
        yield child
        if child.tag == f"{MC}AlternateContent":
            chosen = child.find(f"{MC}Choice")
            yield from shown_parts(child if chosen is None else chosen, last)
        elif child.tag != last:
            yield from shown_parts(child, last)


def drawing_text(element: Element | None) -> str:
    """The text of a shape, a line for each paragraph."""
    if element is None:
        return ""
    paragraphs = (
        "".join("\n" if one.tag == f"{_A}br" else one.text or "" for one in _pieces(paragraph))
        for paragraph in element.iter(f"{_A}p")
    )
    return "\n".join(filter(None, map(str.strip, paragraphs)))


def _pieces(paragraph: Element) -> list[Element]:
    return [one for one in paragraph.iter() if one.tag in (f"{_A}t", f"{_A}br")]


def _chart(root: Element) -> tuple[Block, ...]:
    title = drawing_text(root.find(f"{_C}chart/{_C}title"))
    series = list(root.iter(f"{_C}ser"))
    names = [_joined(one.find(f"{_C}tx")) or f"{at}" for at, one in enumerate(series, 1)]
    columns: list[dict[int, str]] = []
    categories: dict[int, str] = {}
    for one in series:
        categories |= _points(one, "cat", "xVal")
        columns.append(_points(one, "val", "yVal"))
    rows = [
        (categories.get(at, ""), *(column.get(at, "") for column in columns))
        for at in sorted({at for column in columns for at in column})
    ]
    caption = " ".join(title.split())
    if not rows:
        return (Heading(6, caption),) if caption else ()
    return (Table((("", *names), *rows), header_rows=1, caption=caption),)


def _joined(element: Element | None) -> str:
    if element is None:
        return ""
    return " ".join(" ".join(one.text or "" for one in element.iter(f"{_C}v")).split())


def _points(series: Element, *names: str) -> dict[int, str]:
    """The values of a series by their position. Categories of several levels are joined."""
    found: dict[int, str] = {}
    for name in names:
        for point in series.iterfind(f"{_C}{name}//{_C}pt"):
            at = point.get("idx", "")
            text = (point.findtext(f"{_C}v") or "").strip()
            if at.isdecimal() and int(at) < _MAX_POINTS and text:
                before = found.get(int(at))
                found[int(at)] = f"{text} {before}" if before else _number(text)
    return found


def _number(text: str) -> str:
    """A number as it is shown: floating point leaves 0.30000000000000004 in files."""
    try:
        return f"{float(text):.10g}" if "." in text else text
    except ValueError:
        return text
