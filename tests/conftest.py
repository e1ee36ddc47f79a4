"""Fixtures that every test may use, and the order in which tests run."""

from __future__ import annotations

import pytest

pytest_plugins = ["tests.models", "tests.guards", "bot.testing"]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Run the many short unit tests last, so that the workers end at about the same time."""
    items.sort(key=lambda item: item.nodeid.startswith("tests/unit/"))
