"""JSON schemas: what comes out always matches, on a real and rather silly model."""

from __future__ import annotations

import json
from typing import Any

import jsonschema
import pytest

from backends.errors import InvalidRequest
from backends.llama_cpp.grammar import compile_grammar
from tests.unit.backends.llama_cpp.asking import Make, tell

PERSON = {
    "type": "object",
    "properties": {
        "name": {"type": "string", "maxLength": 12},
        "age": {"type": "integer"},
        "mood": {"enum": ["calm", "wild"]},
    },
    "required": ["name", "age", "mood"],
    "additionalProperties": False,
}


@pytest.mark.parametrize("temperature", [0.0, 1.0])
async def test_an_answer_matches_its_schema(make: Make, temperature: float) -> None:
    told = await tell(
        make(), "A person?", json_schema=PERSON, temperature=temperature, seed=4, max_tokens=150
    )
    jsonschema.validate(json.loads(told.text), PERSON)
    assert told.finish == "stop"


@pytest.mark.parametrize("value", ['a "quoted" word', "back\\slash", "line\nbreak", "🦙 é", 7])
async def test_constants_come_out_as_they_are(make: Make, value: Any) -> None:
    told = await tell(make(), "Say it.", json_schema={"const": value}, max_tokens=40)
    assert json.loads(told.text) == value


@pytest.mark.parametrize(
    "schema",
    [
        {"$ref": "https://example.com/schema.json"},
        {"$ref": "#/nowhere"},
        {"type": "array", "items": {"type": "string"}, "maxItems": 10**9},
        {"type": "string", "pattern": "no anchors"},
    ],
)
def test_what_no_grammar_can_say_is_refused(schema: dict[str, Any]) -> None:
    with pytest.raises(InvalidRequest):
        compile_grammar(schema)
