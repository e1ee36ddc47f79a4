"""A format that is not read is refused with the advice as what to save the file."""

from __future__ import annotations

import pytest

from bot.errors import Refused
from bot.knowledge.loading.registry import LOADERS, find_loader
from bot.skills.document_loader import Loaded
from bot.skills.document_tree import Paragraph
from tests.fakes.office_files import docx, paragraph

_OLD = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600)


def load(name: str, data: bytes, content_type: str = "") -> Loaded:
    loader = find_loader(LOADERS, name, content_type)
    assert loader is not None
    return loader.load(data, name)


@pytest.mark.parametrize(
    ("name", "kind"),
    [("a.doc", "DOCX"), ("a.odt", "DOCX"), ("a.rtf", "DOCX"), ("a.XLS", "XLSX"), ("a.ppt", "PPTX")],
)
def test_old_formats_are_refused_with_advice(name: str, kind: str) -> None:
    advice = f"{name} is in a format that is not read; save it as {kind} and add it again."
    with pytest.raises(Refused) as refused:
        load(name, _OLD)
    assert str(refused.value) == advice


def test_an_old_format_is_known_by_its_type() -> None:
    with pytest.raises(Refused, match="save it as DOCX"):
        load("letter", _OLD, "application/rtf")


def test_a_newer_document_under_an_old_name_is_read() -> None:
    assert load("a.doc", docx(paragraph("The lamp."))).blocks == (Paragraph("The lamp."),)
