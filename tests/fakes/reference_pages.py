"""Generated pages of a module's names, signatures and first sentences, as `docs/api.md` is one."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from importlib import import_module
from typing import Any


def reference_page(module: str) -> str:
    """The page of a module in Markdown."""
    content = import_module(module)
    named = [
        (name, value)
        for name, value in sorted(vars(content).items())
        if not name.startswith("_") and getattr(value, "__module__", None) == module
    ]
    entries = [_entry(name, value) for name, value in named if _first(value)]
    return "\n\n".join([f"# Reference of {module}", _first(content), *entries]) + "\n"


def _entry(name: str, value: Any) -> str:
    kind = "class" if inspect.isclass(value) else "function"
    lines = [f"### {name}", f"*{kind}* `{name}{_signature(value)}`", _first(value)]
    members = "\n".join(_members(value)) if inspect.isclass(value) else ""
    return "\n\n".join(filter(None, [*lines, members]))


def _members(value: type) -> Iterator[str]:
    for name, member in sorted(vars(value).items()):
        if callable(member) and not name.startswith("_") and _first(member):
            yield f"- `{name}{_signature(member)}`: {_first(member)}"


def _first(value: Any) -> str:
    """The first paragraph of a docstring, in one line."""
    return " ".join((inspect.getdoc(value) or "").split("\n\n")[0].split())


def _signature(value: Any) -> str:
    try:
        return str(inspect.signature(value))
    except (TypeError, ValueError):
        return ""
