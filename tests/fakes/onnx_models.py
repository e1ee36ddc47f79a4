"""Small real ONNX models, written byte by byte: no library for that is installed.

`cross_encoder` counts how often words of the question stand in the text, which is a (poor)
cross-encoder: it takes what a trained one takes, and gives what it gives. `encoder` gives each
token the sine and the cosine of its id, so that a text's vector can be told beforehand.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence

_INT64, _FLOAT = 7, 1
_COMMON = 2_120
"""Ids of BERT's vocabulary up to here are signs, letters and small words."""


def cross_encoder(*, outputs: int = 1, segments: bool = True) -> bytes:
    """A model from ids, mask and segments (or without these) to numbers, shape (pairs, outputs)."""
    axes = [_tensor("first", [1]), _tensor("second", [2]), _tensor("both", [1, 2])]
    names = ["input_ids", "attention_mask"]
    nodes = [_node("Cast", ["attention_mask"], "mask", to=_FLOAT)]
    if segments:
        names.append("token_type_ids")
        nodes += [
            _node("Unsqueeze", ["input_ids", "second"], "rows"),
            _node("Unsqueeze", ["input_ids", "first"], "columns"),
            _node("Equal", ["rows", "columns"], "equal"),
            _node("Cast", ["equal"], "same", to=_FLOAT),
            _node("Cast", ["token_type_ids"], "of_text", to=_FLOAT),
            _node("Mul", ["of_text", "mask"], "text"),
            _node("Sub", ["mask", "text"], "asked"),
            _node("Greater", ["input_ids", "common"], "is_rare"),
            _node("Cast", ["is_rare"], "rare", to=_FLOAT),
            _node("Mul", ["asked", "rare"], "words"),
            _node("Unsqueeze", ["words", "second"], "wanted"),
            _node("Unsqueeze", ["text", "first"], "there"),
            _node("Mul", ["wanted", "there"], "pairs"),
            _node("Mul", ["pairs", "same"], "hits"),
            _node("ReduceSum", ["hits", "both"], "total", keepdims=0),
            _node("Unsqueeze", ["total", "first"], "one"),
        ]
    else:
        nodes.append(_node("ReduceSum", ["mask", "first"], "one", keepdims=1))
    nodes.append(_node("Concat", ["one"] * outputs, "logits", axis=1))
    tensors = [*axes, _tensor("common", [_COMMON])]
    return _model(names, nodes, tensors, [_value("logits", _FLOAT, ["batch", outputs])])


def encoder(*, segments: bool = True, pooled: bool = False) -> bytes:
    """A model from ids, mask and segments (or without these) to states, shape (texts, tokens, 2);
    `pooled` gives it a second output, shape (texts, 2)."""
    names = ["input_ids", "attention_mask", *(["token_type_ids"] if segments else [])]
    nodes = [
        _node("Cast", ["input_ids"], "ids", to=_FLOAT),
        _node("Unsqueeze", ["ids", "second"], "column"),
        _node("Sin", ["column"], "sine"),
        _node("Cos", ["column"], "cosine"),
        _node("Concat", ["sine", "cosine"], "last_hidden_state", axis=2),
    ]
    outputs = [_value("last_hidden_state", _FLOAT, ["batch", "length", 2])]
    if pooled:
        nodes.append(_node("ReduceSum", ["last_hidden_state", "first"], "pooled", keepdims=0))
        outputs.append(_value("pooled", _FLOAT, ["batch", 2]))
    return _model(names, nodes, [_tensor("first", [1]), _tensor("second", [2])], outputs)


def _model(
    inputs: Sequence[str],
    nodes: Sequence[bytes],
    tensors: Sequence[bytes],
    outputs: Sequence[bytes],
) -> bytes:
    graph = b"".join(
        [
            *(_field(1, node) for node in nodes),
            _field(2, b"graph"),
            *(_field(5, tensor) for tensor in tensors),
            *(_field(11, _value(name, _INT64, ["batch", "length"])) for name in inputs),
            *(_field(12, output) for output in outputs),
        ]
    )
    return _field(1, 8) + _field(8, _field(1, b"") + _field(2, 13)) + _field(7, graph)


def _node(op: str, inputs: Sequence[str], output: str, **attributes: int) -> bytes:
    return b"".join(
        [
            *(_field(1, name.encode()) for name in inputs),
            _field(2, output.encode()),
            _field(4, op.encode()),
            *(
                _field(5, _field(1, name.encode()) + _field(3, value) + _field(20, 2))
                for name, value in attributes.items()
            ),
        ]
    )


def _tensor(name: str, values: Sequence[int]) -> bytes:
    raw = struct.pack(f"<{len(values)}q", *values)
    return _field(1, len(values)) + _field(2, _INT64) + _field(8, name.encode()) + _field(9, raw)


def _value(name: str, kind: int, shape: Sequence[str | int]) -> bytes:
    dims = b"".join(
        _field(1, _field(1, d) if isinstance(d, int) else _field(2, d.encode())) for d in shape
    )
    tensor = _field(1, kind) + _field(2, dims)
    return _field(1, name.encode()) + _field(2, _field(1, tensor))


def _field(number: int, value: int | bytes) -> bytes:
    """One field of a protocol buffer: a varint, or bytes with their length."""
    if isinstance(value, int):
        return _varint(number << 3) + _varint(value)
    return _varint(number << 3 | 2) + _varint(len(value)) + value


def _varint(value: int) -> bytes:
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes(out) + bytes([value])
