"""Keys of config.yaml that have moved; they are read in their old place for one version."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

Location = tuple[str | int, ...]

_DEFAULT_PORT = 3000
_KEYS = {
    ("slack", "host"): ("http", "host"),
    ("slack", "port"): ("http", "port"),
    ("slack", "public_url"): ("http", "public_url"),
    ("metrics", "host"): ("http", "host"),
    ("metrics", "port"): ("http", "port"),
}
"""Where each key was, and where it is now."""


@dataclass(slots=True)
class Moved:
    """What was found in old places: a sentence for each key, and where two of them disagree."""

    remarks: list[str] = field(default_factory=list)
    problems: dict[Location, str] = field(default_factory=dict)
    origins: dict[Location, Location] = field(default_factory=dict)
    """By a key's new place, the old one that its value was taken from."""


def take_moved_keys(written: dict[str, Any]) -> Moved:
    """Take the keys out of their old places in what config.yaml says, and put those that had an
    effect there into the new ones, unless something stands in these."""
    moved = Moved()
    found = dict(_take(written))
    for old in found:
        hint = " and metrics.enabled" if old == ("metrics", "port") else ""
        moved.remarks.append(
            f"{'.'.join(old)} is now {'.'.join(_KEYS[old])}{hint}; the old key is read in this "
            "version and refused in the next."
        )
    in_effect = _in_effect(written, found)
    if found.get(("metrics", "port")) is not None:
        written["metrics"].setdefault("enabled", True)
    for old, value in in_effect.items():
        new = _KEYS[old]
        section = written.setdefault(new[0], {})
        if not isinstance(section, dict):
            continue
        if section.get(new[1]) is None:
            section[new[1]] = value
            moved.origins[new] = old
        elif new in moved.origins and str(section[new[1]]) != str(value):
            moved.problems[old] = (
                f"there is one HTTP port now, and {'.'.join(map(str, moved.origins[new]))} says "
                "another; take both out, and set http.host, http.port and metrics.enabled"
            )
    return moved


def _take(written: dict[str, Any]) -> Iterator[tuple[tuple[str, str], Any]]:
    for section, key in _KEYS:
        keys = written.get(section)
        if isinstance(keys, dict) and key in keys:
            yield (section, key), keys.pop(key)


def _in_effect(
    written: dict[str, Any], found: dict[tuple[str, str], Any]
) -> dict[tuple[str, str], Any]:
    """Those of the old keys that something depended on, with their values."""
    slack = written.get("slack")
    slack_listens = isinstance(slack, dict) and slack.get("mode") == "http"
    measured = found.get(("metrics", "port")) is not None
    if slack_listens and measured:  # a default counts where another port is named
        found = {("slack", "port"): _DEFAULT_PORT, **found}
    return {
        old: value
        for old, value in found.items()
        if value is not None
        and (old[1] == "public_url" or (measured if old[0] == "metrics" else slack_listens))
    }
