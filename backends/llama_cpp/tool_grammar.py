"""Makes the grammar that holds a model to a well-formed call once it has begun one."""

from __future__ import annotations

import ctypes
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from backends.base import Tool
from backends.errors import InvalidRequest
from backends.llama_cpp.grammar import RuleBuilder
from backends.llama_cpp.native import Model
from backends.llama_cpp.native_library import lib
from backends.loose_schema import loosen_schema
from backends.notations.notation import Notation
from backends.notations.thoughts import THINKING_TAGS

_ANY_OBJECT = {"type": "object"}
_MAX_TOOL_CHARACTERS = 64 * 1024
"""A tool whose arguments make more grammar than this takes any object."""
_LITERAL_ESCAPES = str.maketrans({"\\": "\\\\", '"': '\\"'})


@dataclass(frozen=True, slots=True)
class LazyGrammar:
    """A grammar that holds from a mark on: `opening` is the mark, `begins` the text that an answer
    in it begins with."""

    text: str
    opening: str
    begins: str


def compile_tool_grammar(notation: Notation, tools: Sequence[Tool]) -> LazyGrammar | None:
    """Return the grammar of calls of these tools in a notation.

    None where the notation has no mark that a call begins with, or writes arguments otherwise than
    as one JSON object.
    """
    begins = notation.begin + notation.before_name
    marked = notation.opening and begins.startswith(notation.opening)
    if not tools or not marked or notation.arguments != "json":
        return None
    builder = RuleBuilder()
    calls = []
    for number, tool in enumerate(tools):
        parts = (
            _literal(notation.before_name + tool.name + notation.after_name),
            _add_arguments(builder, tool, f"arguments-{number}"),
            _literal(notation.after_arguments),
        )
        calls.append(" ".join(parts))
    between, end = _literal(notation.between), _literal(notation.end)
    own = {
        "root": f"{_literal(notation.begin)} blank call (blank {between} call)* blank {end}",
        "call": " | ".join(calls),
        "blank": '| " " | "\\n" [ \\n\\t]{0,20}',
    }
    text = "\n".join(f"{name} ::= {rule}" for name, rule in {**builder.rules, **own}.items())
    return LazyGrammar(text, notation.opening, begins)


def _add_arguments(builder: RuleBuilder, tool: Tool, name: str) -> str:
    """Add the rules of a tool's arguments; return the name of the first."""
    before = len(builder.rules)
    try:
        found = builder.add(loosen_schema(tool.parameters) or _ANY_OBJECT, name)
    except InvalidRequest:
        return builder.add(_ANY_OBJECT, name)
    added = list(builder.rules.values())[before:]
    fits = sum(map(len, added)) <= _MAX_TOOL_CHARACTERS
    return found if fits else builder.add(_ANY_OBJECT, name)


def _literal(text: str) -> str:
    """A text of the grammar, in which blanks may be more, fewer or others."""
    parts = re.split(r"\s+", text)
    shown = (f'"{part.translate(_LITERAL_ESCAPES)}"' if part else "" for part in parts)
    return " blank ".join(shown).strip()


_OPEN_TAGS, _CLOSE_TAGS = (
    tuple(tag.strip().encode() for tag in tags) for tags in zip(*THINKING_TAGS, strict=True)
)


class CallWatch:
    """Follows the tokens of one answer until a call begins outside of thoughts.

    Nothing is masked before, so an answer without a call is written as fast as without tools.
    `thinking` says that the answer begins within thoughts.
    """

    def __init__(self, grammar: LazyGrammar, *, thinking: bool = False) -> None:
        self._grammar = grammar
        self._opening = grammar.opening.encode()
        self._begins = grammar.begins.encode()
        self._thinking = thinking
        self._longest = max(map(len, (self._opening, *_OPEN_TAGS, *_CLOSE_TAGS)))
        self._recent: list[tuple[int, bytes]] = []

    def begins(self, token: int, piece: bytes) -> bool:
        """Take the next token; return whether a call begins with the last ones."""
        self._recent.append((token, piece))
        written = b"".join(piece for _, piece in self._recent)
        if any(tag in written for tag in (_CLOSE_TAGS if self._thinking else _OPEN_TAGS)):
            self._thinking, self._recent = not self._thinking, []
            return False
        at = written.find(self._opening)
        if at >= 0 and not self._thinking and self._begins.startswith(written[at:]):
            return True
        while len(written) - len(self._recent[0][1]) >= self._longest:
            written = written[len(self._recent.pop(0)[1]) :]
        return False

    def start(self, model: Model) -> Any:
        """Return the sampler that holds the rest of the answer to the grammar; None if llama.cpp
        does not take it."""
        pattern = (ctypes.c_char_p * 1)(re.escape(self._grammar.opening).encode())
        sampler = lib.llama_sampler_init_grammar_lazy_patterns(
            model.vocab, self._grammar.text.encode(), b"root", pattern, 1, None, 0
        )
        for token, _ in self._recent if sampler else ():
            lib.llama_sampler_accept(sampler, token)
        return sampler or None
