"""Makes images of the pages of a PDF, and of the pictures in a file, for text recognition.

Runs in the child process only. All sizes are bounded: a page or picture is made smaller before it
becomes large in memory.
"""

from __future__ import annotations

import io
import math
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray
from PIL import Image as PillowImage
from PIL import ImageOps

from bot.knowledge.loading.pictures.colours import lay_on_white, to_plain_colours

Image: TypeAlias = NDArray[np.uint8]
"""A page in shades of grey: rows of pixels, 0 is black."""

_DOTS_PER_INCH = 150
_POINTS_PER_INCH = 72
_MAX_PIXELS = 4_500_000
"""A page of A3 size; at 150 dots an inch letters of 8 points are read."""
_MAX_SIDE_PIXELS = 6_000
_MIN_SIDE_PIXELS = 736
"""The model enlarges what has a shorter side; white is added instead."""
_MIN_CONTRAST = 48
_MIN_INK_PIXELS = 30
"""A single small digit has more."""
_FORMATS = ("PNG", "JPEG", "TIFF", "WEBP")


class PictureTooLarge(Exception):
    """A picture has more pixels than are read."""


def count_pictures(data: bytes) -> int:
    """Returns the number of pages of a picture file: several in a TIFF, else 1.

    Raises `OSError` (or what Pillow raises) for damaged files.
    """
    picture = _open(data)
    return int(getattr(picture, "n_frames", 1)) if picture.format == "TIFF" else 1


def render_picture(data: bytes, page: int, max_pixels: int) -> Image:
    """Returns page `page` (from 1) of a picture file, upright as its EXIF data says.

    Raises `PictureTooLarge`, or what Pillow raises for damaged files.
    """
    picture = _open(data)
    if page > 1:
        picture.seek(page - 1)
    width, height = picture.size
    if width * height > max_pixels:
        raise PictureTooLarge
    scale = _scale(width, height)
    if picture.format == "JPEG" and scale < 1:
        picture.draft("L", (math.ceil(width * scale), math.ceil(height * scale)))
    picture = lay_on_white(to_plain_colours(ImageOps.exif_transpose(picture))).convert("L")
    scale = _scale(*picture.size)
    if scale < 1:
        width, height = picture.size
        picture = picture.resize((max(1, int(width * scale)), max(1, int(height * scale))))
    return _pad(np.asarray(picture, dtype=np.uint8))


def render_pdf(data: bytes, page: int) -> Image:
    """Returns page `page` (from 1) of a PDF as it is shown. Raises `PdfiumError`."""
    import pypdfium2

    document = pypdfium2.PdfDocument(data)
    try:
        one = document[page - 1]
        width, height = one.get_size()
        scale = _DOTS_PER_INCH / _POINTS_PER_INCH
        scale *= min(1.0, _scale(width * scale, height * scale))
        rendered = one.render(scale=scale, grayscale=True, may_draw_forms=False)
        pixels = rendered.to_numpy()
        return _pad(np.array(pixels.reshape(pixels.shape[0], pixels.shape[1]), dtype=np.uint8))
    finally:
        document.close()


def is_blank(image: Image) -> bool:
    """Tells whether nothing is drawn: all pixels have nearly the same shade, a few specks aside."""
    paper = int(np.median(image))
    drawn = (image < max(0, paper - _MIN_CONTRAST)) | (image > min(255, paper + _MIN_CONTRAST))
    return int(np.count_nonzero(drawn)) < _MIN_INK_PIXELS


def _open(data: bytes) -> Any:
    PillowImage.MAX_IMAGE_PIXELS = None  # `render_picture` looks at the size before it decodes
    return PillowImage.open(io.BytesIO(data), formats=_FORMATS)


def _scale(width: float, height: float) -> float:
    """By how much a picture of a size must be made smaller; more than 1 for small ones."""
    area = math.sqrt(_MAX_PIXELS / max(1.0, width * height))
    return min(area, _MAX_SIDE_PIXELS / max(width, height, 1.0))


def _pad(image: Image) -> Image:
    height, width = image.shape
    low, right = max(0, _MIN_SIDE_PIXELS - height), max(0, _MIN_SIDE_PIXELS - width)
    if not low and not right:
        return image
    shade = int(np.median(image)) if image.size else 255
    return np.pad(image, ((0, low), (0, right)), constant_values=shade)
