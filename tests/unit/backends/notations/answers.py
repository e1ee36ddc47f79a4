"""Answers as they are read, and the golden texts of families of models."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from backends.base import Chunk, Tool, UnreadCall, Usage
from backends.notations.reader import AnswerReader

GOLDEN = Path(__file__).parents[3] / "golden" / "notations"
END = Chunk(finish="stop", usage=Usage())

WEATHER = Tool(
    "weather",
    "Says the weather.",
    {
        "type": "object",
        "properties": {"city": {"type": "string"}, "days": {"type": "integer"}},
        "required": ["city"],
    },
)
NOTE = Tool(
    "take_note",
    "Keeps a note.",
    {
        "type": "object",
        "properties": {
            "text": {"type": "string"},
            "tags": {"type": "array", "items": {"type": "string"}},
        },
    },
)
TOOLS = (WEATHER, NOTE)


@dataclass(frozen=True)
class Told:
    """What was told apart in an answer."""

    text: str = ""
    calls: tuple[tuple[str, dict[str, Any]], ...] = ()
    thoughts: str = ""
    unread: tuple[UnreadCall, ...] = ()
    finish: str = "stop"


def read(
    pieces: Sequence[str | Chunk],
    *,
    tools: Sequence[Tool] = TOOLS,
    end: Chunk = END,
    **options: Any,
) -> Told:
    reader = AnswerReader(tools, keep=True, progress_interval_s=0.0, **options)
    chunks: list[Chunk] = []
    for piece in (*pieces, end):
        chunks += reader.take(Chunk(text=piece) if isinstance(piece, str) else piece)
    assert [c.finish for c in chunks if c.finish] == [chunks[-1].finish]
    calls = [call for c in chunks for call in c.tool_calls]
    return Told(
        "".join(c.text for c in chunks),
        tuple((call.name, dict(call.arguments)) for call in calls),
        "".join(c.thinking for c in chunks),
        tuple(call for c in chunks for call in c.unread_calls),
        str(chunks[-1].finish),
    )


@dataclass(frozen=True)
class Golden:
    """A text that a family of models writes, and the calls in it."""

    family: str
    notation: str
    text: str
    calls: tuple[tuple[str, dict[str, Any]], ...]
    says: str
    kind: str

    @property
    def id(self) -> str:
        return f"{self.family}-{self.kind}"


def golden() -> Iterator[Golden]:
    for path in sorted(GOLDEN.glob("*.yaml")):
        family = yaml.safe_load(path.read_text("utf-8"))
        named = {kind: family[kind] for kind in ("one", "parallel") if kind in family}
        named |= {f"also{n}": each for n, each in enumerate(family.get("also", ()))}
        for kind, each in named.items():
            calls = tuple((call["name"], call["arguments"]) for call in each["calls"])
            yield Golden(
                path.stem, family["notation"], each["text"], calls, each.get("says", ""), kind
            )
