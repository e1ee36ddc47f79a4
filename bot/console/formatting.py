"""How values are written in the pages: times, lengths, sizes, people, places, Markdown."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, Final

from markdown_it import MarkdownIt
from markupsafe import Markup, escape

from bot.catalogue.sentence import say
from bot.console.speech import say_here, write_moment, write_value
from bot.control_characters import strip_controls
from bot.sign_in.places import CONSOLE
from bot.types import ConversationKey

_KB: Final = 1000
_SHORT_CHARACTERS: Final = 1_500
"""Markdown that is rendered in the event loop, where that takes a millisecond or two."""


def write_time(moment: datetime | str | None) -> Markup:
    """A moment as it is in UTC; the page's script writes it in the reader's own zone."""
    if moment is None:
        return Markup("")
    if isinstance(moment, str):
        moment = datetime.fromisoformat(moment)
    moment = moment.astimezone(UTC)
    return Markup('<time datetime="{0}">{1}</time>').format(
        moment.isoformat(timespec="seconds"), write_moment(moment)
    )


def write_seconds(seconds: float | None) -> str:
    """A length of time: `0.42 s`, `12 s`, `3 min 5 s`, `2 h 10 min`."""
    if seconds is None:
        return ""
    if seconds < 10:
        return say_here("{seconds:.2f} s", seconds=seconds)
    if seconds < 60:
        return say_here("{seconds:.0f} s", seconds=seconds)
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return say_here("{minutes} min {seconds} s", minutes=minutes, seconds=rest)
    return say_here("{hours} h {minutes} min", hours=minutes // 60, minutes=minutes % 60)


def write_size(count: int | None) -> str:
    """A number of bytes: `512 B`, `1.5 kB`, `20 MB`."""
    if count is None:
        return ""
    size, units = float(count), iter(("kB", "MB", "GB", "TB"))
    if size < _KB:
        return f"{count} B"
    unit = ""
    while size >= _KB and (unit := next(units, "")):
        size /= _KB
    return f"{write_value(size, '.1f' if size < 10 else '.0f')} {unit}"


def write_number(number: float | None) -> str:
    """A number with its thousands apart, or with two digits behind the point."""
    if number is None:
        return ""
    return write_value(number, "," if isinstance(number, int) else ",.2f")


def write_place(key: str) -> str:
    """A conversation, as far as its key says where it is."""
    try:
        place = ConversationKey.parse(key)
    except ValueError:
        return key
    if place.platform == CONSOLE:
        return say("console")
    parts = [place.platform, place.workspace, place.channel]
    if place.thread is not None:
        parts.append(say_here("thread {thread}", thread=place.thread))
    return " / ".join(part for part in parts if part and part != "@dm")


@lru_cache(maxsize=1)
def _markdown() -> MarkdownIt:
    """Answers are foreign text: no HTML, and no picture that a browser would fetch."""
    return (
        MarkdownIt("commonmark", {"html": False, "linkify": False}).enable("table").disable("image")
    )


def write_markdown(text: str) -> Markup:
    """Text of a person or a model as HTML. Links lead away with no word of where from."""
    html = _markdown().render(text)
    return Markup(html.replace("<a href=", '<a rel="noopener noreferrer nofollow" href='))


async def render_markdown(text: str) -> Markup:
    """The same, of what may be long: that is rendered beside the event loop."""
    if len(text) <= _SHORT_CHARACTERS:
        return write_markdown(text)
    return await asyncio.to_thread(write_markdown, text)


def write_inline(text: str) -> Markup:
    """A sentence of ours, in which commands stand between backticks."""
    return Markup(_markdown().renderInline(text))


def write_share(share: float | None) -> str:
    """A share of one as a percentage."""
    return "" if share is None else f"{share * 100:.0f} %"


def write_lines(text: str) -> Markup:
    """Plain text with its line breaks."""
    return Markup("<br>").join(escape(line) for line in text.splitlines())


def write_unturned(text: str) -> str:
    """Text of others without what turns the order of its letters, and other control characters."""
    return strip_controls(text)


FILTERS: Final[Mapping[str, Callable[[Any], Any]]] = {
    "time": write_time,
    "seconds": write_seconds,
    "size": write_size,
    "number": write_number,
    "place": write_place,
    "markdown": write_markdown,
    "inline": write_inline,
    "share": write_share,
    "lines": write_lines,
    "unturned": write_unturned,
}
