"""A terminal, or a pipe, to which text of others is printed: it is text there, and nothing else."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from rich.console import Console, ConsoleOptions, RenderableType
from rich.progress import Progress, ProgressColumn, TextColumn
from rich.segment import Segment

from bot.control_characters import strip_controls


class Screen(Console):
    """A console that interprets nothing: no control sequence comes through it but its own, and
    there is no markup in what is printed."""

    def __init__(self, **options: Any) -> None:
        super().__init__(markup=False, emoji=False, highlight=False, **options)

    def render(
        self, renderable: RenderableType, options: ConsoleOptions | None = None
    ) -> Iterable[Segment]:
        for segment in super().render(renderable, options):
            if segment.control:
                yield segment
            else:
                yield segment._replace(text=strip_controls(segment.text))


def make_progress(screen: Screen, *columns: ProgressColumn, **options: Any) -> Progress:
    """A progress bar after the words for what is done."""
    words = TextColumn("{task.description}", markup=False)
    return Progress(words, *columns, console=screen, **options)
