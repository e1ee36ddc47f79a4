"""Where the values of a tool call come from: each is looked for in the texts of the context.

It is never asked of the model. A value that several wrote counts as written by the least trusted of
them; one that nobody wrote is the model's own.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import unquote

from bot.skills.tool import ORIGINS, TRUSTED_ORIGINS, AgentTool, Origin

_MAX_TEXT_CHARACTERS: Final = 1_000_000
"""Of one text, what is searched; a value behind it counts as not found, which asks a person."""
_MAX_LEAVES: Final = 200
_GROUPED = re.compile(r"(?<=\d)[,.'’\u00a0\u202f ](?=\d{3}(?!\d))")
_DASHES = re.compile(r"[\u2010-\u2015\u2212]")
_QUOTES = str.maketrans("‘’‚‛“”„‟", "''''" + '""""')


@dataclass(frozen=True, slots=True)
class Writer:
    """Who wrote something: `name` is a document's title, a page's address, a server's or a person's
    name."""

    origin: Origin
    name: str = ""


@dataclass(frozen=True, slots=True)
class Argument:
    """One value of a call. `path` is its name, with dots within objects and lists. `matters`: a
    person must approve it unless its writer is trusted."""

    path: str
    value: str
    writer: Writer
    matters: bool

    @property
    def trusted(self) -> bool:
        return self.writer.origin in TRUSTED_ORIGINS


@dataclass(slots=True)
class Provenance:
    """The texts of a context, each with who wrote it. Looking something up in them takes a few
    milliseconds for a long context, so not on the event loop."""

    _added: list[tuple[Writer, str]] = field(default_factory=list)
    _texts: list[tuple[Writer, str, str]] = field(default_factory=list)

    def add(self, text: str, writer: Writer) -> None:
        """Add a text that the model reads."""
        self._added.append((writer, text))

    @property
    def has_others(self) -> bool:
        """Whether somebody wrote a part of it who is neither trusted nor the model itself."""
        writers = [*(one[0] for one in self._added), *(one[0] for one in self._texts)]
        return any(one.origin not in {*TRUSTED_ORIGINS, "model"} for one in writers)

    def writer_of(self, value: str) -> Writer:
        """Return the least trusted writer of a value, as a whole and not within a longer word."""
        for writer, text in self._added:
            plain = normalize(text[:_MAX_TEXT_CHARACTERS])
            self._texts.append((writer, plain, _GROUPED.sub("", plain)))
        self._added.clear()
        wanted = {normalize(value), normalize(unquote(value))}
        found: Writer | None = None
        for writer, plain, ungrouped in self._texts:
            if found is not None and _rank(writer) <= _rank(found):
                continue
            if any(_stands_in(one, plain) or _stands_in(one, ungrouped) for one in wanted):
                found = writer
        return found or Writer("model")

    def arguments(self, tool: AgentTool, given: Mapping[str, Any]) -> tuple[Argument, ...]:
        """Return each value of a call with its writer."""
        found = []
        for path, value in _leaves(given):
            name = path.split(".", 1)[0]
            text = _text_of(value)
            writer = self.writer_of(text) if text.strip() else Writer("asker")
            found.append(Argument(path, text, writer, _matters(tool, name, value)))
        return tuple(found)


def normalize(text: str) -> str:
    """A text as it is compared: one form of each letter, without case, invisible characters, and
    differences of blanks, dashes and quotation marks."""
    plain = unicodedata.normalize("NFKC", text).translate(_QUOTES).casefold()
    plain = _DASHES.sub("-", plain)
    seen = (c for c in plain if c.isspace() or unicodedata.category(c)[0] != "C")
    return " ".join("".join(seen).split())


def _rank(writer: Writer) -> int:
    return ORIGINS.index(writer.origin)


def _stands_in(value: str, text: str) -> bool:
    """Whether a value stands in a text, not as a part of a longer word or number."""
    if not value:
        return False
    at = text.find(value)
    while at >= 0:
        end = at + len(value)
        before = at > 0 and value[0].isalnum() and text[at - 1].isalnum()
        after = end < len(text) and value[-1].isalnum() and text[end].isalnum()
        if not ((before or after) and value.isascii()):
            return True
        at = text.find(value, at + 1)
    return False


def _leaves(given: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    waiting: list[tuple[str, Any]] = [
        (name, value) for name, value in reversed(list(given.items()))
    ]
    left = _MAX_LEAVES
    while waiting and left:
        path, value = waiting.pop()
        if isinstance(value, Mapping):
            waiting += [(f"{path}.{name}", one) for name, one in reversed(list(value.items()))]
        elif isinstance(value, list | tuple):
            waiting += [(f"{path}.{n}", one) for n, one in reversed(list(enumerate(value, 1)))]
        elif value is not None:
            left -= 1
            yield path, value
    if waiting:  # more than a person would read: what was not looked at is nobody's
        yield "…", str(len(waiting))


def _text_of(value: Any) -> str:
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value)


def _matters(tool: AgentTool, name: str, value: Any) -> bool:
    if tool.matters is not None:
        return name in tool.matters or name == "…"
    if isinstance(value, bool):
        return False
    option = next((one for one in tool.options if one.name == name), None)
    if option is not None:
        return not option.choices
    schema = tool.parameters.get("properties", {}).get(name, {})
    return not (isinstance(schema, Mapping) and ("enum" in schema or "const" in schema))
