"""Decodes a picture and encodes it again: upright, not too large, and without metadata.

Runs in the child process only. The size is looked at before anything is decoded, and of an
animation only the first frame is.
"""

from __future__ import annotations

import io
from dataclasses import dataclass, field
from typing import Any

from PIL import Image, ImageOps, UnidentifiedImageError

from bot.catalogue.sentence import say
from bot.errors import Refused
from bot.knowledge.loading.pictures.colours import lay_on_white, to_plain_colours

_FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF")
_LOSSY_FORMATS = frozenset({"JPEG", "MPO", "WEBP"})
_MIN_SIDE_PIXELS = 32
"""Models refuse a strip that is narrower than the squares they cut pictures into."""
_MAX_PNG_BYTES = 512 * 1024
"""What would be larger as PNG is written as JPEG."""
_JPEG_QUALITY = 90
_HEIF_BRANDS = frozenset({b"heic", b"heix", b"hevc", b"heim", b"heis", b"mif1", b"msf1", b"avif"})
_DECODING_ERRORS = (OSError, SyntaxError, ValueError, EOFError, IndexError, TypeError)
"""What Pillow raises for damaged files; an `OSError` for most, whatever a decoder met for some."""


@dataclass(frozen=True, slots=True)
class PictureLimits:
    """The most pixels that are decoded, and the longer side of what is sent, in pixels."""

    max_pixels: int
    side: int


@dataclass(frozen=True, slots=True)
class EncodedPicture:
    """A picture as it is sent. `moves`: it was an animation, or had more pages."""

    data: bytes = field(repr=False)
    media_type: str
    width: int
    height: int
    moves: bool = False


def encode_picture(data: bytes, name: str, limits: PictureLimits) -> EncodedPicture:
    """Encode the picture in a file. Raises `Refused`, which says why it cannot be read."""
    picture = _open(data, name)
    lossy = picture.format in _LOSSY_FORMATS
    if picture.format == "JPEG":
        picture.draft("RGB", (limits.side, limits.side))  # decodes no more than is needed
    width, height = picture.size
    if width * height > limits.max_pixels:
        raise Refused(
            say(
                "{name} has {size:,.0f} megapixels; pictures up to {limit:,.0f} are seen.",
                name=name[:100],
                size=width * height / 1e6,
                limit=limits.max_pixels / 1e6,
            )
        )
    try:
        moves = bool(getattr(picture, "is_animated", False)) and picture.format != "MPO"
        picture.seek(0)
        return _encode(ImageOps.exif_transpose(picture), limits.side, lossy, moves)
    except _DECODING_ERRORS as error:
        raise _damaged(name) from error


def encode_image(image: Any, side: int, *, lossy: bool = False) -> EncodedPicture:
    """Encode an image of Pillow's."""
    return _encode(image, side, lossy, moves=False)


def _open(data: bytes, name: str) -> Any:
    called = name[:100]
    if data[4:8] == b"ftyp" and data[8:12] in _HEIF_BRANDS:
        raise Refused(
            say("{called} is a HEIC or AVIF picture; send it as JPEG or PNG.", called=called)
        )
    if b"<svg" in data[:4096].lower():
        raise Refused(say("{called} is an SVG drawing; send it as PNG.", called=called))
    Image.MAX_IMAGE_PIXELS = None  # the caller looks at the size before anything is decoded
    try:
        return Image.open(io.BytesIO(data), formats=_FORMATS)
    except UnidentifiedImageError:
        raise Refused(
            say("{called} is not a picture that I can read; send PNG or JPEG.", called=called)
        ) from None
    except _DECODING_ERRORS as error:
        raise _damaged(name) from error


def _damaged(name: str) -> Refused:
    return Refused(say("{called} is damaged and cannot be seen.", called=name[:100]))


def _encode(picture: Any, side: int, lossy: bool, moves: bool) -> EncodedPicture:
    picture = lay_on_white(_shrink(to_plain_colours(picture), side)).convert("RGB")
    clean = Image.new(  # metadata goes with an image from one format to the next
        "RGB", tuple(max(_MIN_SIDE_PIXELS, length) for length in picture.size), "white"
    )
    clean.paste(picture, (0, 0))
    data, media_type = b"", "image/png"
    if not lossy:
        data = _save(clean, "PNG")
    if lossy or len(data) > _MAX_PNG_BYTES:
        data, media_type = _save(clean, "JPEG", quality=_JPEG_QUALITY), "image/jpeg"
    return EncodedPicture(data, media_type, clean.width, clean.height, moves)


def _save(picture: Any, form: str, **options: Any) -> bytes:
    target = io.BytesIO()
    picture.save(target, form, **options)
    return target.getvalue()


def _shrink(picture: Any, side: int) -> Any:
    if max(picture.size) <= side:
        return picture
    scale = side / max(picture.size)
    size = tuple(max(1, round(length * scale)) for length in picture.size)
    return picture.resize(size, Image.Resampling.LANCZOS, reducing_gap=2.0)
