"""One line of the benchmark's table."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Row:
    """A measured value beside its target.

    `ok` is None where a row has no target, or where what it needs is not there to be measured.
    """

    name: str
    value: float | None
    unit: str
    target: str
    ok: bool | None
