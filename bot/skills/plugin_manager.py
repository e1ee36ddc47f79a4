"""Registers what plugins have for hooks."""

from __future__ import annotations

from inspect import isroutine
from types import ModuleType
from typing import Any

import pluggy


class PluginManager(pluggy.PluginManager):
    """A plugin manager that looks at the functions of a module alone: it is not asked twenty times
    what a constant, a class or another module may be."""

    def parse_hookimpl_opts(self, plugin: Any, name: str) -> pluggy.HookimplOpts | None:
        if isinstance(plugin, ModuleType) and not isroutine(vars(plugin).get(name)):
            return None
        return super().parse_hookimpl_opts(plugin, name)
