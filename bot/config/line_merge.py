"""Puts the changes between two versions of a text into a third that is laid out in another way.

A library that writes YAML lays out the whole file anew. Here only the lines that really change are
taken from it, and all others stay as a person wrote them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from difflib import SequenceMatcher

MAX_LINES = 4_000
"""Longest text, in lines; comparing takes time with the square of them."""


def merge_lines(own: Sequence[str], before: Sequence[str], after: Sequence[str]) -> list[str]:
    """The lines of `own` with the changes that lead from `before` to `after`.

    `before` says what `own` says, in another layout. New lines come before comments and empty lines
    that they would follow, and no line that is a comment alone is lost.
    """
    anchors = list(_anchors(before, own))
    lost = Counter(_comments(before)) - Counter(_comments(after))
    merged: list[str] = []
    taken = 0
    for start, end, new in _changes(before, after):
        at = max(anchor for anchor in anchors if anchor[0] <= start)
        to = min(anchor for anchor in anchors if anchor[0] >= end)
        merged += own[taken : at[1]]
        lines = [*before[at[0] : start], *new, *before[end : to[0]]]
        old = own[max(at[1], taken) : to[1]]
        if old:
            merged += [*lines, *_kept(old, lost)]
        else:
            _insert(merged, lines)
        taken = max(taken, to[1])
    return [*merged, *own[taken:]]


def _changes(
    before: Sequence[str], after: Sequence[str]
) -> Iterator[tuple[int, int, Sequence[str]]]:
    for kind, start, end, new_start, new_end in _opcodes(before, after):
        if kind != "equal":
            yield start, end, after[new_start:new_end]


def _anchors(before: Sequence[str], own: Sequence[str]) -> Iterator[tuple[int, int]]:
    """Places between lines that are the same in both, as numbers of lines."""
    for kind, start, end, own_start, own_end in _opcodes(before, own):
        yield start, own_start
        if kind == "equal" or end - start == own_end - own_start:
            yield from zip(range(start, end), range(own_start, own_end), strict=True)
        yield end, own_end
    yield len(before), len(own)
    yield 0, 0


def _opcodes(one: Sequence[str], other: Sequence[str]) -> Iterator[tuple[str, int, int, int, int]]:
    yield from SequenceMatcher(None, one, other, autojunk=False).get_opcodes()


def _insert(merged: list[str], lines: Sequence[str]) -> None:
    """Add new lines, before the comments and empty lines that stand at the end."""
    at = len(merged)
    while at and _is_remark(merged[at - 1]):
        at -= 1
    if at == 0:
        at = len(merged)  # the file begins with it
    merged[at:at] = lines


def _kept(old: Sequence[str], lost: Counter[str]) -> Iterator[str]:
    """Comments that were among replaced lines and would be lost, with the empty lines before."""
    empty: list[str] = []
    for line in old:
        text = line.strip()
        if not text:
            empty.append(line)
            continue
        if lost[text] > 0:
            lost[text] -= 1
            yield from (*empty, line)
        empty = []
    yield from empty


def _comments(lines: Sequence[str]) -> Iterator[str]:
    return (line.strip() for line in lines if line.lstrip().startswith("#"))


def _is_remark(line: str) -> bool:
    text = line.strip()
    return not text or text.startswith("#")
