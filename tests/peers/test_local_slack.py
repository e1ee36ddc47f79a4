"""What people do, told once more on a Slack that nobody here wrote."""

from __future__ import annotations

import pytest

from tests.scenarios.test_platforms import TestAnswers, TestAsking, TestModels, TestTrouble

__all__ = ["TestAnswers", "TestAsking", "TestModels", "TestTrouble"]

pytestmark = pytest.mark.peers
