"""Documents are listed by pages, and found by title and location."""

from __future__ import annotations

from bot.knowledge.index.document_list import DocumentList
from bot.knowledge.index.rows import BaseRow, DocumentRow, NewDocument, document_id
from bot.knowledge.index.store import KnowledgeStore
from tests.unit.bot.knowledge.conftest import Room, on_both_engines


def document(number: int, base: str = "default") -> NewDocument:
    location = f"https://example.com/{number:03}"
    title = f"Guide 100%_{number}" if number % 2 else "Lamps"
    row = DocumentRow(
        document_id(base, location), base, location, location, title, "d", 10, 0, 5, 2, "x:y", 1.0
    )
    return NewDocument(row, b"", ())


@on_both_engines
async def test_documents_are_listed_by_pages_and_found(room: Room) -> None:
    store, listed = KnowledgeStore(room.database), DocumentList(room.database)
    for base in ("default", "@x:y", "empty"):
        await store.make_base(BaseRow(base, "e", 3, 1))
    await store.replace([document(number) for number in range(120)], 1)
    await store.replace([document(7, "@x:y")], 1)
    found: list[str] = []
    after, pages = "", 0
    while True:
        page = await listed.page("default", after=after)
        found += [row.location for row in page.rows]
        after, pages = page.next, pages + 1
        if not after:
            break
    assert found == [f"https://example.com/{number:03}" for number in range(120)]
    assert pages == 3
    assert len((await listed.page("default", "lAMPS", limit=100)).rows) == 60
    assert len((await listed.page("default", "100%_", limit=100)).rows) == 60
    assert [row.title for row in (await listed.page("default", "/007")).rows] == ["Guide 100%_7"]
    assert not (await listed.page("default", "guide %5")).rows
    exact = await listed.page("default", limit=120)
    assert (len(exact.rows), exact.next) == (120, "")

    totals = await listed.totals(["default", "empty", "none"])
    assert {name: (one.documents, one.passages, one.size) for name, one in totals.items()} == {
        "default": (120, 240, 1200)
    }
    assert set(await listed.bases()) == {"default", "@x:y", "empty"}
    ident = document(7, "@x:y").row.id
    row = await listed.find(ident)
    assert row is not None
    assert row.base == "@x:y"
    assert await listed.find("none") is None
    assert [at.timestamp() for at in (await listed.read_at([ident, "none"])).values()] == [1.0]
