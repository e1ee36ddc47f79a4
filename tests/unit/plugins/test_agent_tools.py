"""The tools for documents and for what was said here, through the whole core."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from backends.scripted.script import Reply, ScriptedCall
from bot.errors import Denied
from bot.events import ContextMessage, Message
from bot.testing import running_skills
from bot.types import Author, ConversationKey
from bot.values import ChangedLine

PLUGINS = ["plugins.agent", "plugins.agent_tools"]
HERE = ConversationKey("test", "workspace", "general", thread="1")
ANN = Author("test", "ann", "Ann")


def calls(name: str, arguments: Mapping[str, Any]) -> Reply:
    return Reply("", tool_calls=(ScriptedCall(name=name, arguments=dict(arguments)),))


async def test_a_document_is_read_and_is_a_source(tmp_path: Path) -> None:
    replies = (calls("read_document", {"document": "Lamps"}), "Every night.")
    async with running_skills(plugins=PLUGINS, folder=tmp_path, replies=replies) as parlance:
        parlance.documents.put("Lamps", "It burns every night.")
        answer = await parlance.say("/agent read Lamps")
        told = parlance.model.requests[-1].messages[-1].content
        assert told.startswith("<result-")
        assert "It burns every night." in told
        assert [one.title for one in answer.sources] == ["Lamps"]
        assert "docs.read" in {one.action.partition(":")[0] for one in parlance.decisions}


async def test_a_document_that_the_asker_may_not_read_is_none_for_them(tmp_path: Path) -> None:
    replies = (calls("read_document", {"document": "Lamps"}), "I see none.")
    async with running_skills(
        plugins=PLUGINS,
        folder=tmp_path,
        replies=replies,
        commands={"docs.read:default": {"admins_only": True}},
    ) as parlance:
        parlance.documents.put("Lamps", "It burns every night.")
        await parlance.say("/agent read Lamps")
        told = parlance.model.requests[-1].messages[-1].content
        assert told.startswith("It failed:\n<result-")
        assert "There are no documents here." in told


async def test_what_changed_in_a_document_is_told(tmp_path: Path) -> None:
    replies = (calls("changed_documents", {"since": "7d", "document": "guide"}), "The port.")
    async with running_skills(plugins=PLUGINS, folder=tmp_path, replies=replies) as parlance:
        parlance.documents.put_document("guide", datetime.now(UTC))
        parlance.documents.lines = (ChangedLine("added", "The port is 8080."),)
        await parlance.say("/agent what changed in the guide?")
        assert "> + The port is 8080." in parlance.model.requests[-1].messages[-1].content


async def test_a_thread_is_read_as_the_platform_shows_it_to_the_asker(tmp_path: Path) -> None:
    wanted: list[int] = []

    async def earlier(limit: int) -> Sequence[ContextMessage]:
        wanted.append(limit)
        said = [ContextMessage("Bob", "The deploy failed."), ContextMessage("P", "Yes.", True)]
        return said[-limit:]

    replies = (
        calls("read_conversation", {}),
        calls("read_conversation", {"last": 1}),
        "It failed.",
    )
    async with running_skills(plugins=PLUGINS, folder=tmp_path, replies=replies) as parlance:
        await parlance.send(
            Message(uuid.uuid4().hex, HERE, ANN, "/agent what happened here?", earlier=earlier)
        )
        _, first, second = parlance.model.requests
        assert "Bob: The deploy failed.\n\nParlance: Yes." in first.messages[-1].content
        assert first.messages[-1].content.startswith("<result-")
        assert "Bob" not in second.messages[-1].content
        assert wanted == [30, 1]


async def test_a_thread_that_the_asker_may_not_read_is_not_read_to_them(tmp_path: Path) -> None:
    async def earlier(limit: int) -> Sequence[ContextMessage]:
        raise Denied("You may not read the earlier messages here.")

    replies = (calls("read_conversation", {}), "I may not.")
    async with running_skills(plugins=PLUGINS, folder=tmp_path, replies=replies) as parlance:
        await parlance.send(
            Message(uuid.uuid4().hex, HERE, ANN, "/agent what happened here?", earlier=earlier)
        )
        told = parlance.model.requests[-1].messages[-1].content
        assert told.startswith("It failed:\n<result-")
        assert "You may not read the earlier messages here." in told


async def test_where_nothing_was_said_that_is_said(tmp_path: Path) -> None:
    replies = (calls("read_conversation", {}), "Nothing.")
    async with running_skills(plugins=PLUGINS, folder=tmp_path, replies=replies) as parlance:
        await parlance.say("/agent what happened here?")
        assert parlance.model.requests[-1].messages[-1].content.splitlines()[1] == (
            "Nothing was said here before."
        )
