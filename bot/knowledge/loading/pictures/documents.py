"""Finds the pictures in a document: those in an office file, and the pages of a PDF without text.

Runs in the child process only.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from bot.knowledge.loading.office.zip_safety import open_archive
from bot.knowledge.loading.pictures.decoder import (
    EncodedPicture,
    PictureLimits,
    encode_image,
    encode_picture,
)

_MAX_PAGES = 50
"""Pages that are looked at for pictures."""
_MAX_MEMBER_BYTES = 20 * 1024 * 1024
_MIN_SIDE_PIXELS = 64
"""What is smaller is an icon, a bullet or a line."""
_MIN_PAGE_CHARACTERS = 16
"""A page with fewer is a scan, or a drawing."""
_PICTURE_SUFFIXES = (".bmp", ".gif", ".jpeg", ".jpg", ".png", ".tif", ".tiff", ".webp")
_NUMBER = re.compile(r"(\d{1,9})")


def find_pictures(data: bytes, name: str, limits: PictureLimits) -> Iterator[EncodedPicture]:
    """Yield the pictures of a file in order: itself, if it is one. What is damaged is left out.

    Raises `Refused` for a picture file that cannot be read.
    """
    if data[:1024].lstrip().startswith(b"%PDF-"):
        yield from _find_in_pdf(data, limits)
    elif data[:4] == b"PK\x03\x04":
        yield from _find_in_archive(data, name, limits)
    else:
        yield encode_picture(data, name, limits)


def _find_in_archive(data: bytes, name: str, limits: PictureLimits) -> Iterator[EncodedPicture]:
    with open_archive(data, name, "a document") as archive:
        members = [
            member
            for member in archive.infolist()
            if member.filename.lower().endswith(_PICTURE_SUFFIXES)
            and member.file_size <= _MAX_MEMBER_BYTES
        ]
        for member in sorted(members, key=lambda one: _natural_order(one.filename)):
            try:
                picture = encode_picture(archive.read(member), name, limits)
            except Exception:  # noqa: BLE001 - a damaged member; the others may be whole
                continue
            if min(picture.width, picture.height) >= _MIN_SIDE_PIXELS:
                yield picture


def _natural_order(name: str) -> list[str]:
    return [part.zfill(9) if part.isdigit() else part for part in _NUMBER.split(name)]


def _find_in_pdf(data: bytes, limits: PictureLimits) -> Iterator[EncodedPicture]:
    import pypdfium2
    from pypdfium2 import raw

    document = pypdfium2.PdfDocument(data)
    try:
        for number in range(min(len(document), _MAX_PAGES)):
            page = document[number]
            if page.get_textpage().count_chars() < _MIN_PAGE_CHARACTERS:
                yield _render(page, limits)
                continue
            for shown in page.get_objects(filter=[raw.FPDF_PAGEOBJ_IMAGE], max_depth=3):
                picture = _read_object(shown, limits)
                if picture is not None:
                    yield picture
    finally:
        document.close()


def _render(page: Any, limits: PictureLimits) -> EncodedPicture:
    scale = limits.side / max(*page.get_size(), 1.0)
    bitmap = page.render(scale=scale, may_draw_forms=False)
    return encode_image(bitmap.to_pil(), limits.side)


def _read_object(shown: Any, limits: PictureLimits) -> EncodedPicture | None:
    """A picture on a page; None for a small one, or one that cannot be decoded."""
    try:
        width, height = shown.get_px_size()
        if min(width, height) < _MIN_SIDE_PIXELS or width * height > limits.max_pixels:
            return None
        return encode_image(shown.get_bitmap(render=True).to_pil(), limits.side)
    except Exception:  # noqa: BLE001 - damaged; the others may be whole
        return None
