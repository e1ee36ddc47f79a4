"""The store that other tests use is a `HistoryStore`, too."""

from __future__ import annotations

import pytest

from bot.history.protocol import HistoryStore
from tests.contracts.history_contract import HistoryContract
from tests.fakes.history import MemoryHistoryStore


class TestContract(HistoryContract):
    """`MemoryHistoryStore` keeps the contract."""

    @pytest.fixture
    def store(self) -> HistoryStore:
        return MemoryHistoryStore()
