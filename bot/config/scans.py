"""The section of config.yaml that concerns text recognition."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, Field

from bot.config.base import Section

RECOGNIZED_LANGUAGES = (
    *("af", "az", "ca", "cs", "cy", "da", "de", "en", "eo", "es", "et", "eu", "fi", "fr", "ga"),
    *("gl", "hr", "hu", "id", "is", "it", "ja", "lb", "lt", "lv", "ms", "mt", "nl", "no", "pl"),
    *("pt", "ro", "sk", "sl", "sq", "sv", "sw", "tr", "zh"),
)
"""The languages all of whose letters the model of text recognition knows."""


def _check_language(language: str) -> str:
    if language not in RECOGNIZED_LANGUAGES:
        known = ", ".join(RECOGNIZED_LANGUAGES)
        raise ValueError(f"text recognition reads these languages only: {known}")
    return language


class ScanSettings(Section):
    """Text recognition (OCR) of scanned pages and of pictures."""

    enabled: bool = False
    """Read scanned pages, and pictures of text as documents; needs `rapidocr`."""
    languages: Annotated[
        tuple[Annotated[str, AfterValidator(_check_language)], ...], Field(min_length=1)
    ] = ("en", "de")
    """Languages of the scans, as two letters; text in another script is not kept."""
    chat: bool = False
    """Read scans and pictures that people post in chat, too, up to 10 pages of each."""
    page_s: Annotated[int, Field(ge=1, le=600)] = 60
    """Processor time for one page, in seconds."""
    pages: Annotated[int, Field(ge=1, le=3000)] = 200
    """Most pages of one document that are recognised."""
    megapixels: Annotated[int, Field(ge=1, le=200)] = 50
    """Largest picture, in millions of pixels."""
    memory_mb: Annotated[int, Field(ge=512)] = 1536
    """Memory for one page, in MB."""
