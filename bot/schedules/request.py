"""Takes a request such as "me tomorrow at 9 to call Bob" apart: whom, when, and what.

Blocks, as reading a time does.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from bot.schedules.clock_words import rewrite_clock
from bot.schedules.japanese_times import put_into_english
from bot.schedules.moments import PastTime, When, read_time
from bot.schedules.time_phrase import NoTime, Phrase, read_phrase

_MAX_TIME_WORDS: Final = 12
_ME: Final = frozenset({"me", "myself", "mich", "mir", "moi"})
_HERE: Final = frozenset(
    {"here", "us", "everyone", "everybody", "hier", "uns", "ici", "nous", "aquí"}
)
_CHANNEL = re.compile(r"<#(\w+)(?:\|[^<>]*)?>|#([^\s#<>]{1,100})")
_CONNECTORS: Final = frozenset({
    "to", "that", "about", "of", ":", "-", "–", "—", "zu", "dass", "daran", "an", "à", "de", "d'",
    "que",
})  # fmt: skip
_AN_VERB: Final = " denken"
"""The verb that an "an" before it belongs to: an die Milch denken."""
_PREFIX_VERBS: Final = frozenset({"remind", "erinnere", "rappelle", "rappelle-moi", "recuérdame"})

_MARKS: Final = frozenset({"uhr", "o'clock", "oclock", "h", "heures", "heure", "horas", "hrs"})
_BEFORE_CLOCK: Final = frozenset({"at", "um", "à", "las", "a"})
_BEFORE_TIME: Final = frozenset({
    "on", "by", "in", "am", "im", "the", "le", "el", "den", "dem", "dans", "en", "los", "les",
    "starting",
})  # fmt: skip


class NothingToSay(NoTime):
    """There is a time, and nothing that is to be said then."""


@dataclass(frozen=True, slots=True)
class Request:
    """What was asked for: `whom` is "me", "here", or the name or id of a channel after "#"."""

    whom: str
    text: str
    when: When


def split_request(text: str, now: datetime, zone: str, whom: str = "me") -> Request:
    """Take a request apart; `whom` is meant where it names nobody.

    Raises `NoTime` where no part of it is a time, or nothing but that is there, and `PastTime`.
    """
    whom, rest = _split_whom(text, whom)
    rest = put_into_english(rest)
    words = rest.split(" ")
    if _read(rest, now, zone) is not None:
        raise NothingToSay
    passed = False
    found: list[tuple[bool, str, When]] = []
    for spans in (_beginnings(len(words)), _ends(len(words))):
        try:
            span, when = _find_time(words, spans, now, zone)
        except NoTime:
            continue
        except PastTime:
            passed = True
            continue
        left = " ".join(words[span.stop :] if span.start == 0 else words[: span.start])
        found.append((_has_clock(" ".join(words[span.start : span.stop])), left, when))
    # The part that says the time of day is when; the other belongs to what is to be said.
    for _, left, when in sorted(found, key=lambda one: not one[0]):
        if what := _strip_connector(left):
            return Request(whom, what, when)
    raise PastTime if passed else NoTime


def _find_time(
    words: list[str], spans: list[range], now: datetime, zone: str
) -> tuple[range, When]:
    """The words among these spans that are a time: as few as say all that the longest says, but
    with the small words that belong to them. Raises `NoTime` and `PastTime`."""
    read = ((span, _read(_text(words, span), now, zone)) for span in spans)
    longest, when = next(((span, one) for span, one in read if one is not None), (None, None))
    if longest is None or when is None:
        raise NoTime
    said = _phrase(_text(words, longest))
    shorter = [span for span in spans if len(span) <= len(longest)]
    tight = min((one for one in shorter if _phrase(_text(words, one)) == said), key=len)
    if said is None:
        tight = longest  # a cron line
    while len(tight) < len(longest):
        if tight.start == 0 and words[tight.stop].lower().strip(".,:") in _MARKS:
            tight = range(tight.stop + 1)
        elif tight.start > 0 and _belongs(words[tight.start - 1], words[tight.start]):
            tight = range(tight.start - 1, tight.stop)
        else:
            break
    return tight, when


def _belongs(word: str, following: str) -> bool:
    """Whether a small word belongs to the time that follows: "at" to a number alone."""
    if word.lower() in _BEFORE_CLOCK:
        return following[:1].isdecimal()
    return word.lower() in _BEFORE_TIME


def _read(text: str, now: datetime, zone: str) -> When | None:
    try:
        return read_time(text, now, zone)
    except NoTime:
        return None


def _phrase(text: str) -> Phrase | None:
    try:
        return read_phrase(text)
    except NoTime:
        return None


def _text(words: list[str], span: range) -> str:
    return " ".join(words[span.start : span.stop])


def _split_whom(text: str, default: str) -> tuple[str, str]:
    rest = re.sub(r"[ \t]+", " ", text.strip())
    first, _, more = rest.partition(" ")
    if first.lower() in _PREFIX_VERBS:
        rest = more
        first, _, more = rest.partition(" ")
    if (named := _CHANNEL.fullmatch(first)) is not None:
        return f"#{named[1] or named[2]}", more.strip()
    for names, whom in ((_ME, "me"), (_HERE, "here")):
        if first.lower().rstrip(":,") in names:
            return whom, more.strip()
    return default, rest


def _beginnings(number: int) -> list[range]:
    """The first words, the most first; never all of them."""
    return [range(end) for end in range(min(number - 1, _MAX_TIME_WORDS), 0, -1)]


def _ends(number: int) -> list[range]:
    """The last words, the most first; never all of them."""
    return [range(begin, number) for begin in range(max(1, number - _MAX_TIME_WORDS), number)]


def _has_clock(span: str) -> bool:
    return re.search(r"\d{2}:\d{2}", rewrite_clock(span.lower()) or "") is not None


def _strip_connector(text: str) -> str:
    first, _, more = text.strip().partition(" ")
    connects = first.lower().rstrip(":,") in _CONNECTORS
    if connects and more and not (first.lower() == "an" and more.rstrip(".!").endswith(_AN_VERB)):
        text = more
    return text.strip(" ,;:–—")
