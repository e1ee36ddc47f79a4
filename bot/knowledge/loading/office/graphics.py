"""Reads what is drawn in office documents: the words of shapes, charts and diagrams."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from xml.etree.ElementTree import Element

from bot.knowledge.loading.office.formulas import M, to_latex
from bot.knowledge.loading.office.package import RELATION_ID, Damaged, Package
from bot.knowledge.loading.office.symbol_fonts import needs_symbols, symbol
from bot.skills.document_tree import Block, Heading, ListItem, Table, lowered, raised
from bot.web.inline_text import PICTURE_FILE_NAME

MC = "{http://schemas.openxmlformats.org/markup-compatibility/2006}"
_C = "{http://schemas.openxmlformats.org/drawingml/2006/chart}"
A = "{http://schemas.openxmlformats.org/drawingml/2006/main}"
_DGM = "{http://schemas.openxmlformats.org/drawingml/2006/diagram}"
_DIAGRAM_DATA = RELATION_ID.removesuffix("id") + "dm"
_MAX_POINTS = 10_000
"""Points of a series that are read; a chart shows no more."""


def is_graphic(mark: Element) -> bool:
    """Whether this stands in a drawing for a chart or a diagram, which is a part of its own."""
    return mark.tag.endswith(("}chart", "}relIds"))


def picture_words(mark: Element) -> str:
    """What a person has written about a picture for those who cannot see it."""
    words = " ".join(mark.get("descr", "").split())
    return "" if PICTURE_FILE_NAME.fullmatch(words) else words


def read_graphic(
    package: Package, path: str, mark: Element, left_out: Counter[str]
) -> tuple[Block, ...]:
    """The chart or diagram that a mark in the part `path` stands for; else it is counted."""
    found = package.relations(path).get(mark.get(RELATION_ID, "") or mark.get(_DIAGRAM_DATA, ""))
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
    paragraphs = () if element is None else element.iter(f"{A}p")
    return "\n".join(filter(None, map(paragraph_text, paragraphs)))


def paragraph_text(paragraph: Element) -> str:
    """The text of a paragraph, without the number of the slide."""
    lines = "".join(_pieces(paragraph)).split("\n")
    return "\n".join(filter(None, (" ".join(line.split()) for line in lines)))


def _pieces(element: Element) -> Iterator[str]:
    for child in element:
        if child.tag == f"{A}r":
            yield _run(child)
        elif child.tag == f"{A}br":
            yield "\n"
        elif child.tag == f"{A}fld" and child.get("type") != "slidenum":
            yield child.findtext(f"{A}t") or ""
        elif child.tag == f"{M}oMath":
            yield f"${to_latex(child)}$"
        elif child.tag == f"{MC}AlternateContent":
            yield from _pieces(child[0]) if len(child) else ()
        elif child.tag.endswith(("}m", "}oMathPara")):
            yield from _pieces(child)


def _run(run: Element) -> str:
    text = run.findtext(f"{A}t") or ""
    look = run.find(f"{A}rPr")
    sign = None if look is None else look.find(f"{A}sym")
    font = "" if sign is None else sign.get("typeface", "")
    if needs_symbols(text, ""):
        text = "".join(
            symbol(ord(one), font) or "" if needs_symbols(one, "") else one for one in text
        )
    baseline = "" if look is None else look.get("baseline", "")
    inner = text.strip()
    if not inner or not baseline.strip("-0%"):
        return text
    moved = lowered(inner) if baseline.startswith("-") else raised(inner)
    return text.replace(inner, moved, 1)


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
