"""Text of others in prompts: it stands between marks, or as one short line in quotation marks.

A template is given every text as foreign, whatever field it comes in; only what the asker and the
operator say for themselves is marked as `Trusted`. A foreign text has no way into a prompt but
these two: nobody has to remember a filter.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from itertools import count
from typing import Any

MAX_LINE_CHARACTERS = 120
"""Longest name or title that stands in a line of a prompt."""

_MAX_LABEL_CHARACTERS = 200
"""Longest label of a passage: its document's title and its heading."""
_MAX_READ_CHARACTERS = 2_000
"""What is looked at of a text that is to be one line."""
_OPENING, _CLOSING = "[［【〔〖⟦〚❲﹝", "]］】〕〗⟧〛❳﹞"
_LESS, _GREATER = "<＜﹤〈《", ">＞﹥〉》"
BRACKETS = _OPENING + _CLOSING + _LESS + _GREATER
"""Signs that would pass for the number of a passage, or for the mark of a block."""
_LINE = str.maketrans(
    {
        **dict.fromkeys(_OPENING, "("),
        **dict.fromkeys(_CLOSING, ")"),
        **dict.fromkeys(_LESS, "‹"),
        **dict.fromkeys(_GREATER, "›"),
        **dict.fromkeys('"＂“”„‟«»', "'"),
    }
)
_SPACE = r"[^\S\n]"
_INNER = rf"(?:{_SPACE}|[\u00ad\u200b-\u200f\u2060-\u2064\ufeff])"
_NUMBERED = re.compile(
    rf"[{re.escape(_OPENING)}]({_INNER}{{0,4}}\d{{1,4}}"
    rf"(?:{_INNER}{{0,4}}[,;、，；–-]{_INNER}{{0,4}}\d{{1,4}}){{0,15}}{_INNER}{{0,4}})"
    rf"[{re.escape(_CLOSING)}]"
)
_LETTERS = str.maketrans("0123456789", "ghijklmnop")
"""Marks have no digits: a model that repeats one would seem to name a figure."""
_MARK = re.compile(r"^<[a-z]{1,20}-[a-p]{8}>$", re.MULTILINE)
_METHODS = frozenset(
    {
        *("strip", "lstrip", "rstrip", "upper", "lower", "title", "capitalize", "replace"),
        *("split", "rsplit", "splitlines", "partition", "startswith", "endswith", "count", "find"),
    }
)
"""What a template may call on a foreign text; what comes back is foreign as well."""


class Trusted(str):
    """Words that may stand among our own: what the asker asks, what the operator set."""

    __slots__ = ()


def one_line(text: str, most: int = MAX_LINE_CHARACTERS) -> str:
    """A name in one line, without invisible characters, marks of tags, or brackets that would pass
    for the number of a passage."""
    spaced = (" " if c.isspace() else c for c in text[:_MAX_READ_CHARACTERS])
    seen = "".join(c for c in spaced if unicodedata.category(c)[0] != "C")
    line = " ".join(seen.translate(_LINE).split())
    return line if len(line) <= most else line[: most - 1].rstrip() + "…"


def inline(text: str, most: int = MAX_LINE_CHARACTERS) -> str:
    """The same in quotation marks, which it cannot contain."""
    return f'"{one_line(text, most)}"'


def escape_numbers(text: str) -> str:
    """A passage's text. Numbers in brackets, of any script, would pass for passages of ours."""
    return _NUMBERED.sub(r"(\1)", text)


def fence(text: str, label: str, key: bytes) -> str:
    """Text between marks that it does not contain: nobody outside knows the key.

    The marks depend on the text alone, so the same prompt is the same tokens each time.
    """
    raw = text.encode("utf-8", "replace")
    for attempt in count():
        salt = b"" if not attempt else str(attempt).encode() + b"\0"
        mark = hmac.new(key, salt + raw, hashlib.sha256).hexdigest()[:8].translate(_LETTERS)
        if mark not in text:
            break
    return f"<{label}-{mark}>\n{text}\n</{label}-{mark}>"


def holds_foreign_text(prompt: str) -> bool:
    """Whether a text that is part of a prompt has text of others between marks."""
    return _MARK.search(prompt) is not None


class Foreign:
    """A text of somebody else in a template.

    However it is written into a prompt it is `inline` where it is one short line, else a block
    between marks. It can be compared, cut and added to as a string can, and stays foreign.
    """

    __slots__ = ("_key", "_text")

    def __init__(self, text: str, key: bytes) -> None:
        self._text = text
        self._key = key

    def __str__(self) -> str:
        text = self._text.strip()
        if len(text) > MAX_LINE_CHARACTERS or len(text.splitlines()) > 1:
            return fence(self._text, "text", self._key)
        return inline(text) if text else ""

    __repr__ = __str__  # as it stands in a list that is printed

    def __len__(self) -> int:
        return len(self._text)

    def __eq__(self, other: object) -> bool:
        return bool(self._text == text_of(other))

    def __lt__(self, other: Any) -> bool:
        return self._text < str(text_of(other))

    def __hash__(self) -> int:
        return hash(self._text)

    def __contains__(self, part: object) -> bool:
        return str(text_of(part)) in self._text

    def __iter__(self) -> Iterator[Foreign]:
        return (self._same(character) for character in self._text)

    def __getitem__(self, at: int | slice) -> Foreign:
        return self._same(self._text[at])

    def __add__(self, other: object) -> Foreign:
        return self._same(self._text + str(text_of(other)))

    def __radd__(self, other: object) -> Foreign:
        return self._same(str(text_of(other)) + self._text)

    def __getattr__(self, name: str) -> Callable[..., Any]:
        if name not in _METHODS:
            raise AttributeError(name)

        def call(*args: Any) -> Any:
            return wrap_foreign(getattr(self._text, name)(*map(text_of, args)), self._key)

        return call

    def _same(self, text: str) -> Foreign:
        return Foreign(text, self._key)


def text_of(value: object) -> Any:
    """The text itself, where it is foreign."""
    return value._text if isinstance(value, Foreign) else value


def wrap_foreign(value: Any, key: bytes) -> Any:
    """A value for a template, with every text in it foreign that is not trusted."""
    if isinstance(value, str):
        return value if isinstance(value, Trusted) else Foreign(value, key)
    if isinstance(value, Mapping):
        return {wrap_foreign(name, key): wrap_foreign(inner, key) for name, inner in value.items()}
    if isinstance(value, Sequence | AbstractSet | Iterator) and not isinstance(
        value, bytes | bytearray | range
    ):
        return [wrap_foreign(inner, key) for inner in value]
    return value


def number_passages(passages: Iterable[Any], key: bytes) -> str:
    """Passages, each a mapping of `number`, `title` and `text`, as fenced blocks of title and text
    with `[1]` behind.

    A block depends on its own passage alone, so prompts with the same first passages begin with the
    same tokens.
    """
    parts = []
    for passage in passages:
        title = one_line(text_of(passage["title"]), _MAX_LABEL_CHARACTERS)
        text = escape_numbers(text_of(passage["text"]))
        block = fence(f"{title}\n{text}", "document", key)
        parts.append(f"{block} [{int(passage['number'])}]")
    return "\n\n".join(parts)
