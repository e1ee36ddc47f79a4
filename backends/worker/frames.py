"""The frames between us and a child process.

A frame is two lengths (of the head and of the body, 4 bytes each, big-endian), the head as JSON,
and the body as raw bytes.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Mapping
from typing import Any

from backends.errors import BackendProtocolError

LENGTHS = struct.Struct(">II")
LARGEST = 256 * 1024 * 1024

Head = dict[str, Any]


def pack(head: Mapping[str, Any], body: bytes = b"") -> bytes:
    """A frame."""
    encoded = json.dumps(head, ensure_ascii=False, separators=(",", ":")).encode(
        "utf-8", "surrogatepass"
    )
    return LENGTHS.pack(len(encoded), len(body)) + encoded + body


def lengths(prefix: bytes) -> tuple[int, int]:
    """Of the head and of the body. Raises `BackendProtocolError` where they cannot be meant."""
    head, body = LENGTHS.unpack(prefix)
    if head > LARGEST or body > LARGEST:
        raise BackendProtocolError("A child process sent something that is not a frame.")
    return head, body


def head_of(encoded: bytes) -> Head:
    """Raises `BackendProtocolError` where it is no JSON object."""
    try:
        head = json.loads(encoded.decode("utf-8", "surrogatepass"))
    except ValueError:
        head = None
    if not isinstance(head, dict):
        raise BackendProtocolError("A child process sent something that is not a frame.")
    return head
