"""What servers say of their tools is taken over only as far as it is safe."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from bot.mcp.listing import MAX_DESCRIPTION_CHARACTERS, MAX_TOOLS, read_listing
from bot.mcp.safe_schema import safe_schema
from tests.hostile.tool_listings import GOOD, MALFORMED_TOOLS, ODD_NAMES, ODD_SCHEMAS


@pytest.mark.parametrize("number", range(len(MALFORMED_TOOLS)))
def test_one_bad_tool_is_named_and_left_out(number: int) -> None:
    found = read_listing("s", [MALFORMED_TOOLS[number], GOOD])
    assert [tool.called for tool in found.tools] == ["s_good"]
    [problem] = found.problems
    assert "is left out" in problem
    assert len(problem) < 300


def test_names_are_safe_and_unique() -> None:
    found = read_listing("s", [{**GOOD, "name": name} for name in (*ODD_NAMES, "a b", "a_b")])
    assert not found.problems
    names = [tool.called for tool in found.tools]
    assert len(set(names)) == len(names)
    assert all(re.fullmatch(r"s_[A-Za-z0-9_-]{1,62}", name) for name in names)
    assert "s_a_b" in names
    alone = read_listing("s", [{**GOOD, "name": "a b"}]).tools[0]
    assert alone.called in names, "a name does not depend on what else there is"


def test_a_tool_cannot_have_the_name_of_another() -> None:
    raw = [{**GOOD, "name": "documents"}, GOOD, {**GOOD, "description": "The second."}]
    found = read_listing("search", raw, frozenset({"search_documents"}))
    assert len(found.tools) == 2
    assert found.tools[0].called.startswith("search_documents_")
    assert found.problems == ("tool good is left out: there are two of this name",)


def test_there_is_a_limit_to_tools_and_words() -> None:
    raw = [{**GOOD, "name": f"t{n}", "description": "\u200bx\x07 " * 3_000} for n in range(500)]
    found = read_listing("s", raw)
    assert len(found.tools) == MAX_TOOLS
    assert found.problems == ("only the first 200 of its 500 tools are offered",)
    about = found.tools[0].description
    assert len(about) == MAX_DESCRIPTION_CHARACTERS
    assert set(about) == {"x", " ", "…"}


@pytest.mark.parametrize("number", range(len(ODD_SCHEMAS)))
def test_a_schema_is_safe_to_check_against_and_to_show(number: int) -> None:
    found = safe_schema(ODD_SCHEMAS[number])
    Draft202012Validator.check_schema(found)
    assert not {"$ref", "pattern", "$id", "$schema", "$dynamicRef"} & set(_keywords(found))
    text = json.dumps(found, allow_nan=False)
    assert len(text) < 200_000
    assert "\\u001b" not in text
    list(Draft202012Validator(found).iter_errors({"a": "x" * 10_000}))
    assert found["type"] == "object"


def test_no_schema_takes_for_ever() -> None:
    program = (
        "import resource; resource.setrlimit(resource.RLIMIT_CPU, (30, 30))\n"
        "from bot.mcp.safe_schema import safe_schema\n"
        "from jsonschema import Draft202012Validator\n"
        "from tests.hostile.tool_listings import ODD_SCHEMAS\n"
        "for one in ODD_SCHEMAS:\n"
        "    checks = Draft202012Validator(safe_schema(one))\n"
        "    list(checks.iter_errors({'a': 'a' * 5_000 + '!'}))\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True, timeout=100)


def test_what_a_model_needs_of_a_schema_is_kept() -> None:
    schema = {
        "type": "object",
        "properties": {
            "path": {"type": "string", "description": "The\nfile.", "minLength": 1},
            "mode": {"enum": ["a", "b"], "default": "a"},
            "edits": {"type": "array", "items": {"$ref": "#/$defs/edit"}, "maxItems": 9},
            "depth": {"anyOf": [{"type": "integer", "minimum": 0}, {"type": "null"}]},
        },
        "required": ["path"],
        "$defs": {"edit": {"type": "object", "properties": {"old": {"type": "string"}}}},
    }
    assert safe_schema(schema) == {
        "type": "object",
        "properties": {
            "path": {"type": "string", "description": "The file.", "minLength": 1},
            "mode": {"enum": ["a", "b"], "default": "a"},
            "edits": {
                "type": "array",
                "maxItems": 9,
                "items": {
                    "type": "object",
                    "properties": {"old": {"type": "string"}},
                    "required": [],
                },
            },
            "depth": {"anyOf": [{"type": "integer", "minimum": 0}, {"type": "null"}]},
        },
        "required": ["path"],
    }


def _keywords(node: Any) -> list[str]:
    if isinstance(node, dict):
        return [*node, *(word for inner in node.values() for word in _keywords(inner))]
    return [word for inner in node for word in _keywords(inner)] if isinstance(node, list) else []
