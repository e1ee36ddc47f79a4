"""Fixtures that every test may use, and the order in which tests run."""

from __future__ import annotations

import functools
import gc
import itertools
import logging
import re
import signal
import sys
from collections.abc import Iterator
from types import FrameType

import pytest
import structlog
from hypothesis import HealthCheck, settings

from bot.catalogue.languages import forget_languages

pytest_plugins = ["tests.databases", "tests.models", "tests.guards", "bot.testing"]

# How long an example takes says more of what else the machine does than of what is tested.
settings.register_profile("untimed", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("untimed")

_SHORT = re.compile(r"tests/unit/\w+/")
"""Tests of one room: those of the whole, beside the rooms, start processes."""

_YOUNG_OBJECTS = 20_000
"""How many objects are made before the garbage collector looks through them: many tests make few
cycles, and by Python's own 700 it took a twelfth of the time of the suite."""


def _interrupt(number: int, frame: FrameType | None) -> None:
    signal.default_int_handler(number, frame)


# Ctrl-C is handled here also where a shell runs the suite in the background and ignores it, and so
# would every process that a test starts; what is handled is the default again in a new process.
# Python's own handler is one that asyncio puts another in place of, for each fixture and test; to
# take that away again writes out the task, with all that it returned, which may be a whole bot.
signal.signal(signal.SIGINT, _interrupt)


@pytest.hookimpl(wrapper=True)
def pytest_collection(session: pytest.Session) -> Iterator[None]:
    """What is imported and collected stays: the garbage collector need not look through it, neither
    now nor in every test."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.set_threshold(_YOUNG_OBJECTS)
        gc.enable()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Run the many short unit tests last, so that the workers end at about the same time."""
    items.sort(key=lambda item: _SHORT.match(item.nodeid) is not None)


@pytest.fixture(autouse=True)
def no_languages_left() -> Iterator[None]:
    """Languages that a test looks for, or a bot that it runs, are not there for the next one."""
    yield
    forget_languages()


@functools.cache
def _plain_renderer() -> structlog.dev.ConsoleRenderer:
    return structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)


@pytest.fixture(autouse=True)
def logging_as_before() -> Iterator[None]:
    """Logging that a test sets up, by itself or by a command that it runs, is undone after it.

    Traces are plain: drawing the pretty ones, with every variable, takes a second each.
    """
    root = logging.getLogger()
    handlers, level, before = list(root.handlers), root.level, structlog.get_config()
    structlog.configure(processors=[*before["processors"][:-1], _plain_renderer()])
    yield
    structlog.configure(**before)
    structlog.contextvars.clear_contextvars()
    root.handlers[:] = handlers
    root.setLevel(level)


@pytest.fixture(autouse=True)
def forgotten_plugins() -> Iterator[None]:
    """The modules that a test made of plugins' files are gone after it."""
    last = next(reversed(sys.modules))
    yield
    imported = itertools.takewhile(lambda name: name != last, reversed(sys.modules))
    for name in [name for name in imported if name.startswith("parlance_plugin_")]:
        del sys.modules[name]
