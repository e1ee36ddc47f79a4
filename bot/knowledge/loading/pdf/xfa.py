"""Reads the values of an XFA form: its fields are XML within the PDF, and its page asks for another
program."""

from __future__ import annotations

import ctypes
from collections.abc import Iterator
from typing import Any
from xml.etree.ElementTree import ParseError, fromstring

from bot.skills.document_tree import Paragraph

_MAX_PACKETS = 50
_MAX_PACKET_BYTES = 8 * 1024 * 1024
_MAX_VALUES = 5_000
_MAX_VALUE_CHARACTERS = 20_000


def read_form(document: Any) -> list[Paragraph]:
    """The values that people gave, each after the name of its field."""
    import pypdfium2.raw as pdfium

    packets = pdfium.FPDF_GetXFAPacketCount(document.raw)
    for at in range(min(packets, _MAX_PACKETS)):
        name = ctypes.create_string_buffer(100)
        pdfium.FPDF_GetXFAPacketName(document.raw, at, name, len(name))
        if name.value == b"datasets":
            return list(_values(_content(pdfium, document, at)))
    return []


def _content(pdfium: Any, document: Any, at: int) -> bytes:
    size = ctypes.c_ulong()
    pdfium.FPDF_GetXFAPacketContent(document.raw, at, None, 0, size)
    if not 0 < size.value <= _MAX_PACKET_BYTES:
        return b""
    buffer = ctypes.create_string_buffer(size.value)
    pdfium.FPDF_GetXFAPacketContent(document.raw, at, buffer, size.value, size)
    return buffer.raw


def _values(xml: bytes) -> Iterator[Paragraph]:
    try:
        root = fromstring(xml)
    except (ParseError, ValueError, LookupError):
        return
    said = 0
    for element in root.iter():
        text = " ".join((element.text or "").split())[:_MAX_VALUE_CHARACTERS]
        if len(element) or not text:
            continue
        said += 1
        if said > _MAX_VALUES:
            return
        yield Paragraph(f"{element.tag.rpartition('}')[2]}: {text}")
