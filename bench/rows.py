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


def at_least(name: str, value: float, unit: str, least: float) -> Row:
    """A row that is met at or above its target."""
    return Row(name, value, unit, f"at least {least:g} {unit}", value >= least)


def at_most(name: str, value: float, unit: str, most: float) -> Row:
    """A row that is met at or below its target."""
    return Row(name, value, unit, f"at most {most:g} {unit}", value <= most)


def unmeasured(name: str, why: str) -> Row:
    """A row that is left open."""
    return Row(name, None, "", f"not run: {why}", None)
