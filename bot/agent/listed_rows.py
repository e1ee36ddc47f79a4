"""What an id stands for: the row of a listing, in a text that the model read, that has this id.

An id alone tells a person nothing, and one that somebody has slipped in least of all.
"""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterator
from itertools import islice
from typing import Final

_ID = re.compile(r"[\w.:#-]{1,64}")
_TELLING_CHARACTERS: Final = 4
"""A shorter id may stand anywhere by chance: then it must be the value of a field that is an id."""
_KEY_BEFORE = re.compile(
    r"""(?:\b|_)(?:id|ids|key|no|nr|number|uid|uuid|ref)_{0,2}['"]?\s{0,4}[:=]\s{0,4}\[?['"]?$""",
    re.IGNORECASE,
)
_KEY_CHARACTERS: Final = 30
"""How long the name of a field with an id is, at most, with what stands between them."""
_ITEM = re.compile(r"[ \t]{0,40}(?:[-*•] |\d{1,3}[.)] )")
_TELLING = re.compile(
    r"\W{0,4}(?:subject|title|name|file\w*|sender|from|owner|author|date|start\w*|recipients?|to|amount)\b",
    re.IGNORECASE,
)
"""Fields by which people know a row; only these are shown where there are some."""
_MAX_TEXT_CHARACTERS: Final = 200_000
_MAX_ROW_CHARACTERS: Final = 240
_MAX_ROW_LINES: Final = 40
_MAX_ROWS: Final = 20
"""Most places that are compared."""


def row_of(id_: str, text: str) -> str:
    """Return the row of a text that has this id, in one line and cut; empty where there is none, or
    several that differ."""
    if _ID.fullmatch(id_) is None or not any(c.isdigit() for c in id_):
        return ""
    text = text[:_MAX_TEXT_CHARACTERS]
    if id_ not in text:
        return ""
    found = list(islice(_places(id_, text, keyed=True), _MAX_ROWS))
    if not found and len(id_) >= _TELLING_CHARACTERS:
        found = list(islice(_places(id_, text, keyed=False), _MAX_ROWS))
    rows = {" ".join(_row_at(text, one).split()) for one in found}
    if len(rows) != 1:
        return ""
    row = rows.pop()
    if row.strip("'\"") == id_:
        return ""
    return row if len(row) <= _MAX_ROW_CHARACTERS else f"{row[:_MAX_ROW_CHARACTERS].rstrip()} …"


def _places(id_: str, text: str, *, keyed: bool) -> Iterator[int]:
    """Where an id stands as a whole, or, if `keyed`, as the value of a field that is an id."""
    at = text.find(id_)
    while at >= 0:
        end = at + len(id_)
        before, after = text[at - 1 : at], text[end : end + 1]
        whole = not (_is_of_word(before) or _is_of_word(after))
        if whole and (
            not keyed or _KEY_BEFORE.search(text[max(0, at - _KEY_CHARACTERS) : at]) is not None
        ):
            yield end - 1
        at = text.find(id_, end)


def _is_of_word(one: str) -> bool:
    return one.isalnum() or one in ("_", "-")


def _row_at(text: str, at: int) -> str:
    """The fields of the object, the item of a list, or the line around a place in a text."""
    enclosed = _object_at(text, at)
    if enclosed:
        return _fields(enclosed)
    lines = text.splitlines()
    number = text.count("\n", 0, at)
    begin = _item_of(lines, number)
    if begin is None:
        return lines[number]  # a line of a table, or a sentence
    base = _indent(lines[begin])
    end = number + 1
    while end < len(lines) and (not lines[end].strip() or _indent(lines[end]) > base):
        end += 1
    inner = min((_indent(one) for one in lines[begin + 1 : end] if one.strip()), default=0)
    row = [lines[begin], *(one for one in lines[begin + 1 : end] if _indent(one) == inner)]
    return _telling([one.strip().removeprefix("- ") for one in row if one.strip()], "; ")


def _item_of(lines: list[str], number: int) -> int | None:
    """The line with which the item of a list begins that a line belongs to."""
    if _ITEM.match(lines[number]):
        return number
    level = _indent(lines[number])
    for at in range(number - 1, max(-1, number - _MAX_ROW_LINES), -1):
        indent = _indent(lines[at])
        if _ITEM.match(lines[at]) and indent < level:
            return at
        if lines[at].strip() and not indent and not _ITEM.match(lines[at]):
            return None
    return None


def _indent(line: str) -> int:
    return len(line) - len(line.lstrip())


def _fields(plain: str) -> str:
    """The fields of an object, as JSON or as Python writes it."""
    for read in (json.loads, ast.literal_eval):
        try:
            found = read(plain)
        except (ValueError, SyntaxError, MemoryError, RecursionError):
            continue
        if isinstance(found, dict):
            return _telling([f"{name}: {value}" for name, value in found.items()], "; ")
    return plain


def _telling(fields: list[str], between: str) -> str:
    told = [one for one in fields if _TELLING.match(one) and not one.endswith(":")]
    return between.join(told or fields)


def _object_at(text: str, at: int) -> str:
    """The innermost object in braces around a place; empty where there is none."""
    depth, begin = 0, at
    while begin >= 0 and at - begin < 4_000:
        if text[begin] == "}":
            depth += 1
        elif text[begin] == "{":
            if not depth:
                break
            depth -= 1
        begin -= 1
    else:
        return ""
    if begin < 0:
        return ""
    depth = 0
    for end in range(begin, min(len(text), at + 4_000)):
        depth += (text[end] == "{") - (text[end] == "}")
        if not depth:
            return text[begin : end + 1] if end >= at else ""
    return ""
