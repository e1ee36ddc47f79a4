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


def gif_of_a_thousand_frames() -> bytes:
    """An animation of which only the first frame may be decoded."""
    frame = b"\x21\xf9\x04\x04\x05\x00\x00\x00"
    frame += b"\x2c" + struct.pack("<HHHHB", 0, 0, 1, 1, 0) + b"\x02\x02\x44\x01\x00"
    head = b"GIF89a" + struct.pack("<HHBBB", 64, 64, 0x80, 0, 0) + b"\xff\x00\x00\x00\x00\xff"
    return head + frame * 1_000 + b";"


def png_of_100_megapixels() -> bytes:
    """10,000 by 10,000 white pixels, whole."""
    return _png(10_000, 10_000, (b"\0" + b"\xff" * 10_000) * 10_000)


def heic() -> bytes:
    """The beginning of a photo of a phone, which Pillow does not decode."""
    return b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + b"\0" * 64


def svg_of_entities() -> bytes:
    """A drawing whose entities unfold to a billion letters."""
    entities = "".join(f'<!ENTITY a{n} "{f"&a{n - 1};" * 10}">' for n in range(1, 10))
    return f'<!DOCTYPE s [<!ENTITY a0 "ha">{entities}]><svg>&a9;</svg>'.encode()


def html_as_png() -> bytes:
    """A page under a picture's name."""
    return b"<html><script>alert(1)</script></html>"


def png_with_long_text() -> bytes:
    """Metadata of 20 MB in a few kB."""
    packed = zlib.compress(b"x" * 20_000_000, 9)
    text = _chunk(b"zTXt", b"note\0\0" + packed)
    whole = _png(64, 64, (b"\0" + b"\x80" * 64) * 64)
    return whole[:33] + text + whole[33:]


UNSEEN: Mapping[str, tuple[Callable[[], bytes], str]] = {
    "bomb.png": (png_bomb, "3,600 megapixels; pictures up to 64 are seen"),
    "cut.png": (png_cut_off, "is damaged and cannot be seen"),
    "drawing.svg": (svg_of_entities, "is an SVG drawing; send it as PNG"),
    "empty.png": (bytes, "is not a picture that I can read"),
    "large.png": (png_of_100_megapixels, "100 megapixels; pictures up to 64 are seen"),
    "page.png": (html_as_png, "is not a picture that I can read"),
    "phone.heic": (heic, "is a HEIC or AVIF picture; send it as JPEG or PNG"),
    "script.png": (not_a_picture, "is not a picture that I can read"),
    "text.png": (png_with_long_text, "text.png"),
}
"""Pictures that no model is sent, and what is said of each."""
SEEN: Mapping[str, tuple[Callable[[], bytes], tuple[int, int]]] = {
    "circle.tif": (tiff_in_a_circle, (32, 32)),
    "frames.gif": (gif_of_a_thousand_frames, (64, 64)),
    "strip.png": (png_strip, (1024, 32)),
}
"""Odd pictures that are sent, and their sizes then."""
