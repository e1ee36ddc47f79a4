"""The settings that differ from the defaults, without what an operator may have written in them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from pydantic import BaseModel

from bot.config import Config

SET: Final = "set"
"""What stands for a value that is not shown."""
_NAME: Final = re.compile(r"[a-z][a-z0-9_.-]{0,40}")
_SHOWN_TEXTS: Final = frozenset(
    {"backend", "format", "isolation", "level", "mode", "streaming", "thinking"}
)
"""Keys whose texts are words of this program."""
_SHOWN_NAMES: Final = frozenset({"models", "options"})
"""Mappings whose keys are names of models, and an engine's own keys; others may name people and
places, and are numbered."""
_FOREIGN: Final = "settings"
"""The mapping of what plugins are told, in which any value may be a secret."""


def redact_settings(config: Config) -> dict[str, Any]:
    """The settings that differ: numbers and switches as they are, lists by their length, texts as
    `SET`."""
    told = _section(config, Config())
    for name, section in config.platforms.items():
        if differs := _section(section, type(section)()):
            told[name] = differs
    return told


def _section(section: BaseModel, default: BaseModel) -> dict[str, Any]:
    told = {}
    for name in type(section).model_fields:
        value, usual = getattr(section, name), getattr(default, name)
        if value != usual:
            told[name] = _bare(name, value, usual)
    return told


def _bare(name: str, value: Any, usual: Any = None) -> Any:
    if value is None or isinstance(value, bool | int | float):
        return value
    if isinstance(value, BaseModel):
        if isinstance(usual, type(value)):
            return _section(value, usual)
        return {key: _bare(key, getattr(value, key)) for key in value.model_fields_set}
    if isinstance(value, Mapping):
        if name == _FOREIGN:
            return SET
        return {
            key if name in _SHOWN_NAMES and _NAME.fullmatch(key) else f"#{n}": _bare(key, one)
            for n, (key, one) in enumerate(value.items(), 1)
        }
    if name == "replicas":
        return [_bare("", one) for one in value]
    if isinstance(value, str):
        return value if name in _SHOWN_TEXTS and _NAME.fullmatch(value) else SET
    return f"{len(value)} entries" if isinstance(value, list | tuple | set | frozenset) else SET
