"""Requests with which somebody comes in over MCP who should not."""

from __future__ import annotations

WRONG_TOKENS = (
    "x",
    "parlance_",
    "parlance_" + "A" * 43,
    "parlance_" + "A" * 10_000,
    "Bearer parlance_x",
    "é",
    "' OR 1=1 --",
    "%",
    "null",
)
FOREIGN_HOSTS = (
    "evil.example",
    "evil.example:80",
    "127.0.0.1.evil.example",
    "localhost.evil.example",
    "evil.example#127.0.0.1",
    "127.0.0.1@evil.example",
    "evil@127.0.0.1",
    "127.0.0.1:x",
    "127.0.0.1/evil",
    "[::1",
    "",
    "a" * 5_000,
)
FOREIGN_ORIGINS = (
    "http://evil.example",
    "https://127.0.0.1.evil.example",
    "null",
    "file://",
    "http://127.0.0.1@evil.example",
    "chrome-extension://abc",
)
