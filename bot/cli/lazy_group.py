"""A group of commands that are listed without being imported: each is when it is called."""

from __future__ import annotations

import importlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import typer
from typer.core import TyperGroup

from bot.cli.imports import importing


@dataclass(frozen=True, slots=True)
class LazyCommand:
    """A command or a group of commands that is not imported yet.

    `place` is `module:name`, of a function or a `typer.Typer`. `summary` is what the list says of
    it, in a line.
    """

    place: str
    summary: str
    hidden: bool = False

    def load(self, name: str) -> Any:
        """Import it; returns it as a command of this name."""
        module, _, attribute = self.place.partition(":")
        with importing():
            found = getattr(importlib.import_module(module), attribute)
        around = typer.Typer(add_completion=False, rich_markup_mode=None)
        if isinstance(found, typer.Typer):
            around.add_typer(found, name=name)
        else:
            around.command(name, hidden=self.hidden)(found)
        return typer.main.get_group(around).commands[name]


class LazyCommands(Mapping[str, Any]):
    """Commands by name; each is imported when it is looked up."""

    def __init__(self, known: Mapping[str, LazyCommand]) -> None:
        self._known = known
        self._loaded: dict[str, Any] = {}

    def __getitem__(self, name: str) -> Any:
        if name not in self._loaded:
            self._loaded[name] = self._known[name].load(name)
        return self._loaded[name]

    def __contains__(self, name: object) -> bool:
        return name in self._known

    def __iter__(self) -> Iterator[str]:
        return iter(self._known)

    def __len__(self) -> int:
        return len(self._known)


class LazyGroup(TyperGroup):
    """The base of such a group; a subclass names its commands in `known`."""

    known: ClassVar[Mapping[str, LazyCommand]]

    def __init__(self, **attributes: Any) -> None:
        super().__init__(**attributes)
        self.commands = LazyCommands(self.known)  # type: ignore[assignment] # only looked up in

    def list_commands(self, ctx: Any) -> list[str]:
        return list(self.known)

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        rows = [(name, one.summary) for name, one in self.known.items() if not one.hidden]
        with formatter.section("Commands"):
            formatter.write_dl(rows)
