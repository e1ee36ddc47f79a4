"""Describes the files of a folder that no loader reads."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import PurePath

from bot.catalogue.sentence import say, say_number

_MAX_LISTED_KINDS = 8
"""The most kinds of skipped files that are listed by name."""
_SUFFIX = re.compile(r"\.[\w+~-]{1,16}")


def kind_of(path: PurePath) -> str:
    """Returns the kind of a file by which it is counted: its suffix in lower case."""
    suffix = path.suffix.lower()
    if not suffix:
        return say("without a suffix")
    return suffix if _SUFFIX.fullmatch(suffix) else say("of other kinds")


def describe_skipped(kind_counts: Mapping[str, int]) -> str:
    """Describes the files that were skipped in a folder in one sentence: `3 files of kinds that are
    not read were passed over: 2 .png, 1 .zip.`"""
    count = sum(kind_counts.values())
    kinds = format_kind_counts(kind_counts)
    return say_number(
        "1 file of a kind that is not read was passed over: {kinds}.",
        "{n:,} files of kinds that are not read were passed over: {kinds}.",
        count,
        kinds=kinds,
    )


def format_kind_counts(kind_counts: Mapping[str, int]) -> str:
    """Formats counts by kind, the most frequent first: `9 .png, 2 .zip`."""
    order = sorted(kind_counts.items(), key=lambda one: (-one[1], one[0]))
    shown = [f"{count:,} {kind}" for kind, count in order[:_MAX_LISTED_KINDS]]
    rest = sum(count for _, count in order[_MAX_LISTED_KINDS:])
    return ", ".join([*shown, *([f"{rest:,} more"] if rest else [])])
