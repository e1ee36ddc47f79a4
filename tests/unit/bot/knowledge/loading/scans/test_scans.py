"""Scanned pages of a PDF, read in a real child process with a scripted text recognition."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing
from pathlib import Path

import pytest

from bot.config.core import FetchSettings
from bot.config.knowledge import KnowledgeSettings
from bot.config.scans import ScanSettings
from bot.errors import Refused
from bot.knowledge.index.unread_scans import mark_unread_scans
from bot.knowledge.loading.document import RawDocument
from bot.knowledge.loading.document_reader import DocumentReader
from bot.knowledge.loading.scans.package import is_installed, missing_package
from bot.knowledge.service import KnowledgeService
from bot.skills.document_loader import RecognizedPage
from bot.skills.document_tree import LeftOut, Paragraph, Place
from bot.web.fetch import Fetcher
from tests.fakes.pdf_pages import write_pdf
from tests.fakes.recognition.rapidocr.main import ABORT, DIVIDE, FILL, LINES, PACKAGES, SPIN, bar
from tests.processes import has_ended, until_ended
from tests.unit.bot.knowledge.conftest import Drain, Room
from tests.until import until

ON = ScanSettings(enabled=True, page_s=1, memory_mb=512)
TEXT = "BT /F1 12 Tf 60 700 Td (The tower stands on the north pier.) Tj ET"
TOWER = Paragraph("The tower stands on the north pier.", place=Place(page=1))
KEEPER = LINES[10][0]


@pytest.fixture(autouse=True)
def recognition(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(PACKAGES)


@pytest.fixture
async def reader() -> AsyncIterator[DocumentReader]:
    async with aclosing(DocumentReader(scans=ON)) as made:
        yield made


def pid_of(reader: DocumentReader) -> int | None:
    return reader.scans_pid


async def test_a_scanned_page_was_lost_between_pages_of_text(reader: DocumentReader) -> None:
    data = write_pdf(TEXT, bar(10, 20), TEXT.replace("north", "south"))
    found = await reader.load(RawDocument("tower.pdf", data))
    assert [block.place.page for block in found.blocks] == [1, 2, 3]
    assert found.blocks[1] == Paragraph(f"{KEEPER} {LINES[20][0]}", place=Place(page=2))
    assert found.recognized == (RecognizedPage(2, 0.97),)
    assert found.left_out == ()


async def test_no_process_is_started_for_a_document_without_scans(reader: DocumentReader) -> None:
    found = await reader.load(RawDocument("tower.pdf", write_pdf(TEXT)))
    assert found.blocks == (TOWER,)
    assert pid_of(reader) is None


async def test_a_scan_is_refused_as_before_where_recognition_is_off() -> None:
    async with aclosing(DocumentReader()) as reader:
        with pytest.raises(Refused, match=r"scan\.pdf has no text and seems to be a scan"):
            await reader.load(RawDocument("scan.pdf", write_pdf(bar(10))))
        found = await reader.load(RawDocument("part.pdf", write_pdf(TEXT, bar(10))))
        assert found.left_out == (LeftOut("page without text"),)
        assert not any(loader.name == "picture" for loader in reader.loaders)


async def test_pages_of_scripts_that_are_not_read_are_refused_and_counted(
    reader: DocumentReader,
) -> None:
    """They come out as fragments or look-alikes with high scores."""
    data = write_pdf(TEXT, bar(30, 30), bar(40, 40), bar(50, 50), bar(10, 10, 10, 30), bar(200))
    found = await reader.load(RawDocument("mixed.pdf", data))
    assert found.left_out == (
        LeftOut("page that could not be read well enough", 3),
        LeftOut("page of which a part could not be read well enough"),
        LeftOut("picture"),
    )
    assert [one.page for one in found.recognized] == [5]
    with pytest.raises(Refused, match=r"a scan, and its 2 pages could not be read well enough\."):
        await reader.load(RawDocument("ru.pdf", write_pdf(bar(30), bar(40))))
    # A long one is given up after its first pages: here before those that would take long.
    data = write_pdf(*[bar(30)] * 5, *[bar(SPIN)] * 20)
    with pytest.raises(Refused, match=r"a scan, and its 25 pages could not be read well enough\."):
        await reader.load(RawDocument("ru.pdf", data))


async def test_chinese_is_kept_where_it_is_a_language_of_the_scans() -> None:
    settings = ScanSettings(enabled=True, languages=("en", "zh"))
    async with aclosing(DocumentReader(scans=settings)) as reader:
        found = await reader.load(RawDocument("zh.pdf", write_pdf(bar(50))))
        assert found.blocks == (Paragraph(LINES[50][0], place=Place(page=1)),)


async def test_a_page_that_breaks_the_process_or_takes_too_much_is_left_out_alone(
    reader: DocumentReader,
) -> None:
    data = write_pdf(bar(ABORT), bar(10), bar(SPIN), bar(FILL), bar(20), bar(DIVIDE))
    found = await reader.load(RawDocument("bad.pdf", data))
    assert [one.page for one in found.recognized] == [2, 5]
    assert found.left_out == (LeftOut("page that could not be read", 4),)


async def test_pages_that_fail_one_after_another_end_the_reading(reader: DocumentReader) -> None:
    data = write_pdf(TEXT, *[bar(DIVIDE)] * 3, bar(10))
    found = await reader.load(RawDocument("bad.pdf", data))
    assert found.left_out == (LeftOut("page that could not be read", 4),)
    with pytest.raises(Refused, match="is a scan, and could not be read: it is damaged, or"):
        await reader.load(RawDocument("bad.pdf", write_pdf(bar(DIVIDE))))


async def test_no_more_pages_are_recognised_than_the_limit_says() -> None:
    settings = ScanSettings(enabled=True, pages=2)
    async with aclosing(DocumentReader(scans=settings)) as reader:
        found = await reader.load(RawDocument("long.pdf", write_pdf(*[bar(10)] * 5)))
        assert [one.page for one in found.recognized] == [1, 2]
        assert found.left_out == (LeftOut("page in excess of the limit", 3),)


@pytest.mark.parametrize("chat", [False, True])
async def test_a_scan_in_chat_is_read_only_where_the_operator_says_so(chat: bool) -> None:
    settings = ScanSettings(enabled=True, chat=chat)
    async with aclosing(DocumentReader(scans=settings)) as reader:
        reading = reader.load(RawDocument("scan.pdf", write_pdf(bar(10))), for_search=False)
        if chat:
            assert (await reading).blocks == (Paragraph(KEEPER, place=Place(page=1)),)
        else:
            with pytest.raises(Refused, match="seems to be a scan"):
                await reading
            assert pid_of(reader) is None


async def test_the_process_ends_when_idle_and_when_the_reading_is_cancelled() -> None:
    settings = ScanSettings(enabled=True, page_s=60)
    async with aclosing(DocumentReader(scans=settings, idle_s=0.5)) as reader:
        await reader.load(RawDocument("scan.pdf", write_pdf(bar(10))))
        idle = pid_of(reader)
        assert idle is not None
        await until_ended(idle)
        task = asyncio.create_task(reader.load(RawDocument("spin.pdf", write_pdf(bar(SPIN)))))
        spinning = await until(lambda: pid_of(reader))
        task.cancel()
        await asyncio.wait([task])
        assert spinning is not None
        assert has_ended(spinning)


def service_in(room: Room, scans: ScanSettings) -> KnowledgeService:
    return KnowledgeService(
        room.database,
        room.path / "chroma",
        embedder=room.embedder,
        fetcher=Fetcher(FetchSettings()),
        settings=KnowledgeSettings(chunk_tokens=60),
        document_reader=DocumentReader(scans=scans),
    )


async def test_what_was_recognised_is_stored_and_said(room: Room, drain: Drain) -> None:
    async with aclosing(service_in(room, ON)) as service:
        path = room.path / "scan.pdf"
        path.write_bytes(write_pdf(bar(10), bar(20), bar(30)))
        (event,) = [e for e in await drain(service.add(str(path))) if e.state == "added"]
        assert (event.recognized_pages, event.unread_pages) == (2, 0)
        (document,) = await service.list()
        assert (document.recognized_pages, document.recognition_confidence) == (2, 0.97)
        assert document.left_out == "1 page that could not be read well enough"
        best = (await service.search("who trims the wick")).passages[0]
        assert best.place == Place(page=1)


async def test_scans_are_counted_while_recognition_is_off_and_read_once_it_is_on(
    room: Room, drain: Drain
) -> None:
    folder = room.path / "docs"
    folder.mkdir()
    (folder / "a.pdf").write_bytes(write_pdf(TEXT, bar(10)))
    (folder / "b.pdf").write_bytes(write_pdf(bar(10)))
    (folder / "c.pdf").write_bytes(write_pdf(TEXT))
    for settings, expected in (
        (ScanSettings(), {"a": ("added", 1), "b": ("refused", 1), "c": ("added", 0)}),
        (ON, {"a": ("changed", 0), "b": ("added", 0), "c": ("unchanged", 0)}),
        (ON, dict.fromkeys("abc", ("unchanged", 0))),
    ):
        async with aclosing(service_in(room, settings)) as service:
            if settings.enabled:
                await mark_unread_scans(room.database)
            events = [e for e in await drain(service.add(str(folder))) if not e.passages_total]
            seen = {Path(e.location).stem: (e.state, e.unread_pages) for e in events}
            assert {name: seen.get(name, ("unchanged", 0)) for name in "abc"} == expected


async def test_a_page_that_cannot_be_read_was_tried_again_at_every_start(
    room: Room, drain: Drain
) -> None:
    path = room.path / "a.pdf"
    path.write_bytes(write_pdf(TEXT, bar(40)))
    states = []
    for settings in (ScanSettings(), ON, ON):
        async with aclosing(service_in(room, settings)) as service:
            if settings.enabled:
                await mark_unread_scans(room.database)
            states += [one.state for one in await drain(service.add(str(path))) if one.done]
            (document,) = await service.list()
    assert states == ["added", "changed", "unchanged"]
    assert document.left_out == "1 page that could not be read well enough"


def test_the_operator_is_told_the_command_that_installs_the_package() -> None:
    assert is_installed()
    assert "-m pip install rapidocr==" in missing_package()


async def test_a_package_that_does_not_start_is_said_with_an_error_id(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "rapidocr").mkdir()
    (tmp_path / "rapidocr" / "__init__.py").touch()
    monkeypatch.syspath_prepend(tmp_path)
    async with aclosing(DocumentReader(scans=ON)) as reader:
        with pytest.raises(Refused, match=r"could not be read\. An admin can look it up under"):
            await reader.load(RawDocument("scan.pdf", write_pdf(bar(10))))
