"""`make bench`: runs the benches, prints one table, and writes the same rows to build/bench.json.

    python -m bench [ROOM ...] [--quick]

The rooms are core, engine, pool, retrieval, platforms and start; without one all are run.
"""

from __future__ import annotations

import argparse
import asyncio
import importlib
import json
import os
import sys
from dataclasses import asdict
from pathlib import Path

from rich.console import Console
from rich.table import Table

from bench.rows import Row

ROOMS = ("start", "core", "platforms", "pool", "engine", "retrieval")
OUTPUT = Path("build/bench.json")


async def measure(rooms: list[str], *, quick: bool) -> list[Row]:
    """Run the rooms one after another; each has the machine to itself."""
    rows: list[Row] = []
    for room in rooms:
        print(f"measuring {room} …", file=sys.stderr, flush=True)
        module = importlib.import_module(f"bench.{room}")
        rows.extend(await module.rows(quick))
    return rows


def table(rows: list[Row]) -> Table:
    """The rows for people: what, how much, what was aimed at, and whether it was reached."""
    grid = Table(title="Parlance benchmarks")
    grid.add_column("what")
    grid.add_column("value", justify="right")
    grid.add_column("unit")
    grid.add_column("target")
    grid.add_column("")
    marks = {True: "[green]yes[/green]", False: "[red]no[/red]", None: ""}
    for row in rows:
        value = "–" if row.value is None else f"{row.value:,.4g}"
        grid.add_row(row.name, value, row.unit, row.target, marks[row.ok])
    return grid


def write(rows: list[Row], path: Path) -> None:
    """Write the rows as JSON, whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(".partial")
    partial.write_text(json.dumps([asdict(row) for row in rows], indent=2) + "\n", encoding="utf-8")
    os.replace(partial, path)


def main() -> None:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__)
    parser.add_argument("rooms", nargs="*", metavar="ROOM", help=", ".join(ROOMS))
    parser.add_argument("--quick", action="store_true", help="shorter runs, rougher figures")
    arguments = parser.parse_args()
    unknown = [room for room in arguments.rooms if room not in ROOMS]
    if unknown:
        parser.error(f"no such room: {unknown[0]}; there are {', '.join(ROOMS)}")
    rows = asyncio.run(measure(arguments.rooms or list(ROOMS), quick=arguments.quick))
    Console(width=max(100, Console().width)).print(table(rows))
    write(rows, OUTPUT)
    print(f"The same rows are in {OUTPUT}.")


if __name__ == "__main__":
    main()
