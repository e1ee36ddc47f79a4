"""The numbers that Word computes for the paragraphs of lists and for numbered headings."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from xml.etree.ElementTree import Element

from bot.web.list_markers import write_roman

W = "{http://schemas.openxmlformats.org/wordprocessingml/2006/main}"
_VALUE = f"{W}val"
_LEVELS = 9
_MAX_MARKER_CHARACTERS = 60
_PLACEHOLDER = re.compile(r"%([1-9])")
_HEADING_NAME = re.compile(r"heading ([1-9])")
_MAX_ROMAN = 4_000
_BOXES = {"☐": "[ ]", "□": "[ ]", "❏": "[ ]", "❑": "[ ]", "\uf0a8": "[ ]", "\uf06f": "[ ]",
          "☑": "[x]", "☒": "[x]", "\uf0fe": "[x]", "\uf0fd": "[x]"}  # fmt: skip
"""Bullets that are boxes to tick, also in the characters of Wingdings."""
_LATIN = "abcdefghijklmnopqrstuvwxyz"
_RUSSIAN = "абвгдежзиклмнопрстуфхцчшщыэюя"
_HAN = "〇一二三四五六七八九"
_HAN_COUNTS = frozenset(
    {
        "chineseCounting", "chineseCountingThousand", "japaneseCounting", "taiwaneseCounting",
        "taiwaneseCountingThousand", "ideographDigital", "japaneseDigitalTenThousand",
        "koreanDigital2",
    }
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Style:
    """What a style says about a paragraph or run; -1 and "" where it says nothing."""

    name: str = ""
    based_on: str = ""
    outline: int = -1
    number: str = ""
    level: int = -1
    shift: str = ""
    hidden: bool = False


@dataclass(frozen=True, slots=True)
class _Level:
    start: int = 1
    form: str = "decimal"
    text: str = ""
    restart: int = -1
    legal: bool = False
    style: str = ""


class Styles:
    """The styles of a document with what they take over from each other."""

    def __init__(self, root: Element | None) -> None:
        listed = () if root is None else root.iterfind(f"{W}style")
        self._own = {one.get(f"{W}styleId", ""): _style(one) for one in listed}
        self._known: dict[str, Style] = {"": Style()}

    def get(self, name: str) -> Style:
        """A style by its id; an empty one where it does not exist."""
        found = self._known.get(name)
        if found is None:
            self._known[name] = Style()  # what is based on itself ends here
            own = self._own.get(name, Style(name=name))
            base = self.get(own.based_on)
            found = self._known[name] = replace(
                own,
                outline=own.outline if own.outline >= 0 else base.outline,
                number=own.number or base.number,
                level=own.level if own.level >= 0 else base.level,
                shift=own.shift or base.shift,
                hidden=own.hidden or base.hidden,
            )
        return found

    def heading_level(self, name: str) -> int:
        """The level of headings in this style, from 1; 0 where it is none."""
        style = self.get(name)
        called = style.name.lower()
        named = _HEADING_NAME.fullmatch(called)
        if named:
            return min(6, int(named[1]))
        if called in ("title", "subtitle"):
            return 1 if called == "title" else 2
        return min(6, style.outline + 1) if 0 <= style.outline < _LEVELS else 0


class Numbering:
    """The lists of a document. `next_marker` is asked for each of its paragraphs in order."""

    def __init__(self, root: Element | None, styles: Styles) -> None:
        self._styles = styles
        self._abstract: dict[str, dict[int, _Level]] = {}
        self._links: dict[str, str] = {}
        self._lists: dict[str, str] = {}
        self._overrides: dict[str, dict[int, _Level]] = {}
        self._starts: dict[tuple[str, int], int] = {}
        self._counts: dict[str, list[int | None]] = {}
        """The numbers that each list has reached, by level."""
        for one in () if root is None else root:
            if one.tag == f"{W}abstractNum":
                self._read_abstract(one)
            elif one.tag == f"{W}num":
                self._read_list(one)

    def find(self, number: str, level: int, style: str) -> tuple[str, int] | None:
        """The list and level of a paragraph, by what it says itself and what its style says."""
        taken = self._styles.get(style)
        if not number:
            number = taken.number
            if level < 0:
                level = next(
                    (at for at, one in self._levels(number).items() if one.style == style),
                    taken.level,
                )
        if not number or number == "0" or number not in self._lists:
            return None
        return number, min(max(level, 0), _LEVELS - 1)

    def next_marker(self, number: str, level: int) -> str:
        """What stands before the next paragraph of a list: `3.`, `(b)`, `2.17`; `-` for a bullet,
        and "" for one without a number."""
        levels = self._levels(number)
        self._count_up(number, level, levels)
        own = levels.get(level, _Level())
        if own.form == "bullet":
            sign = own.text.strip()  # a blank one only sets paragraphs of an item in
            return _BOXES.get(sign, "-") if sign else ""
        reached = self._counts[self._lists[number]]

        def put(found: re.Match[str]) -> str:
            at = int(found[1]) - 1
            form = levels.get(at, _Level()).form
            return format_number(reached[at] or 0, "decimal" if own.legal else form)

        shown = _PLACEHOLDER.sub(put, own.text[:_MAX_MARKER_CHARACTERS])
        return " ".join(shown.split())[:_MAX_MARKER_CHARACTERS]

    def _count_up(self, number: str, level: int, levels: Mapping[int, _Level]) -> None:
        count = self._counts.setdefault(self._lists[number], [None] * _LEVELS)
        for at in range(level):  # a level that was left out counts as begun
            if count[at] is None:
                count[at] = self._starts.pop((number, at), levels.get(at, _Level()).start)
        begun = self._starts.pop((number, level), None)
        before = count[level]
        if begun is not None:
            count[level] = begun
        else:
            count[level] = levels.get(level, _Level()).start if before is None else before + 1
        for at in range(level + 1, _LEVELS):
            restart = levels.get(at, _Level()).restart
            if restart < 0 or level < restart:
                count[at] = None

    def _levels(self, number: str) -> dict[int, _Level]:
        abstract = self._lists.get(number, "")
        link = self._links.get(abstract)
        if link:  # a list that is kept in a style
            abstract = self._lists.get(self._styles.get(link).number, abstract)
        return {**self._abstract.get(abstract, {}), **self._overrides.get(number, {})}

    def _read_abstract(self, one: Element) -> None:
        name = one.get(f"{W}abstractNumId", "")
        self._abstract[name] = dict(map(_level, one.iterfind(f"{W}lvl")))
        self._links[name] = value(one, "numStyleLink")

    def _read_list(self, one: Element) -> None:
        name = one.get(f"{W}numId", "")
        self._lists[name] = value(one, "abstractNumId")
        for changed in one.iterfind(f"{W}lvlOverride"):
            at = whole(changed.get(f"{W}ilvl"), 0)
            written = changed.find(f"{W}lvl")
            if written is not None:
                level = _level(written)
                self._overrides.setdefault(name, {})[level[0]] = level[1]
            start = changed.find(f"{W}startOverride")
            if start is not None:
                self._starts[name, at] = whole(start.get(_VALUE), 1)


def format_number(number: int, form: str) -> str:
    """A number of a list in one of Word's formats; in decimal figures where it is unknown."""
    if form == "none":
        return ""
    if form in ("lowerRoman", "upperRoman") and 0 < number < _MAX_ROMAN:
        return write_roman(number) if form == "lowerRoman" else write_roman(number).upper()
    if form in ("lowerLetter", "upperLetter", "russianLower", "russianUpper") and number > 0:
        letters = _LATIN if form.endswith("Letter") else _RUSSIAN
        repeated = letters[(number - 1) % len(letters)] * min(9, (number - 1) // len(letters) + 1)
        return repeated.upper() if form in ("upperLetter", "russianUpper") else repeated
    if form == "decimalZero":
        return f"{number:02d}"
    if form == "ordinal":
        return f"{number}{_ordinal_ending(number)}"
    if form.startswith("decimalEnclosedCircle") and 0 < number <= 20:
        return chr(0x245F + number)
    if form in _HAN_COUNTS and 0 < number < 100:
        return _han(number)
    return str(number)


def _ordinal_ending(number: int) -> str:
    if number % 100 in (11, 12, 13):
        return "th"
    return {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")


def _han(number: int) -> str:
    tens, ones = divmod(number, 10)
    before = "" if tens == 1 else _HAN[tens]
    return (f"{before}十" if tens else "") + (_HAN[ones] if ones or not tens else "")


def _style(one: Element) -> Style:
    look, runs = one.find(f"{W}pPr"), one.find(f"{W}rPr")
    return Style(
        name=value(one, "name"),
        based_on=value(one, "basedOn"),
        outline=whole(value(look, "outlineLvl"), -1),
        number=value(look, "numPr", "numId"),
        level=whole(value(look, "numPr", "ilvl"), -1),
        shift=value(runs, "vertAlign"),
        hidden=runs is not None and is_on(runs.find(f"{W}vanish")),
    )


def _level(one: Element) -> tuple[int, _Level]:
    return whole(one.get(f"{W}ilvl"), 0), _Level(
        start=whole(value(one, "start"), 1),
        form=next((found.get(_VALUE, "") for found in one.iter(f"{W}numFmt")), "decimal"),
        text=value(one, "lvlText"),
        restart=whole(value(one, "lvlRestart"), -1),
        legal=is_on(one.find(f"{W}isLgl")),
        style=value(one, "pStyle"),
    )


def is_on(one: Element | None) -> bool:
    """Whether a property that is on or off is there, and on."""
    return one is not None and one.get(_VALUE, "1") not in ("0", "false", "off", "none")


def value(one: Element | None, *names: str, otherwise: str = "") -> str:
    """The value of a property by the names on the way to it; `otherwise` if it is not there."""
    for name in names:
        one = None if one is None else one.find(W + name)
    return otherwise if one is None else one.get(_VALUE, "")


def whole(text: str | None, otherwise: int) -> int:
    """A whole number of an attribute, or `otherwise` where there is none of a usual size."""
    if not text or len(text) > 9:
        return otherwise
    try:
        return int(text)
    except ValueError:
        return otherwise
