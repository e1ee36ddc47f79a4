"""The frames exchanged with a child process.

A frame is two lengths (of the head and of the body, 4 bytes each, big-endian), the head as JSON,
and the body as raw bytes.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Mapping
from typing import Any

from backends.errors import BackendProtocolError

LENGTHS_FORMAT = struct.Struct(">II")
MAX_FRAME_BYTES = 256 * 1024 * 1024

Head = dict[str, Any]


def pack_frame(head: Mapping[str, Any], body: bytes = b"") -> bytes:
    """Return a head and a body as the bytes of a frame."""
    return pack_head(head, len(body)) + body


def pack_head(head: Mapping[str, Any], body_bytes: int) -> bytes:
    """Return the beginning of a frame, which a body of so many bytes follows."""
    encoded = json.dumps(head, ensure_ascii=False, separators=(",", ":")).encode(
        "utf-8", "surrogatepass"
    )
    return LENGTHS_FORMAT.pack(len(encoded), body_bytes) + encoded


def unpack_lengths(prefix: bytes) -> tuple[int, int]:
    """Return the lengths of head and body. Raises `BackendProtocolError` if they are invalid."""
    head, body = LENGTHS_FORMAT.unpack(prefix)
    if head > MAX_FRAME_BYTES or body > MAX_FRAME_BYTES:
        raise BackendProtocolError("A child process sent something that is not a frame.")
    return head, body


def parse_head(encoded: bytes) -> Head:
    """Parse a frame's head. Raises `BackendProtocolError` if it is not a JSON object."""
    try:
        head = json.loads(encoded.decode("utf-8", "surrogatepass"))
    except ValueError:
        head = None
    if not isinstance(head, dict):
        raise BackendProtocolError("A child process sent something that is not a frame.")
    return head
