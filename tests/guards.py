"""What no test may do: reach beyond loopback, or block the event loop."""

from __future__ import annotations

import functools
import ipaddress
import socket
import sys
from collections.abc import Iterator

import pytest
from blockbuster import BlockBuster

_armed = False

_MAY_BLOCK = (
    ("structlog/_base.py", {"_process_event"}),
    ("logging/__init__.py", {"format"}),
    ("bot/testing/core.py", {"running_skills"}),
    ("unit/plugins/stage.py", {"stage"}),
    ("plugins/matrix/loop_thread.py", {"_serve"}),
)
"""What writes a log line: a trace in it quotes the source files, which are read for that. What
sets up a stage, before anything runs on it. And a loop that is there for what blocks."""


class OutsideLoopback(Exception):
    """A test tried to reach an address that is not on this machine."""


def _audit(event: str, arguments: tuple[object, ...]) -> None:
    if not _armed or event not in {"socket.connect", "socket.sendto"}:
        return
    sock, address = arguments[0], arguments[1]
    if getattr(sock, "family", None) not in (socket.AF_INET, socket.AF_INET6):
        return
    if event == "socket.connect" and getattr(sock, "type", None) == socket.SOCK_DGRAM:
        return  # it sends nothing: the kernel is asked which way it would go
    host = str(address[0]) if isinstance(address, tuple) else str(address)
    try:
        allowed = ipaddress.ip_address(host.partition("%")[0]).is_loopback
    except ValueError:
        allowed = host == "localhost"
    if not allowed:
        raise OutsideLoopback(f"{event} to {host}")


sys.addaudithook(_audit)


@pytest.fixture(autouse=True)
def loopback_only(request: pytest.FixtureRequest) -> Iterator[None]:
    """Sockets reach loopback only, while a test runs (fixtures of the session may fetch models)."""
    global _armed
    _armed = True
    yield
    _armed = False


@pytest.fixture(autouse=True)
def no_blocking(request: pytest.FixtureRequest) -> Iterator[None]:
    """A call that blocks the event loop from our own code fails the test.

    `@pytest.mark.may_block` excuses one whose own helpers block; it says why.
    """
    if request.node.get_closest_marker("may_block"):
        yield
        return
    guard = _guard()
    guard.activate()
    try:
        yield
    finally:
        guard.deactivate()


@functools.cache
def _guard() -> BlockBuster:
    """One for all tests: to make it takes as long as to use it."""
    guard = BlockBuster(["bot", "backends", "plugins"])
    for function in guard.functions.values():
        for file, names in _MAY_BLOCK:
            function.can_block_in(file, names)
    return guard
