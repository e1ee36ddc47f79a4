"""Plugins out of a folder, as the bot loads them; their modules are gone afterwards."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bot.skills.plugin_loader import Plugins, load_plugins


@contextmanager
def plugins_in(folder: Path, **sources: str) -> Iterator[Plugins]:
    """The plugins of a folder, with these modules in it, by name."""
    for name, source in sources.items():
        (folder / f"{name}.py").write_text(source)
    found = load_plugins(folders=[folder], installed=False)
    assert found.problems == ()
    yield found
