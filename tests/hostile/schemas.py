"""JSON schemas of tools that would take for ever, or break what makes grammars of them."""

from __future__ import annotations

from typing import Any


def _nested(depth: int) -> dict[str, Any]:
    schema: dict[str, Any] = {"type": "string"}
    for _ in range(depth):
        schema = {"type": "object", "properties": {"a": schema}}
    return schema


def _one(**keywords: Any) -> dict[str, Any]:
    return {"type": "object", "properties": {"a": keywords}}


_DOUBLING: dict[str, Any] = {
    f"d{n}": {"anyOf": [{"$ref": f"#/$defs/d{n + 1}"}] * 2} for n in range(40)
}

HOSTILE_SCHEMAS: tuple[Any, ...] = (
    {},
    {"type": "object"},
    _nested(200),
    _one(type="string", pattern="^(a+)+$"),
    _one(type="string", pattern="^(?=x)y$"),
    _one(type="string", pattern="^[a-z]{1,100000}$"),
    _one(type="string", pattern="^[z-a]$"),
    _one(type="string", minLength=10**9, maxLength=10**12),
    _one(type="array", items={}, minItems=10**6),
    _one(enum=[f"value number {n}" for n in range(100_000)]),
    _one(enum=[]),
    _one(const="x" * 1_000_000),
    _one(anyOf=[{"type": "string"}] * 10_000),
    _one(type="no such type"),
    _one(type=["object"] * 1000),
    {"type": "object", "properties": {f"p{n}": {"type": "string"} for n in range(5_000)}},
    {"type": "object", "properties": {'"]}\n\\': {"type": "string"}}},
    {"type": "object", "properties": {"a": {"$ref": "#"}, "b": {"$ref": "http://127.0.0.1:9/x"}}},
    {"$ref": "#/$defs/d0", "$defs": {**_DOUBLING, "d40": {"type": "object"}}},
    {"allOf": [{"$ref": "#"}]},
    _one(type="string", madeUp={"deep": [1, 2, {"x": None}]}),
)
"""Each stands for a kind."""
