"""Brings config.yaml of an earlier version up to date: what moved is written where it is now."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from copy import deepcopy
from typing import Any

from bot.config.moved_keys import take_moved_keys
from bot.config.yaml_document import YamlDocument

_GONE = object()


def move_keys(document: YamlDocument) -> list[str]:
    """Write the keys of a document that have moved in their new places; returns those that were
    changed. Nothing else of it changes, and it is not saved. Raises `ConfigError`."""
    before = {name: document.get([name]) for name in document.names}
    after = deepcopy(before)
    take_moved_keys(after)
    changed = []
    for path, value in _differences(before, after):
        changed.append(".".join(path))
        if value is _GONE:
            document.remove(path)
        else:
            document.set(path, value)
    return changed


def _differences(
    before: Mapping[str, Any], after: Mapping[str, Any], at: tuple[str, ...] = ()
) -> Iterator[tuple[tuple[str, ...], Any]]:
    """The keys in which two mappings differ, with what the second has there; the new ones first,
    so that a section is never empty in between."""
    for key, value in after.items():
        old = before.get(key, _GONE)
        if isinstance(old, Mapping) and isinstance(value, Mapping):
            yield from _differences(old, value, (*at, key))
        elif isinstance(value, Mapping) and old in (_GONE, None):
            yield from _differences({}, value, (*at, key))
        elif old is _GONE or repr(old) != repr(value):
            yield (*at, key), value
    for key in before:
        if key not in after:
            yield (*at, key), _GONE
