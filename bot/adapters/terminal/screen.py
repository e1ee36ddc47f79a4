"""A console that prints untrusted text safely: no control sequences, no markup."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from rich.console import Console, ConsoleOptions, RenderableType
from rich.segment import Segment

from bot.control_characters import strip_controls

if TYPE_CHECKING:
    from rich.progress import Progress, ProgressColumn


class Screen(Console):
    """A console that prints text literally: it passes no control sequences but its own."""

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


def markdown(text: str) -> RenderableType:
    """A text as rendered Markdown."""
    from rich.markdown import Markdown  # its parsers take as long to import as all else of Rich

    return Markdown(text)


def make_progress(screen: Screen, *columns: ProgressColumn, **options: Any) -> Progress:
    """A progress bar with a description in front of it."""
    from rich.progress import Progress, TextColumn  # seldom needed

    words = TextColumn("{task.description}", markup=False)
    return Progress(words, *columns, console=screen, **options)
