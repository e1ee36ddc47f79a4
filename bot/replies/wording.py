"""Words for statuses, sources and notices, the same on every platform."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from itertools import takewhile
from pathlib import PurePosixPath

from bot.catalogue.languages import translate
from bot.catalogue.sentence import join_sentences, lay_out, say, say_number
from bot.types import Action, Notice, Place, Source, Status, View

MAX_BUTTONS = 5
"""Most buttons under an answer: one row."""
SEPARATOR = " · "
_THINKING = Status("thinking")
_STAGES = {
    "queued": say("Waiting"),
    "loading": say("Loading the model"),
    "reading": say("Thinking"),
    "thinking": say("Thinking"),
    "writing": say("Writing"),
    "working": say("Working"),
}
_MONTHS = (
    *(say("Jan"), say("Feb"), say("Mar"), say("Apr"), say("May"), say("Jun")),
    *(say("Jul"), say("Aug"), say("Sep"), say("Oct"), say("Nov"), say("Dec")),
)
_ISOLATE, _END_ISOLATE = "\u2068", "\u2069"
_MAX_TITLE_CHARACTERS = 80
_MAX_HEADING_CHARACTERS = 60


def status_text(status: Status, locale: str | None = None) -> str:
    """Put a status into words: `Waiting, number 3 in line, about 20 s …`, `Thinking …, 8 s`.
    `locale` is the language of whom it is shown to."""
    words = " ".join(status.text.split()).rstrip(".… ")
    words = words or translate(_STAGES[status.stage], locale)
    more = [words[:1].upper() + words[1:]]
    if status.stage == "queued" and status.position:
        more.append(say("number {position} in line", position=status.position))
    if status.total:
        more.append(say("{done} of {total}", done=status.done or 0, total=status.total))
    if status.wait_s:
        more.append(say("about {seconds:.0f} s", seconds=status.wait_s))
    line = join_sentences(more, ", ")
    if (elapsed := status.elapsed_s or 0) < 1:
        return translate(lay_out("{line} …", line=line), locale)
    return translate(lay_out("{line} …, {elapsed:.0f} s", line=line, elapsed=elapsed), locale)


def shown_status(view: View) -> str:
    """What is said of a reply that is being worked on: its status, also beside text; empty if there
    is nothing to say."""
    if view.state != "working":
        return ""
    status = view.status if view.status is not None or view.text else _THINKING
    return status_text(status, view.locale) if status is not None else ""


def button_row(view: View) -> tuple[Action, ...]:
    """The buttons under a reply: one row, but every choice that it waits for."""
    return view.actions if view.state == "waiting" else view.actions[:MAX_BUTTONS]


def source_line(
    sources: Sequence[Source],
    show: Callable[[str, str], str],
    limit: int,
    locale: str | None = None,
) -> Iterator[str]:
    """The sources of an answer in one line, or several if it is longer than `limit`:
    `[1] Logs › Rotation · 12 Nov · [2] …`. A source that is named twice stands there once.

    `show` returns a title as the platform shows it, given the title and a web address, which is
    empty for a file: where that is stored is the operator's own. `locale` is the reply's language.
    """
    merged: dict[tuple[str, str, str], list[Source]] = {}
    """By title, location and heading; what is on pages or slides by their document alone."""
    for source in sources:
        paged = source.place.page or source.place.slide
        heading = "" if paged else f"{source.heading}\0{source.place.sheet}"
        merged.setdefault((source.title, source.location, heading), []).append(source)
    return join_items((_source_item(same, show, locale) for same in merged.values()), limit)


def join_items(items: Iterable[str], limit: int, separator: str = SEPARATOR) -> Iterator[str]:
    """Join items to lines of at most `limit` characters."""
    line = ""
    for item in items:
        if line and len(line) + len(separator) + len(item) > limit:
            yield line
            line = ""
        line += (separator if line else "") + item
    if line:
        yield line


def _source_item(
    same: Sequence[Source], show: Callable[[str, str], str], locale: str | None
) -> str:
    numbers = ", ".join(str(number) for source in same for number in (source.number, *source.also))
    on_the_web = same[0].location.startswith(("https://", "http://"))
    shared = replace(same[0], heading=_shared_heading([source.heading for source in same]))
    where = translate(place_words([source.place for source in same]), locale)
    words = ", ".join(filter(None, (source_title(shared), where)))
    title = show(words, same[0].location if on_the_web else "")
    read = max((source.at for source in same if source.at is not None), default=None)
    date = f"{SEPARATOR}{translate(_date(read), locale)}" if read is not None else ""
    return f"[{numbers}] {title}{date}"


def _shared_heading(headings: Sequence[str]) -> str:
    """The headings that are above all of several passages."""
    paths = [heading.split(" > ") for heading in headings]
    shared = zip(*paths, strict=False)
    return " > ".join(names[0] for names in takewhile(lambda names: len(set(names)) == 1, shared))


def place_words(places: Sequence[Place]) -> str:
    """Where in one file passages are: `page 12`, `slides 3, 4`, `sheet North, row 14`; or ""."""
    sheets = dict.fromkeys(place.sheet for place in places if place.sheet)
    parts: list[str] = []
    if sheets:
        name = isolate(shorten(next(iter(sheets)), _MAX_TITLE_CHARACTERS))
        parts.append(say("sheet {name}", name=name))
    if pages := _known(place.page for place in places):
        parts.append(say_number("page {pages}", "pages {pages}", len(pages), pages=_join(pages)))
    if slides := _known(place.slide for place in places):
        words = say_number("slide {slides}", "slides {slides}", len(slides), slides=_join(slides))
        parts.append(words)
    if rows := _known(place.row for place in places):
        parts.append(say_number("row {rows}", "rows {rows}", len(rows), rows=_join(rows)))
    return join_sentences(parts, ", ")


def _known(numbers: Iterable[int]) -> list[int]:
    return sorted({number for number in numbers if number > 0})


def _join(numbers: Iterable[int]) -> str:
    return ", ".join(map(str, numbers))


def source_title(source: Source) -> str:
    """The title of a source with its heading. A title written from right to left does not change
    the order of what stands around it."""
    title = source.title
    if not title or title == source.location:
        title = source.location
        if "://" not in title:
            title = PurePosixPath(title.replace("\\", "/")).name
    words = shorten(title, _MAX_TITLE_CHARACTERS)
    parts = source.heading.split(" > ")
    if parts[0] == source.title:  # a document's title is its first heading
        parts = parts[1:]
    if heading := " › ".join(filter(None, parts)):
        words += " › " + shorten(heading, _MAX_HEADING_CHARACTERS)
    return isolate(words)


def isolate(words: str) -> str:
    """Keep a text with letters that are written from right to left from turning what is around."""
    if any(unicodedata.bidirectional(character) in ("R", "AL") for character in words):
        return _ISOLATE + words + _END_ISOLATE
    return words


def _date(at: datetime) -> str:
    month = _MONTHS[at.month - 1]
    if at.year == datetime.now(UTC).year:
        return say("{day} {month}", day=at.day, month=month)
    return say("{day} {month} {year}", day=at.day, month=month, year=at.year)


def shorten(text: str, limit: int) -> str:
    """A text in one line of at most `limit` characters."""
    text = " ".join(text.split())
    return text if len(text) <= limit else text[: limit - 1] + "…"


def as_code(text: str) -> str:
    """A text of anybody in one line as code, in which no markup, link or mention counts."""
    line = " ".join(text.split()).replace("`", "'") or '""'
    return f"`{line}`"


def notice_text(notice: Notice, locale: str | None = None) -> str:
    """Return the text of a notice, with the id of its error if it has one."""
    if notice.error_id and notice.error_id not in notice.text:
        more = say("{text} (error {error_id})", text=notice.text, error_id=notice.error_id)
        return translate(more, locale)
    return translate(notice.text, locale)
