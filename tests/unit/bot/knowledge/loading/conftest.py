"""Fixtures of the web tests, for readers that fetch pages."""

from __future__ import annotations

from tests.unit.bot.web.conftest import limits, pages

__all__ = ["limits", "pages"]
