"""What is wrong and who was told of it, kept over restarts: pure bookkeeping, without a clock."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Final, Literal

from bot.catalogue.sentence import say, say_number
from bot.notices.trouble import Trouble

Phase = Literal["open", "over"]
Line = tuple[str, Phase]
"""A trouble by its key, and which of its two sentences is said."""

WELL_AFTER_S: Final = 60.0
"""How long a trouble must be gone before it is well again: one that comes and goes is one."""
KEPT_S: Final = 86_400.0
"""How long it is kept that a channel has still to be told that a trouble is over."""
MAX_TROUBLES: Final = 200
"""Troubles that are kept; of more than these nobody is told."""
MAX_LINES: Final = 10
"""Sentences in one message."""
_MINUTE_S = 60.0
_DAY_S = 86_400.0


@dataclass(slots=True)
class Entry:
    """A trouble since it was first seen. Times are in seconds since 1970."""

    text: str
    over: str
    patience_s: float
    since: float
    seen: float
    ended: float | None = None
    shown: bool = False
    """Whether it has lasted long enough to be told, and is in the log."""
    told: list[str] = field(default_factory=list)
    """The channels in which it stands."""
    owed: list[str] = field(default_factory=list)
    """The channels that have still to be told that it is over."""


@dataclass(slots=True)
class Posting:
    """A message that may stand in a channel already, since it was begun at `at`."""

    key: str
    text: str
    lines: list[Line]
    at: float | None = None


class Ledger:
    """The troubles by their keys, what is being posted, and how much was posted today."""

    def __init__(self, channels: Sequence[str], per_day: int) -> None:
        self.channels = tuple(channels)
        self.entries: dict[str, Entry] = {}
        self.posting: dict[str, Posting] = {}
        self._per_day = per_day
        self._looked_at = 0.0
        self._sent: dict[str, tuple[int, int]] = {}

    # --- what is wrong --------------------------------------------------------------------------

    def take(self, found: Sequence[Trouble], kinds: Collection[str], now: float) -> list[str]:
        """Take in what was found by the watches of these kinds; returns the sentences that have
        become due by it, for the log. What other watches found before stays as it is."""
        self._looked_at = now
        for trouble in found:
            entry = self.entries.get(trouble.key)
            if entry is None:
                if len(self.entries) < MAX_TROUBLES:
                    self.entries[trouble.key] = Entry(
                        str(trouble.text), str(trouble.over), trouble.patience_s, now, now
                    )
                continue
            entry.seen, entry.ended, entry.owed = now, None, []
            entry.text, entry.over = str(trouble.text), str(trouble.over)
            entry.patience_s = trouble.patience_s
        return [*self._begin(now), *self._end(kinds, now)]

    def _begin(self, now: float) -> list[str]:
        said = []
        for entry in self.entries.values():
            lasts = entry.seen - entry.since >= entry.patience_s and entry.ended is None
            if lasts and not entry.shown:
                entry.shown = True
                said.append(entry.text)
        return said

    def _end(self, kinds: Collection[str], now: float) -> list[str]:
        said = []
        for key, entry in list(self.entries.items()):
            gone = key.partition(":")[0] in kinds and now - entry.seen >= WELL_AFTER_S
            if gone and entry.ended is None:
                entry.ended = now
                if entry.shown and entry.over:
                    entry.owed = list(self.channels)
                    said.append(_over(entry))
            if entry.ended is not None and (not entry.owed or now - entry.ended > KEPT_S):
                del self.entries[key]
        return said

    @property
    def open(self) -> list[tuple[str, float]]:
        """The troubles that there are, in a sentence each, and since when."""
        return [(e.text, e.since) for e in self.entries.values() if e.shown and e.ended is None]

    # --- who was told ---------------------------------------------------------------------------

    def next_message(self, channel: str, now: float) -> Posting | None:
        """What is to be posted in a channel now; None where there is nothing, or no more today."""
        if (begun := self.posting.get(channel)) is not None:
            return begun
        sent = self._sent_today(channel, now)
        lines = self._lines(channel)
        if not lines or sent >= self._per_day:
            return None
        text = self._write(lines)
        if sent + 1 == self._per_day:
            more = say("That was the last notice of today; `parlance status` shows the rest.")
            text = f"{text}\n\n{more}"
        said = f"{channel} {now} {text}"
        return Posting(hashlib.sha256(said.encode()).hexdigest()[:16], text, lines)

    def _lines(self, channel: str) -> list[Line]:
        lines: list[Line] = []
        for key, entry in self.entries.items():
            if channel in entry.owed:
                lines.append((key, "over"))
            elif entry.shown and entry.seen >= self._looked_at and channel not in entry.told:
                lines.append((key, "open"))
        return lines

    def _write(self, lines: Sequence[Line]) -> str:
        said = Counter(
            f"✅ {_over(self.entries[key])}" if phase == "over" else f"⚠️ {self.entries[key].text}"
            for key, phase in lines
        )
        shown = [
            say("{sentence} ({n} times)", sentence=one, n=n) if n > 1 else one
            for one, n in said.items()
        ]
        if (more := len(shown) - MAX_LINES) > 0:
            rest = say_number("And {n} more; `parlance status` shows it.",
                              "And {n} more; `parlance status` shows them.", more)  # fmt: skip
            shown = [*shown[:MAX_LINES], rest]
        return "\n".join(shown)

    def begin(self, channel: str, posting: Posting, now: float) -> None:
        """Note that a message is about to be sent."""
        posting.at = posting.at or now
        self.posting[channel] = posting

    def drop(self, channel: str) -> None:
        """Forget a message that certainly does not stand there."""
        self.posting.pop(channel, None)

    def mark_told(self, channel: str, posting: Posting, now: float) -> None:
        """Note that a message stands in a channel, or will never."""
        self.posting.pop(channel, None)
        self._sent[channel] = (_day(now), self._sent_today(channel, now) + 1)
        for key, phase in posting.lines:
            if (entry := self.entries.get(key)) is None:
                continue
            if phase == "open" and channel not in entry.told:
                entry.told.append(channel)
            elif phase == "over" and channel in entry.owed:
                entry.owed.remove(channel)
                entry.told = [one for one in entry.told if one != channel]

    def _sent_today(self, channel: str, now: float) -> int:
        day, count = self._sent.get(channel, (0, 0))
        return count if day == _day(now) else 0

    # --- over restarts --------------------------------------------------------------------------

    def dump(self) -> dict[str, Any]:
        """Everything, as JSON can hold it."""
        return {
            "entries": {key: _kept(entry) for key, entry in self.entries.items()},
            "posting": {channel: asdict(one) for channel, one in self.posting.items()},
            "sent": self._sent,
        }

    def load(self, kept: Mapping[str, Any], now: float) -> None:
        """Take up what another process left; what was wrong then counts as seen just now. Raises
        `TypeError`, `ValueError`, `KeyError` or `AttributeError` for anything else."""
        entries = {key: Entry(**{"seen": now, **said}) for key, said in kept["entries"].items()}
        posting = {channel: Posting(**said) for channel, said in kept["posting"].items()}
        for one in posting.values():
            one.lines = [(key, phase) for key, phase in one.lines]
        for entry in entries.values():
            entry.owed = [channel for channel in entry.owed if channel in self.channels]
        self.entries = dict(list(entries.items())[:MAX_TROUBLES])
        self.posting = {c: one for c, one in posting.items() if c in self.channels}
        self._sent = {channel: (day, count) for channel, (day, count) in kept["sent"].items()}


def _kept(entry: Entry) -> dict[str, Any]:
    """An entry without what changes with every look; of one that is over nothing does."""
    kept = asdict(entry)
    return kept if entry.ended else {name: kept[name] for name in kept if name != "seen"}


def _over(entry: Entry) -> str:
    minutes = round((entry.seen - entry.since) / _MINUTE_S)
    if minutes < 1:
        return entry.over
    took = say_number("It took {n} minute.", "It took {n:,} minutes.", minutes)
    return f"{entry.over} {took}"


def _day(now: float) -> int:
    return int(now // _DAY_S)
