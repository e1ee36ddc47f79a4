"""Measures this checkout beside another one, in turn, and prints the ratios.

    python -m bench.beside BEFORE [ROOM ...] [--rounds 3] [--quick]

BEFORE is the folder of the other checkout. Both are measured by their own benchmarks, with the
Python that runs this, and take turns at going first; of each row the median of the rounds counts.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path

from rich.console import Console
from rich.table import Table

Figures = Mapping[str, float]
HERE = Path(__file__).resolve().parents[1]


def measure(checkout: Path, rooms: list[str], quick: bool) -> Figures:
    """Run the benchmark of a checkout. Raises `CalledProcessError`."""
    command = [sys.executable, "-m", "bench", *rooms, *(["--quick"] if quick else [])]
    subprocess.run(command, cwd=checkout, check=True, stdout=subprocess.DEVNULL)
    measured = json.loads((checkout / "build" / "bench.json").read_text(encoding="utf-8"))
    return {
        row["name"]: row["value"]
        for room in rooms
        for row in measured[room]
        if row["value"] is not None
    }


def compare(before: Path, rooms: list[str], rounds: int, quick: bool) -> Table:
    """The rows that both checkouts have, with their ratio."""
    found: dict[Path, dict[str, list[float]]] = {HERE: defaultdict(list), before: defaultdict(list)}
    for number in range(rounds):
        for checkout in (before, HERE) if number % 2 == 0 else (HERE, before):
            for name, value in measure(checkout, rooms, quick).items():
                found[checkout][name].append(value)
    grid = Table(title=f"Parlance benchmarks beside {before.name}: {' '.join(rooms)}")
    for name in ("what", "before", "now", "ratio"):
        grid.add_column(name, justify="left" if name == "what" else "right")
    for name, values in found[HERE].items():
        now = statistics.median(values)
        if earlier := found[before].get(name):
            then = statistics.median(earlier)
            ratio = f"{now / then:.2f} ×" if then else "–"
            grid.add_row(name, f"{then:,.4g}", f"{now:,.4g}", ratio)
        else:
            grid.add_row(name, "–", f"{now:,.4g}", "–")
    return grid


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m bench.beside", description=__doc__)
    parser.add_argument("before", type=Path)
    parser.add_argument("rooms", nargs="*", metavar="ROOM", default=["core"])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--quick", action="store_true", help="shorter runs, rougher figures")
    arguments = parser.parse_args()
    console = Console(width=max(100, Console().width))
    console.print(
        compare(
            arguments.before.resolve(),
            arguments.rooms or ["core"],
            arguments.rounds,
            arguments.quick,
        )
    )


if __name__ == "__main__":
    main()
