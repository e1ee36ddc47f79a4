"""Hostile pictures end in one sentence, and the next one is read."""

from __future__ import annotations

from contextlib import aclosing

import pytest

from bot.config.scans import ScanSettings
from bot.errors import Refused
from bot.knowledge.loading.document import RawDocument
from bot.knowledge.loading.document_reader import DocumentReader
from tests.fakes.pdf_pages import write_pdf
from tests.fakes.recognition.rapidocr.main import LINES, PACKAGES, bar
from tests.hostile.files import HOSTILE
from tests.hostile.pictures import PICTURES


@pytest.fixture(autouse=True)
def recognition(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(PACKAGES)


async def test_pictures_that_ask_for_much_are_refused_in_one_sentence() -> None:
    pytest.importorskip("PIL", reason="the extra `ocr` is not installed")
    settings = ScanSettings(enabled=True, page_s=10, memory_mb=768)
    async with aclosing(DocumentReader(scans=settings)) as reader:
        for name, make in PICTURES.items():
            data = make()
            assert len(data) < 10_000
            with pytest.raises(Refused) as caught:
                await reader.load(RawDocument(name, data))
            assert name in str(caught.value), name
        assert reader.scans_pid is not None
        found = await reader.load(RawDocument("scan.pdf", write_pdf(bar(10))))
        assert LINES[10][0] in str(found.blocks[0].text)  # type: ignore[union-attr]


async def test_a_page_of_endless_operators_costs_its_own_time_alone() -> None:
    settings = ScanSettings(enabled=True, page_s=2)
    async with aclosing(DocumentReader(scans=settings)) as reader:
        with pytest.raises(Refused, match=r"operators\.pdf"):
            await reader.load(RawDocument("operators.pdf", HOSTILE["operators.pdf"]()))
        found = await reader.load(RawDocument("scan.pdf", write_pdf(bar(10))))
        assert len(found.recognized) == 1
