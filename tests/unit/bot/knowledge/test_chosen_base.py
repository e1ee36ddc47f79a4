from __future__ import annotations

from bot.commands.checks import Asker
from bot.config.core import FetchSettings
from bot.config.knowledge import KnowledgeBase, KnowledgeSettings
from bot.knowledge.access import private_base
from bot.knowledge.service import KnowledgeService
from bot.types import Author, ConversationKey
from bot.web.fetch import Fetcher
from tests.unit.bot.knowledge.conftest import Drain, Room

ANN = Author("discord", "1", "Ann")
HERE = ConversationKey("discord", "guild", "channel")
ELSEWHERE = ConversationKey("discord", "guild", "other")
BASES = KnowledgeSettings(
    chunk_tokens=60, bases={"team": KnowledgeBase(default=True), "legal": KnowledgeBase()}
)


async def test_a_base_that_was_chosen_for_a_place_answers_there(room: Room, drain: Drain) -> None:
    async def chosen(conversation: ConversationKey) -> str | None:
        return "legal" if conversation == HERE else None

    service = KnowledgeService(
        room.database,
        room.path / "chroma",
        embedder=room.embedder,
        fetcher=Fetcher(FetchSettings()),
        settings=BASES,
        chosen_base=chosen,
    )
    own = private_base(ANN)
    for base in ("team", "legal", own):
        await drain(service.add_bytes("a.md", b"# A\n\nWords of a document.", base=base))
    assert await service.bases(Asker(ANN, HERE)) == ["legal"]
    assert await service.bases(Asker(ANN, HERE, direct=True)) == [own, "legal"]
    assert await service.bases(Asker(ANN, ELSEWHERE)) == ["team"]
    await service.aclose()
