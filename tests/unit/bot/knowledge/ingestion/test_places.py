"""Where in its file a passage stands and what was not read of it: from the loader to a person."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from bot.config.core import FetchSettings
from bot.config.knowledge import KnowledgeSettings
from bot.knowledge.loading.document_reader import DocumentReader
from bot.knowledge.service import KnowledgeService
from bot.skills.plugin_loader import Plugins
from bot.types import Place
from bot.web.fetch import Fetcher
from tests.fakes.plugin_folder import plugins_in
from tests.unit.bot.knowledge.conftest import Drain, Room

PLUGIN = """
from bot.api import Heading, LeftOut, Loaded, Loader, Paragraph, Place, Table, hookimpl


def read(data, name):
    pages = [
        Paragraph(f"{word} {word} page. " * 30, place=Place(page=number))
        for number, word in enumerate(data.decode().split(), 1)
    ]
    fees = [("Item", "Fee"), *((f"item{n}", f"{n} euros") for n in range(60))]
    places = tuple(Place(sheet="North", row=n + 3) for n in range(61))
    table = Table(tuple(fees), 1, "Fees", places=places)
    left_out = (LeftOut("picture", 2), LeftOut("hidden sheet"), LeftOut("page without text", 3))
    return Loaded(title="Report", blocks=(Heading(1, "Top"), *pages, table), left_out=left_out)


@hookimpl
def register_loaders():
    return [Loader("paged", frozenset({".paged"}), read)]
"""


@pytest.fixture
def plugins(tmp_path: Path) -> Iterator[Plugins]:
    folder = tmp_path / "plugins"
    folder.mkdir()
    with plugins_in(folder, paged=PLUGIN) as found:
        yield found


@pytest.fixture
async def paged(room: Room, plugins: Plugins) -> AsyncIterator[KnowledgeService]:
    reader = DocumentReader(plugins)
    service = KnowledgeService(
        room.database,
        room.path / "chroma",
        embedder=room.embedder,
        fetcher=Fetcher(FetchSettings()),
        settings=KnowledgeSettings(chunk_tokens=60),
        document_reader=reader,
    )
    yield service
    await service.aclose()


async def test_a_passage_did_not_know_its_page_nor_its_row(
    room: Room, paged: KnowledgeService, drain: Drain
) -> None:
    path = room.file("report.paged", "apples bridges castles")
    (event,) = [e for e in await drain(paged.add(str(path))) if e.state == "added"]
    assert event.left_out == "2 pictures, 1 hidden sheet, 3 pages without text"
    (document,) = await paged.list()
    assert document.left_out == event.left_out
    best = (await paged.search("castles")).passages[0]
    assert best.place == Place(page=3)
    again = await paged.passage(best.id)
    assert again is not None
    assert again.place == Place(page=3)
    row = (await paged.search("item47 47 euros")).passages[0]
    assert row.text.startswith("Fees\n\nItem: item")
    assert row.place.sheet == "North"
    first = int(row.text.split("item")[1].split(";")[0])
    assert row.place.row == first + 4

    # A rebuild cuts what was stored, and knows the places as well.
    await drain(paged.rebuild())
    assert (await paged.search("castles")).passages[0].place == Place(page=3)
    assert (await paged.text(document.id)).startswith("# Top\n\napples apples page.")
