"""Hostile pictures end in one sentence, and the next one is read."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import aclosing

import pytest

from bot.config.scans import ScanSettings
from bot.errors import Refused
from bot.knowledge.loading.document import RawDocument
from bot.knowledge.loading.document_reader import DocumentReader
from tests.fakes.office_files import zipped
from tests.fakes.pdf_pages import write_pdf
from tests.fakes.pictures import photo, png
from tests.fakes.recognition.rapidocr.main import LINES, PACKAGES, bar
from tests.hostile.files import HOSTILE
from tests.hostile.pictures import PICTURES, SEEN, UNSEEN, not_a_picture, png_bomb, png_cut_off


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


async def test_no_model_is_sent_a_hostile_picture_and_the_bot_goes_on() -> None:
    async with aclosing(DocumentReader()) as reader:
        for name, (make, words) in UNSEEN.items():
            with pytest.raises(Refused) as caught:
                await reader.pictures(name, make(), 4)
            assert words in str(caught.value), name
            assert name in str(caught.value), name
        for name, (make, size) in SEEN.items():
            found = await reader.pictures(name, make(), 4)
            assert [(one.width, one.height) for one in found.pictures] == [size], name
            moves = [f"Of {name} only the first frame is seen."] if name == "frames.gif" else []
            assert list(found.notes) == moves


async def test_a_file_that_breaks_the_decoder_costs_no_other() -> None:
    archive = zipped({f"word/media/image{n}.png": make() for n, make in enumerate(_PARTS)})
    async with aclosing(DocumentReader()) as reader:
        found = await reader.pictures("report.docx", archive, 4)
        assert [(one.width, one.height) for one in found.pictures] == [(600, 400)]
        with pytest.raises(Refused, match="far more than a document would"):
            await reader.pictures("bomb.docx", zipped({"a.png": b"\0" * 30_000_000}), 4)


_PARTS: tuple[Callable[[], bytes], ...] = (
    png_bomb,
    png_cut_off,
    not_a_picture,
    lambda: png(16, 16),
    photo,
)
"""Pictures of a document, the last of which is whole and no icon."""
