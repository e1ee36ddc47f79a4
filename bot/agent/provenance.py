"""Where the values of a tool call come from: each is looked for in the texts of the context.

It is never asked of the model. A value that several wrote counts as written by the least trusted of
them; one that nobody wrote is the model's own.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from bot.agent.listed_rows import row_of
from bot.agent.trusted_values import TrustedValues
from bot.agent.value_search import (
    SearchedText,
    SoughtValue,
    find_addresses,
    host_of,
    is_address,
    name_stems,
)
from bot.skills.tool import ORIGINS, TRUSTED_ORIGINS, AgentTool, Origin

_MAX_LEAVES: Final = 200
_MAX_ADDRESSES: Final = 50
"""Most addresses of one text that are looked at; where there are more, that is said."""


@dataclass(frozen=True, slots=True)
class Writer:
    """Who wrote something: `name` is a document's title, a page's address, a server's or a person's
    name."""

    origin: Origin
    name: str = ""

    @property
    def trusted(self) -> bool:
        """Whether it is the operator or the person who asks."""
        return self.origin in TRUSTED_ORIGINS

    @property
    def foreign(self) -> bool:
        """Whether it is neither somebody who is trusted nor the model itself."""
        return not self.trusted and self.origin != "model"


_OPERATOR: Final = Writer("operator")
_ASKER: Final = Writer("asker")
_MODEL: Final = Writer("model")


@dataclass(frozen=True, slots=True)
class Argument:
    """One value of a call. `path` is its name, with dots within objects and lists. `matters`: a
    person must approve it unless its writer is trusted. `within`: it is an address or a long number
    in the text before it. `row` is what it stands for where it is an id that a listing has."""

    path: str
    value: str
    writer: Writer
    matters: bool
    within: bool = False
    row: str = ""

    @property
    def trusted(self) -> bool:
        """Whether the operator or the person who asks wrote it."""
        return self.writer.trusted


@dataclass(slots=True)
class Provenance:
    """The texts of a context, each with who wrote it. Looking something up in them takes a few
    milliseconds for a long context, so not on the event loop. `operator` has the values that count
    as the operator's own, whoever else wrote them."""

    operator: TrustedValues = field(default_factory=TrustedValues)
    _added: list[tuple[Writer, str, str | None]] = field(default_factory=list)
    _texts: list[tuple[Writer, SearchedText]] = field(default_factory=list)
    _described: list[tuple[str, SearchedText]] = field(default_factory=list)
    _listed: list[str] = field(default_factory=list)

    def add(self, text: str, writer: Writer, *, describes: str | None = None) -> None:
        """Add a text that the model reads; `describes` is the plugin or server of whose tools it is
        a description."""
        self._added.append((writer, text, describes))
        if not writer.trusted:
            self._listed.append(text)

    @property
    def has_others(self) -> bool:
        """Whether somebody wrote a part of it who is neither trusted nor the model itself."""
        writers = [*(one[0] for one in self._added), *(one[0] for one in self._texts)]
        return any(one.origin not in {*TRUSTED_ORIGINS, "model"} for one in writers)

    def writer_of(self, value: str) -> Writer:
        """Return the least trusted writer of a value, as a whole and not within a longer word.

        A number, a date or a time is compared as such, an address also by its host. What is neither
        a word of the asker nor of the operator, and repeats several words of another text in a row,
        is of that text's writer.
        """
        if self.operator.covers(value):
            return _OPERATOR
        sought = SoughtValue(value)
        found = least_trusted(w for w, text in self._read() if _is_by(w, text, sought))
        if found is not None:
            return found
        if sought.figures:
            return self._writer_of_figures(sought)
        host = host_of(value)
        if host and host != value and (known := self.writer_of(host)).foreign:
            return known
        quoting = (w for w, text in self._read() if w.foreign and text.is_quoted_in(sought))
        return least_trusted(quoting) or _MODEL

    def _writer_of_figures(self, sought: SoughtValue) -> Writer:
        """The writer of a date with a time, say, that do not stand in the same text."""
        found = []
        for figure in sought.figures:
            writers = [w for w, text in self._read() if not text.lacks(figure)]
            trusted = any(w.trusted for w in writers)
            found.append(_ASKER if trusted else least_trusted(writers) or _MODEL)
        return least_trusted(found) or _MODEL

    def row_of(self, id_: str) -> str:
        """Return what an id stands for in the latest text that lists it, unless the asker wrote
        that; empty where none does."""
        for text in reversed(self._listed):
            if row := row_of(id_, text):
                return row
        return ""

    def asked_for(self, tool: AgentTool) -> Writer | None:
        """Return the least trusted writer but the asker of a text that names what a tool does, if
        any: the words of its name stand near each other there. What its own server says of its
        tools names it always, and is no order."""
        stems = name_stems(tool.name)
        texts = self._read()
        own = {id(text) for plugin, text in self._described if plugin == tool.plugin}
        others = ((w, text) for w, text in texts if w.foreign and id(text) not in own)
        return least_trusted(w for w, text in others if text.names(stems))

    def arguments(self, tool: AgentTool, given: Mapping[str, Any]) -> tuple[Argument, ...]:
        """Return each value of a call with its writer, and each address of others within one."""
        found = []
        for path, value in _leaves(given):
            name = path.split(".", 1)[0]
            text = _text_of(value)
            writer = self.writer_of(text) if text.strip() else _ASKER
            row = "" if isinstance(value, bool | float) else self.row_of(text)
            whole = Argument(path, text, writer, _matters(tool, name, value), row=row)
            found.append(whole)
            if isinstance(value, str) and not writer.trusted:
                inner = self._addresses(path, text)
                found += [one for one in inner if one.value != text or not whole.matters]
        return tuple(found)

    def _addresses(self, path: str, text: str) -> Iterator[Argument]:
        """The addresses in a text that are not the asker's own, and others' hosts and long numbers:
        they decide where a text leads, or what it gives away."""
        found = list(dict.fromkeys(find_addresses(text)))
        for one in found[:_MAX_ADDRESSES]:
            writer = self.writer_of(one)
            if writer.foreign or (is_address(one) and not writer.trusted):
                yield Argument(path, one, writer, matters=True, within=True)
        if len(found) > _MAX_ADDRESSES:
            yield Argument(path, "…", _MODEL, matters=True, within=True)

    def _read(self) -> list[tuple[Writer, SearchedText]]:
        for writer, text, describes in self._added:
            searched = SearchedText(text)
            self._texts.append((writer, searched))
            if describes is not None:
                self._described.append((describes, searched))
        self._added.clear()
        return self._texts


def least_trusted(writers: Iterable[Writer]) -> Writer | None:
    """Of several writers the least trusted; of equals the first."""
    return max(writers, key=lambda one: ORIGINS.index(one.origin), default=None)


def _is_by(writer: Writer, text: SearchedText, sought: SoughtValue) -> bool:
    """Whether a writer wrote a value. A number of the asker's must stand there as that number, and
    not as a part of another one; of others any likeness counts."""
    if writer.trusted and sought.figures:
        return text.tells(sought)
    return text.holds(sought)


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
