"""What people do, told once more on Matrix."""

from __future__ import annotations

import pytest

from tests.peers.matrix_places import driver
from tests.scenarios.conftest import house, make_house
from tests.scenarios.test_platforms import (
    TestAnswers,
    TestAsking,
    TestAudience,
    TestCommandsInWords,
    TestDocuments,
    TestModels,
    TestSettings,
    TestTrouble,
)

__all__ = [
    "TestAnswers",
    "TestAsking",
    "TestAudience",
    "TestCommandsInWords",
    "TestDocuments",
    "TestModels",
    "TestSettings",
    "TestTrouble",
    "driver",
    "house",
    "make_house",
]

pytestmark = pytest.mark.peers
