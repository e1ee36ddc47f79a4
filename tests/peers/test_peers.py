"""What people do, told once more on platforms that nobody here wrote."""

from __future__ import annotations

import pytest

from tests.scenarios.test_platforms import (
    TestAnswers,
    TestAsking,
    TestModels,
    TestSettings,
    TestTrouble,
)

__all__ = ["TestAnswers", "TestAsking", "TestModels", "TestSettings", "TestTrouble"]

pytestmark = pytest.mark.peers
