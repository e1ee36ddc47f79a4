"""Times as people write them: `30m`, `7d`, `2026-11-01`."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

_PERIOD = re.compile(r"([0-9]{1,6})([smhdw])")
_UNIT_S = {"s": 1, "m": 60, "h": 3_600, "d": 86_400, "w": 604_800}
_LONGEST_AGO = timedelta(days=36_500)


def period_s(text: str) -> float:
    """Returns the seconds of a time such as `30m`, `1h` or `7d`; 0 for anything else."""
    found = _PERIOD.fullmatch(text)
    return float(int(found[1]) * _UNIT_S[found[2]]) if found else 0.0


def parse_since(text: str, now: datetime) -> datetime | None:
    """Returns the time that is meant by `7d`, `12h` or `2026-11-01`; None for other words."""
    if seconds := period_s(text.strip().lower()):
        return now - min(timedelta(seconds=seconds), _LONGEST_AGO)
    try:
        found = datetime.fromisoformat(text.strip())
    except ValueError:
        return None
    return found if found.tzinfo else found.replace(tzinfo=now.tzinfo or UTC)
