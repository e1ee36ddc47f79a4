"""The sentences that people read in a chat are free of what only an operator knows."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SHOWN = frozenset(
    ("Notice", "Text", "Status", "Refused", "Denied", "NotFound", "Failed", "Busy", "UsageError")
) | {"MissingOption", "Recording", "Decision", "Check"}
"""What is made of a sentence for people; the errors of backends are for the log."""
INTERNAL = re.compile(
    r"config\.yaml|\.env\b|\b[A-Z]+_TOKEN\b|\btokens\b|\bparlance \w+|https?://(?!example\.)"
    r"|\b(?:discord|slack|fetch|knowledge|limits|chat|plugins)\.[a-z_]+\b",
)
FOR_OPERATORS = (
    "bot/cli/",
    "bot/config/",
    "bot/control/",
    "bot/testing/",
    "bot/knowledge/retrieval/evaluation.py",
)
"""Rooms whose sentences are printed at the command line alone."""


def literal(node: ast.expr) -> str:
    """The text of a literal, without what is put into it."""
    match node:
        case ast.Constant(value=str(text)):
            return text
        case ast.JoinedStr(values=parts):
            return "".join(literal(part) for part in parts)
        case ast.BinOp(left=left, right=right):
            return literal(left) + literal(right)
    return ""


def sentences(source: str) -> Iterator[tuple[int, str]]:
    """The literal texts of everything that people are shown, with their lines."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Call):
            called = node.func.attr if isinstance(node.func, ast.Attribute) else node.func
            name = called if isinstance(called, str) else getattr(called, "id", "")
            if name in SHOWN:
                given = [*node.args, *(k.value for k in node.keywords if k.arg != "detail")]
                yield from ((one.lineno, text) for one in given if (text := literal(one)))


def faults() -> Iterator[str]:
    for room in ("bot", "plugins"):
        for path in sorted((ROOT / room).rglob("*.py")):
            name = path.relative_to(ROOT).as_posix()
            if name.startswith(FOR_OPERATORS):
                continue
            for line, text in sentences(path.read_text("utf-8")):
                found = INTERNAL.search(text)
                if found is not None:
                    yield f"{name}:{line}: {found[0]!r} in {text!r}"


def test_no_sentence_names_a_key_a_token_or_an_address() -> None:
    assert list(faults()) == []


@pytest.mark.parametrize(
    "line",
    [
        "Notice('Set slack.mode in config.yaml.')",
        "Refused(f'{name} has 9 tokens.')",
        "errors.Failed('It is at ' + 'http://10.0.0.7/ now.')",
    ],
)
def test_the_check_sees_what_it_should(line: str) -> None:
    assert [text for _, text in sentences(line) if INTERNAL.search(text)]
