"""`make bench`: measures, prints a table for each room, writes the rows to build/bench.json.

    python -m bench [ROOM ...] [--quick]

Without a room all are run but those that are run only where they are named; `--help` lists both.
The room engine is measured beside the llama-server that LLAMA_SERVER=path names. The room reading
asks the blind questions of a scripted model that knows the truth; with READER=NAME also of a model
of config.yaml (by its name under `models`), which reads the passages and answers: `READER=large
make bench ARGS=reading`. So does AGENT_MODEL=NAME in the room agent.
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

from backends.gil import shorten_switch_interval
from bench.rows import Row

ROOMS = (
    *("start", "core", "platforms", "replies", "pool", "engine", "retrieval", "reading", "scale"),
    *("shares", "loading"),
)
NAMED_ROOMS = {
    "agent": "what approvals hold off and cost",
    "full_text": "full text beside a PostgreSQL server",
    "console": "the console with 100,000 turns in the store",
    "corpus": "how well files of other programs are read",
    "prompt_lookup": "answers with and without prompt lookup",
    "notations": "how well calls of tools are read",
    "preparation": "a copy of the default model's file beside the file as it came",
    "processes": "processes on a PostgreSQL server beside one on a file",
    "schedules": "how late reminders come",
    "streams": "layouts of the engine's memory",
    "vectors": "searches among vectors in a folder, and in a Chroma server",
}
"""Rooms that are run only where they are named: they take long, or need programs or data of others.
Each is a module of this folder with a coroutine `rows(quick)`."""
OUTPUT = Path("build/bench.json")


async def measure(room: str, *, quick: bool) -> list[Row]:
    """Run one room; it has the machine to itself."""
    print(f"measuring {room} …", file=sys.stderr, flush=True)
    module = importlib.import_module(f"bench.{room}")
    rows: list[Row] = await module.rows(quick)
    return rows


def table(room: str, rows: list[Row]) -> Table:
    """The rows for people: what, how much, what was aimed at, and whether it was reached."""
    grid = Table(title=f"Parlance benchmarks: {room}")
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


def write(measured: dict[str, list[Row]], path: Path) -> None:
    """Write the rows of each room as JSON, whole or not at all."""
    content = {room: [asdict(row) for row in rows] for room, rows in measured.items()}
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(".partial")
    partial.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
    os.replace(partial, path)


def main() -> None:
    """Measure, print, write."""
    rooms = (*ROOMS, *NAMED_ROOMS)
    named = "\n".join(f"  {name}: {what}" for name, what in NAMED_ROOMS.items())
    parser = argparse.ArgumentParser(
        prog="make bench",
        description=__doc__,
        epilog=f"run where they are named:\n{named}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("rooms", nargs="*", metavar="ROOM", help=", ".join(rooms))
    parser.add_argument("--quick", action="store_true", help="shorter runs, rougher figures")
    arguments = parser.parse_args()
    unknown = [room for room in arguments.rooms if room not in rooms]
    if unknown:
        parser.error(f"no such room: {unknown[0]}; there are {', '.join(rooms)}")
    shorten_switch_interval()  # as `parlance` does
    console = Console(width=max(100, Console().width))
    measured: dict[str, list[Row]] = {}
    for room in arguments.rooms or ROOMS:
        # Printed and written room by room: a long run that is broken off has not been for nothing.
        measured[room] = asyncio.run(measure(room, quick=arguments.quick))
        console.print(table(room, measured[room]))
        write(measured, OUTPUT)
    print(f"The same rows are in {OUTPUT}.")


if __name__ == "__main__":
    main()
