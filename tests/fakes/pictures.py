"""Pictures as people send them, and what arrives of them at a model's server."""

from __future__ import annotations

import base64
import io
import struct
from dataclasses import dataclass
from typing import Any

from PIL import Image

SECRET = b"taken at 52.5163 N, 13.3777 E"
"""What the metadata of a photo says, which nobody shall be told."""
_ORIENTATION, _DESCRIPTION = 0x0112, 0x010E
_LYING = 6
"""The picture is stored on its side: its top is on the right."""


def photo(width: int = 600, height: int = 400, *, lying: bool = True) -> bytes:
    """A JPEG whose top half is blue and whose bottom half is red, with metadata; with `lying` it is
    stored on its side, as phones do."""
    picture = Image.new("RGB", (width, height), "red")
    picture.paste("blue", (0, 0, width, height // 2))
    exif = Image.Exif()
    exif[_DESCRIPTION] = SECRET.decode()
    if lying:
        picture = picture.transpose(Image.Transpose.ROTATE_90)
        exif[_ORIENTATION] = _LYING
    file = io.BytesIO()
    picture.save(file, "JPEG", exif=exif, comment=SECRET, quality=90)
    return file.getvalue()


def png(width: int, height: int, mode: str = "RGB") -> bytes:
    """A PNG of one colour."""
    file = io.BytesIO()
    Image.new(mode, (width, height)).save(file, "PNG")
    return file.getvalue()


def gif(frames: int) -> bytes:
    """An animated GIF of 64 by 64 pixels."""
    control = b"\x21\xf9\x04\x04\x05\x00\x00\x00"
    frame = control + b"\x2c" + struct.pack("<HHHHB", 0, 0, 1, 1, 0) + b"\x02\x02\x44\x01\x00"
    head = b"GIF89a" + struct.pack("<HHBBB", 64, 64, 0x80, 0, 0) + b"\xff\x00\x00\x00\x00\xff"
    return head + frame * frames + b";"


@dataclass(frozen=True)
class Arrived:
    """A picture that a server was sent."""

    data: bytes
    width: int
    height: int
    top: str
    bottom: str

    @property
    def has_metadata(self) -> bool:
        with Image.open(io.BytesIO(self.data)) as picture:
            about = {*picture.info} - {"jfif", "jfif_version", "jfif_unit", "jfif_density"}
            return bool(about or picture.getexif() or SECRET in self.data)


def arrived(encoded: str) -> Arrived:
    """Decode the base64 of a picture."""
    data = base64.b64decode(encoded, validate=True)
    with Image.open(io.BytesIO(data)) as picture:
        plain = picture.convert("RGB")
    middle = plain.width // 2
    top, bottom = plain.getpixel((middle, 2)), plain.getpixel((middle, plain.height - 3))
    return Arrived(data, plain.width, plain.height, _colour(top), _colour(bottom))


def _colour(pixel: Any) -> str:
    names = {"red": (255, 0, 0), "blue": (0, 0, 255)}
    pairs = {name: zip(pixel, rgb, strict=True) for name, rgb in names.items()}
    near = (name for name, both in pairs.items() if all(abs(a - b) < 40 for a, b in both))
    return next(near, str(pixel))
