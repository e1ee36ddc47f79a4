"""The real text recognition, on pages that are drawn here. Skipped where it is not installed."""

from __future__ import annotations

import io
from collections.abc import AsyncIterator
from contextlib import aclosing
from typing import Any

import numpy as np
import pypdfium2
import pytest

from bot.config.scans import ScanSettings
from bot.errors import Refused
from bot.knowledge.loading.document import RawDocument
from bot.knowledge.loading.document_reader import DocumentReader
from bot.skills.document_tree import LeftOut, to_markdown
from tests.fakes.pdf_pages import write_pdf

pictures: Any = pytest.importorskip("PIL.Image", reason="the extra `ocr` is not installed")
pytest.importorskip("rapidocr", reason="the extra `ocr` is not installed")

ENGLISH = (
    "The water supply of the town comes from three wells.",
    "Each well is tested every second week, and the results",
    "are published. In 2019 a pump was replaced for 318,500 EUR.",
)
GERMAN = (
    "Die Größe der Rohre musste überall geändert werden.",
    "Wer bräunliches Wasser bemerkt, möge unter 0351 77 45 90",
    "anrufen und den Hahn zehn Minuten laufen lassen.",
)


def drawn(*columns: tuple[str, ...], turn: float = 0.0, noise: float = 0.0) -> Any:
    """A page with a column of lines at each place, as a picture."""
    size = 13 if len(columns) == 1 else 9
    content = " ".join(
        f"BT /F1 {size} Tf {40 + 290 * at} {740 - 22 * n} Td ({line}) Tj ET"
        for at, lines in enumerate(columns)
        for n, line in enumerate(lines)
    )
    document = pypdfium2.PdfDocument(write_pdf(content))
    page = document[0].render(scale=150 / 72, grayscale=True).to_numpy()
    document.close()
    picture = pictures.fromarray(page).rotate(turn, fillcolor=255, expand=True)
    if not noise:
        return picture
    pixels = np.asarray(picture) + np.random.default_rng(1).normal(0, noise, picture.size[::-1])
    return pictures.fromarray(pixels.clip(0, 255).astype(np.uint8))


def saved(picture: Any, kind: str = "PNG", **options: Any) -> bytes:
    out = io.BytesIO()
    picture.save(out, kind, **options)
    return out.getvalue()


@pytest.fixture
async def reader() -> AsyncIterator[DocumentReader]:
    async with aclosing(DocumentReader(scans=ScanSettings(enabled=True))) as made:
        yield made


async def test_pictures_of_text_are_read(reader: DocumentReader) -> None:
    assert await text_of(reader, saved(drawn(ENGLISH))) == " ".join(ENGLISH)
    assert await text_of(reader, saved(drawn(GERMAN, turn=0.7, noise=20))) == " ".join(GERMAN)
    on_its_head = saved(drawn(ENGLISH, turn=180))
    assert await text_of(reader, on_its_head) == " ".join(ENGLISH)
    on_its_side = saved(drawn(ENGLISH, turn=90), "JPEG", quality=90)
    assert await text_of(reader, on_its_side) == " ".join(ENGLISH)


async def test_columns_are_read_one_after_the_other(reader: DocumentReader) -> None:
    text = await text_of(reader, saved(drawn(ENGLISH, GERMAN)))
    assert text.index(ENGLISH[2][-11:]) < text.index(GERMAN[0][:12])


async def test_the_pages_of_a_tiff_are_pages(reader: DocumentReader) -> None:
    noise = np.random.default_rng(2).integers(0, 255, (80, 60)).astype(np.uint8)
    photo = pictures.fromarray(noise).resize((900, 1200))
    data = saved(drawn(ENGLISH), "TIFF", save_all=True, append_images=[photo, drawn(GERMAN)])
    found = await reader.load(RawDocument("fax.tif", data))
    assert [block.place.page for block in found.blocks] == [1, 3]
    assert [one.page for one in found.recognized] == [1, 3]
    assert min(one.confidence for one in found.recognized) > 0.95
    assert found.left_out == (LeftOut("picture"),)


async def test_a_blurred_page_is_refused(reader: DocumentReader) -> None:
    small = drawn(ENGLISH)
    blurred = small.resize((small.width // 7, small.height // 7)).resize(small.size)
    with pytest.raises(Refused, match="could not be read well enough"):
        await reader.load(RawDocument("scan.png", saved(blurred)))


async def text_of(reader: DocumentReader, data: bytes) -> str:
    found = await reader.load(RawDocument("scan.png", data))
    return " ".join(to_markdown(found.blocks).split())
