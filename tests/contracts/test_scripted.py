from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from backends.scripted.backend import ScriptedBackend
from backends.scripted.script import Reply
from tests.contracts.backend_contract import BackendContract

STORY = "Once upon a time a keeper lit the lamp of a lighthouse, and it burned. " * 100


class TestScripted(BackendContract):
    embeds = True
    counts_exactly = True

    @pytest.fixture
    async def backend(self) -> AsyncIterator[ScriptedBackend]:
        story = Reply(STORY, match="story")
        backend = ScriptedBackend("scripted", replies=[story], context=512, tokens_per_s=5_000)
        yield backend
        await backend.aclose()

    @pytest.fixture
    def missing_backend(self) -> ScriptedBackend:
        return ScriptedBackend("missing", down="not_found")

    @pytest.fixture
    def down_backend(self) -> ScriptedBackend:
        return ScriptedBackend("down", down="unavailable")
