"""Declares the formats of pictures that are documents where text recognition is on."""

from __future__ import annotations

from bot.catalogue.sentence import say
from bot.skills.document_loader import Loaded, Loader, NoText


def _load_picture(data: bytes, name: str) -> Loaded:
    raise NoText(say("{called} is a picture, which is not read.", called=name[:100]))


PICTURE = Loader(
    "picture",
    frozenset({".png", ".jpg", ".jpeg", ".tif", ".tiff", ".webp"}),
    _load_picture,
    frozenset({"image/png", "image/jpeg", "image/tiff", "image/webp"}),
)
"""Only `scans.reader` reads pictures; the loader says which names and types are theirs."""
