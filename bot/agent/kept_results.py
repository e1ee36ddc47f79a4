"""Long results of a turn: a model is shown their beginning and end, and reads on by `read_more`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from backends.base import Tool
from bot.agent.model_words import (
    ABOUT_FROM,
    ABOUT_READ_MORE,
    ABOUT_RESULT,
    NOTHING_MORE,
    head_and_tail,
    nothing_kept,
    read_on,
)
from bot.agent.provenance import Writer
from bot.commands.declaration import options_schema
from bot.commands.options import Option

MAX_KEPT_CHARACTERS: Final = 400_000
"""Most characters of the long results of one turn that are kept; what comes later is not."""
_MAX_RESULT_CHARACTERS: Final = 100_000
READ_MORE: Final = Tool(
    "read_more",
    ABOUT_READ_MORE,
    options_schema(
        [
            Option(ABOUT_RESULT, name="id", required=True),
            Option(ABOUT_FROM, name="from", kind="int", required=True),
        ]
    ),
)
"""Offered once a result was cut; `KeptResults.read` answers it."""


@dataclass(frozen=True, slots=True)
class LongResult:
    """A result that was cut. `said` is what the model wrote to get it; None where the tool made all
    of it from that."""

    text: str
    writer: Writer
    said: str | None = None


class KeptResults:
    """The results of a turn that were cut, in full, by the ids under which they are read on."""

    def __init__(self) -> None:
        self._kept: dict[str, LongResult] = {}
        self.room = MAX_KEPT_CHARACTERS
        """How many characters can still be kept."""

    def __bool__(self) -> bool:
        return bool(self._kept)

    def keep(self, id_: str, result: LongResult) -> None:
        """Keep a result under its id."""
        self._kept[id_] = result
        self.room -= len(result.text)

    def read(self, given: Mapping[str, Any], most: int) -> LongResult:
        """Return the part of a result that a call of `read_more` asks for, of at most about `most`
        characters."""
        id_ = given.get("id")
        found = self._kept.get(id_) if isinstance(id_, str) else None
        if found is None:
            return LongResult(nothing_kept(self._kept), Writer("model"))
        at = _position(given.get("from"))
        part = found.text[at : at + most]
        if not part:
            return LongResult(NOTHING_MORE, Writer("model"))
        left = len(found.text) - at - len(part)
        if left:
            part += f"\n{read_on(str(id_), at + len(part), left)}"
        return replace(found, text=part)


def cut(text: str, limit: int, id_: str, room: int) -> tuple[str, str]:
    """Return a result of at most about `limit` characters, and what is kept of one that was cut,
    where there is room for more than is shown."""
    if len(text) <= limit:
        return text, ""
    kept = text[: min(room, _MAX_RESULT_CHARACTERS)]
    if len(kept) <= limit:
        return head_and_tail(text, limit), ""
    return head_and_tail(text, limit, id_), kept


def _position(value: Any) -> int:
    try:
        return max(0, int(value))
    except (TypeError, ValueError, OverflowError):
        return 0
