"""Fixtures that every test may use."""

pytest_plugins = ["tests.models", "tests.guards", "bot.testing"]
