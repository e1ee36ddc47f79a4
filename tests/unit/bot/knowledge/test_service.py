"""Documents in, passages out, through the service."""

from __future__ import annotations

import pytest

from bot.errors import NotFound, Refused, UsageError
from bot.knowledge.service import KnowledgeService
from tests.unit.bot.knowledge.conftest import Drain, Room, on_both_engines

LOGS = "# Operations\n\n## Rotating logs\n\nRun `parlance logs rotate` every night.\n"
BREAD = "# Baking\n\n## Sourdough\n\nFeed the starter twice a day before you bake.\n"


@on_both_engines
async def test_a_folder_is_read_in_and_found_again(
    room: Room, service: KnowledgeService, drain: Drain
) -> None:
    logs = room.file("ops/logs.md", LOGS)
    room.file("bread.md", BREAD)
    room.file("picture.png", b"\x89PNG")
    events = await drain(service.add(str(room.path / "docs")))
    assert [e.state for e in events] == ["added", "added", "passed"]
    assert [(e.done, e.total) for e in events[:-1]] == [(1, 2), (2, 2)]
    found = await service.search("how are logs rotated at night?")
    best = found.passages[0]
    assert found.evidence
    assert (best.location, best.heading) == (str(logs), "Operations > Rotating logs")
    assert best.title == "Operations"
    assert best.text == "Run `parlance logs rotate` every night."
    assert 0 < best.score <= 1


@pytest.mark.parametrize(
    "address",
    ["https://wiki.example/page?token=s3cret", "http://wiki.example/?a=1&api_key=s3cret#x"],
)
async def test_an_address_with_a_secret_in_it_is_refused_and_not_kept(
    service: KnowledgeService, drain: Drain, address: str
) -> None:
    """It would stand in lists, and under every answer from that page."""
    with pytest.raises(Refused, match=r"Whoever asks would see (token|api_key)") as caught:
        await drain(service.add(address))
    assert "s3cret" not in str(caught.value)
    assert await service.list() == []


async def test_what_is_not_in_the_documents_is_no_evidence(
    room: Room, service: KnowledgeService, drain: Drain
) -> None:
    await drain(service.add(str(room.file("bread.md", BREAD))))
    found = await service.search("who won the chess olympiad in Budapest?")
    assert not found.evidence
    assert found.nearest == ("Baking",)


async def test_a_question_is_answered_by_its_words_while_the_embedder_fails(
    room: Room, service: KnowledgeService, drain: Drain
) -> None:
    """Small talk, which its vector is held against, has no say then."""
    sentence = "The logs of the harbour office are rotated every night by the warden."
    await drain(service.add(str(room.file("logs.md", f"# Logs\n\n{sentence}\n"))))
    question = "are the logs of the harbour office rotated every night by the warden?"
    sure = (await service.search(question)).confidence
    room.backend.available = False
    found = await service.search(question)
    assert [one.text for one in found.passages] == [sentence]
    assert 0.2 < found.confidence < sure


async def test_passages_that_are_not_shown_follow_in_rank_for_a_model_that_reads(
    room: Room, service: KnowledgeService, drain: Drain
) -> None:
    loaves = (f"# Loaf {number}\n\nLoaf {number} needs flour.\n" for number in range(40))
    room.file("loaves.md", "\n".join(loaves))
    room.file("logs.md", LOGS)
    await drain(service.add(str(room.path / "docs")))
    found = await service.search("how are logs rotated?", limit=2)
    assert len(found.passages) <= 2
    ranked = [*found.passages, *found.further]
    assert len({one.id for one in ranked}) == len(ranked) == 30
    assert ranked == sorted(ranked, key=lambda one: -one.score)


@on_both_engines
async def test_an_unchanged_document_is_not_read_again(
    room: Room, service: KnowledgeService, drain: Drain
) -> None:
    path = room.file("bread.md", BREAD)
    await drain(service.add(str(path)))
    calls = len(room.backend.embedded)
    assert [e.state for e in await drain(service.add(str(path)))] == ["unchanged"]
    path.write_text(BREAD)  # touched, with the same text
    assert [e.state for e in await drain(service.add(str(path)))] == ["unchanged"]
    assert len(room.backend.embedded) == calls


@on_both_engines
async def test_a_changed_document_takes_the_place_of_the_old_one(
    room: Room, service: KnowledgeService, drain: Drain
) -> None:
    path = room.file("guide.md", LOGS + "\n" + BREAD)
    await drain(service.add(str(path)))
    path.write_text(LOGS + "\n" + BREAD.replace("twice a day", "at dawn"))
    before = len(room.backend.embedded)
    assert [e.state for e in await drain(service.add(str(path)))] == ["changed"]
    texts = [text for call in list(room.backend.embedded)[before:] for text in call]
    assert len(texts) == 1, "only the changed passage is embedded"
    assert "dawn" in (await service.search("when to feed the starter?")).passages[0].text
    everything = await service.search("starter twice a day", limit=50)
    assert not any("twice" in passage.text for passage in everything.passages)


@on_both_engines
async def test_a_removed_document_is_gone(
    room: Room, service: KnowledgeService, drain: Drain
) -> None:
    await drain(service.add(str(room.file("bread.md", BREAD))))
    await drain(service.add(str(room.file("logs.md", LOGS))))
    found = (await service.search("feed the starter")).passages[0]
    assert (await service.remove("Baking")).location.endswith("bread.md")
    assert [d.title for d in await service.list()] == ["Operations"]
    assert await service.passage(found.id) is None
    left = await service.search("feed the starter", limit=50)
    assert not any("starter" in passage.text for passage in left.passages)


async def test_removing_what_is_not_there_names_what_is_near(
    room: Room, service: KnowledgeService, drain: Drain
) -> None:
    await drain(service.add(str(room.file("bread.md", BREAD))))
    with pytest.raises(NotFound, match="Did you mean 'Baking'"):
        await service.remove("Bakinng")


async def test_an_upload_is_read_in(service: KnowledgeService, drain: Drain) -> None:
    assert [e.state for e in await drain(service.add_bytes("notes.md", LOGS.encode()))] == ["added"]
    assert [d.location for d in await service.list()] == ["notes.md"]


@on_both_engines
async def test_documents_survive_a_restart(
    room: Room, service: KnowledgeService, drain: Drain
) -> None:
    await drain(service.add(str(room.file("bread.md", BREAD))))
    await service.aclose()
    again = room.service()
    assert (await again.search("sourdough starter")).passages[0].title == "Baking"


async def test_an_embedder_change_is_refused_with_the_command_that_rebuilds(
    room: Room, service: KnowledgeService, drain: Drain
) -> None:
    await drain(service.add(str(room.file("bread.md", BREAD))))
    await service.aclose()
    room.embedder_id = "another"
    service = room.service()
    with pytest.raises(Refused, match="docs rebuild default"):
        await drain(service.add(str(room.file("logs.md", LOGS))))
    with pytest.raises(Refused, match="docs rebuild default"):
        await service.search("starter")


async def test_a_missing_knowledge_base_is_named(service: KnowledgeService, drain: Drain) -> None:
    with pytest.raises(NotFound, match="Did you mean 'default'"):
        await drain(service.add_bytes("a.md", b"# A\n\ntext", base="defualt"))


async def test_ten_thousand_characters_of_question_are_refused(service: KnowledgeService) -> None:
    with pytest.raises(UsageError, match="shorten it to 4,000"):
        await service.search("why " * 2_500)


@pytest.mark.parametrize(
    "query", ["what is it?", "the of and", 'NEAR( * "', "AND OR NOT", '""', "* ^ : { }", "   ", ""]
)
async def test_a_question_without_content_finds_no_evidence(
    room: Room, service: KnowledgeService, drain: Drain, query: str
) -> None:
    await drain(service.add(str(room.file("bread.md", BREAD))))
    assert not (await service.search(query)).evidence
