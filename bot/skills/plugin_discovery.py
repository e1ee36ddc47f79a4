"""Finds plugins: modules that ship, installed entry points, and the operator's folders."""

from __future__ import annotations

import functools
import hashlib
import importlib
import importlib.metadata
import importlib.util
import os
import re
import sys
from collections.abc import Callable, Iterator, Sequence
from importlib.metadata import EntryPoint
from pathlib import Path
from types import ModuleType
from typing import Any, TypeAlias

from bot.errors import PluginError

ENTRY_POINTS = "parlance.plugins"

_PASSED_OVER = ("_", ".", "test_", "conftest.py")
"""How the names of files begin that are no plugins: private ones, and a plugin's tests."""

PluginCandidate: TypeAlias = tuple[str, str, Callable[[], Any]]
"""The plugin's name, its origin in words, and a function that imports it."""


def find_plugins(
    shipped: Sequence[str], folders: Sequence[Path], installed: bool
) -> Iterator[PluginCandidate]:
    """Yield every plugin that exists, without importing any. The function of a candidate may raise
    anything; it raises `PluginError` for a folder that does not exist."""
    for module in shipped:
        yield module.rpartition(".")[2], f"ships as {module}", _importer(module)
    if installed:
        for point in _installed_plugins(tuple((path, _changed_ns(path)) for path in sys.path)):
            yield point.name, f"installed, {point.value}", point.load
    for folder in folders:
        if not folder.is_dir():
            yield folder.name, str(folder), _raiser(f"there is no folder {folder}.")
            continue
        try:
            paths = sorted(folder.iterdir())
        except OSError as exc:
            yield folder.name, str(folder), _raiser(f"{folder} cannot be read: {exc.strerror}.")
            continue
        for path in paths:
            if path.name.startswith(_PASSED_OVER):
                continue
            if path.suffix == ".py" and path.is_file():
                yield path.stem, str(path), _file_importer(path)
            elif (path / "__init__.py").is_file():
                yield path.name, str(path), _file_importer(path / "__init__.py")


@functools.lru_cache(maxsize=2)
def _installed_plugins(searched: tuple[tuple[str, int], ...]) -> tuple[EntryPoint, ...]:
    """The entry points of the packages in the folders of `sys.path`, given with when each last
    changed: to find them, the metadata of every package there is read."""
    return tuple(importlib.metadata.entry_points(group=ENTRY_POINTS))


def _changed_ns(path: str) -> int:
    """When something was last put into a folder or removed from it, in ns; 0 where it is none."""
    try:
        return os.stat(path or ".").st_mtime_ns
    except OSError:
        return 0


def _importer(module: str) -> Callable[[], ModuleType]:
    return lambda: importlib.import_module(module)


def _raiser(text: str) -> Callable[[], ModuleType]:
    def fail() -> ModuleType:
        raise PluginError(text)

    return fail


def _file_importer(path: Path) -> Callable[[], ModuleType]:
    """Return a function that imports a file under a unique name, so that it hides no module."""

    def load() -> ModuleType:
        stem = path.parent.name if path.name == "__init__.py" else path.stem
        digest = hashlib.sha256(str(path.resolve()).encode()).hexdigest()[:8]
        name = f"parlance_plugin_{re.sub(r'[^A-Za-z0-9_]', '_', stem)}_{digest}"
        spec = importlib.util.spec_from_file_location(name, path)
        if spec is None or spec.loader is None:
            raise PluginError(f"{path} is not a Python module.")
        module = importlib.util.module_from_spec(spec)
        sys.modules[name] = module
        try:
            spec.loader.exec_module(module)
        except BaseException:
            del sys.modules[name]
            raise
        return module

    return load
