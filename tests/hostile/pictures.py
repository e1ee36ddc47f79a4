"""Small pictures that ask for far more memory or time than a page would, or are damaged."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable, Mapping


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def _png(width: int, height: int, pixels: bytes) -> bytes:
    head = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + _chunk(b"IHDR", head)
        + _chunk(b"IDAT", zlib.compress(pixels, 9))
        + _chunk(b"IEND", b"")
    )


def png_bomb() -> bytes:
    """60,000 by 60,000 pixels, 3.6 GB, in a few bytes."""
    return _png(60_000, 60_000, b"\0" * 100_000)


def png_strip() -> bytes:
    """One pixel high and two million long: a model that enlarges it takes all memory."""
    return _png(2_000_000, 1, b"\0" + b"\x00\xff" * 1_000_000)


def png_cut_off() -> bytes:
    """The first half of a picture."""
    whole = _png(200, 200, (b"\0" + b"\x00\xff" * 100) * 200)
    return whole[: len(whole) // 2]


def tiff_in_a_circle() -> bytes:
    """A page whose next page is itself."""
    entries = [(256, 4, 1, 8), (257, 4, 1, 8), (258, 3, 1, 8), (259, 3, 1, 1), (262, 3, 1, 1)]
    entries += [(273, 4, 1, 200), (278, 4, 1, 8), (279, 4, 1, 64)]
    packed = b"".join(struct.pack("<HHII", *entry) for entry in entries)
    directory = struct.pack("<H", len(entries)) + packed + struct.pack("<I", 8)
    return (b"II*\0" + struct.pack("<I", 8) + directory).ljust(200, b"\0") + b"\x00\xff" * 32


def not_a_picture() -> bytes:
    """PostScript under a picture's name: only the four formats are decoded."""
    return b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\nshowpage\n"


PICTURES: Mapping[str, Callable[[], bytes]] = {
    "bomb.png": png_bomb,
    "circle.tif": tiff_in_a_circle,
    "cut.png": png_cut_off,
    "script.png": not_a_picture,
    "strip.png": png_strip,
}
