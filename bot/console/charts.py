"""Bars over days as SVG. Colours come from the style sheet, and words stand beside the picture."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Final

from bot.catalogue.sentence import say

CHART_WIDTH: Final = 1000
CHART_HEIGHT: Final = 100
"""The size of the picture in its own units; the page stretches it."""
_BAR_SHARE: Final = 0.8
"""How much of the room of its day a bar takes."""


@dataclass(frozen=True, slots=True)
class Series:
    """One of the amounts that are piled up for each day; `kind` is how the page draws it."""

    name: str
    kind: str
    values: Sequence[float]


@dataclass(frozen=True, slots=True)
class ChartBar:
    """A part of a day's pile, in the units of the picture; `words` say what it is."""

    x: float
    y: float
    width: float
    height: float
    kind: str
    words: str


@dataclass(frozen=True, slots=True)
class Chart:
    """A picture: its bars, its name within the page, its title, and what it shows in words."""

    name: str
    title: str
    words: str
    series: Sequence[Series]
    bars: Sequence[ChartBar]


def draw_chart(
    name: str,
    title: str,
    days: Sequence[date],
    series: Sequence[Series],
    write: Callable[[float], str],
) -> Chart:
    """Draw the sums of each day; `write` writes a value for people."""
    piles = [sum(values) for values in zip(*(one.values for one in series), strict=True)]
    most = max(piles, default=0.0)
    if not most:
        return Chart(name, title, say("nothing on these days"), series, ())
    room = CHART_WIDTH / len(days)
    bars: list[ChartBar] = []
    for number, day in enumerate(days):
        top = float(CHART_HEIGHT)
        for one in series:
            if value := one.values[number]:
                height = CHART_HEIGHT * value / most
                top -= height
                bars.append(
                    ChartBar(
                        round(number * room, 2),
                        round(top, 2),
                        round(room * _BAR_SHARE, 2),
                        round(height, 2),
                        one.kind,
                        f"{day}: {write(value)} ({one.name})",
                    )
                )
    words = say("at most {most}, on {day}", most=write(most), day=days[piles.index(most)])
    return Chart(name, title, words, series, bars)
