"""Demonstrations: an installation of its own in a temporary folder, with a scripted model."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Final

from bot.catalogue.sentence import say

if TYPE_CHECKING:
    from bot.installation import Installation

_FOLDER: Final = Path(__file__).resolve().parents[1] / "demo"


class Demo(StrEnum):
    """The demonstrations that ship."""

    AGENT = "agent"


LINES: Final = {
    Demo.AGENT: (
        "What time is it in Tokyo, and how much is 17 % of 2,340?",
        "Who keeps the lamp at the weekend? Put them on the board.",
        "/choose approve",
        "/why",
        "Put Ada on the board: brings the oil",
        "/board",
        "/tools",
    )
}
"""What its script understands, in the order in which a newcomer would type it."""


def introduction(demo: Demo) -> str:
    """What a demonstration is, and what to type, for the screen."""
    head = say(
        "This is a demonstration: the model is a script that knows the lines below. All else is "
        "real: the tools, the documents, the cards that ask you, the reasons. Nothing of yours is "
        "read or changed, and nothing is kept."
    )
    try_it = say("Try these; the arrow up brings them to the prompt:")
    return "\n".join([head, "", try_it, *(f"  {line}" for line in LINES[demo])])


@contextmanager
def open_demo(demo: Demo) -> Iterator[Installation]:
    """Put a demonstration into a temporary folder, and read it; the folder goes at the end."""
    from bot.installation import Installation
    from bot.shipped_platforms import TERMINAL_HISTORY_FILE

    with TemporaryDirectory(prefix="parlance-demo-") as place:
        folder = Path(place, demo.value)
        shutil.copytree(_FOLDER / demo.value, folder)
        here = Installation.read(folder / "config.yaml", alone=True)
        here.config.data_dir.mkdir()
        _write_history(here.config.data_dir / TERMINAL_HISTORY_FILE, LINES[demo])
        yield here


def _write_history(path: Path, lines: Sequence[str]) -> None:
    """Lines for the arrow up, the first one first, as the prompt keeps what was typed."""
    path.write_text("".join(f"\n# demo\n+{line}\n" for line in reversed(lines)), "utf-8")
