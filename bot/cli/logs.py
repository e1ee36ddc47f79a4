"""The command `parlance logs`: what the running bot has logged."""

from __future__ import annotations

from contextlib import closing
from datetime import datetime
from functools import partial
from typing import Annotated, Any

import typer

from bot.cli.console import AsJson, write
from bot.cli.options import ConfigPath, read_installation
from bot.config.core import Level
from bot.control_characters import escape_controls
from bot.errors import NotFound
from bot.observability.log_reader import LogLine, LogReader

DEFAULT_LINES = 50
_OWN = frozenset({"timestamp", "level", "event", "exception", "stack"})
"""What has a place of its own in a line for people."""


def logs(
    config: ConfigPath = None,
    lines: Annotated[
        int, typer.Option("--lines", "-n", min=0, max=100_000, help="How many of the last lines.")
    ] = DEFAULT_LINES,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on with what comes.")] = False,
    level: Annotated[Level, typer.Option(help="Least level.")] = "info",
    turn: Annotated[
        str | None, typer.Option(help="Only this turn, by its id or that of its error.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Show what the running bot has logged, or the one that ran here last."""
    here = read_installation(config)
    folder = here.config.data_dir / "log"
    if not follow and not folder.is_dir():
        why = "logging.keep_mb is 0" if not here.config.logging.keep_mb else "no bot has run here"
        raise NotFound(f"There is no log: {why}.")
    with closing(LogReader(folder)) as reader:
        ids = frozenset() if turn is None else reader.turns_of(turn)
        wanted = partial(_is_wanted, level, ids)
        for line in reader.last(lines, wanted):
            _show(line, as_json=as_json)
        if follow:
            for line in reader.follow(wanted):
                _show(line, as_json=as_json)


def _is_wanted(level: Level, ids: frozenset[str], line: LogLine) -> bool:
    return line.is_at_least(level) and (not ids or line.is_of(ids))


def _show(line: LogLine, *, as_json: bool) -> None:
    write(escape_controls(line.text) if as_json else describe(line.said))


def describe(said: dict[str, Any]) -> str:
    """A line for people, with a trace indented beneath it."""
    head = [_local_time(str(said.get("timestamp", ""))), f"{said.get('level', ''):8}"]
    rest = [f"{key}={_value(value)}" for key, value in said.items() if key not in _OWN]
    whole = " ".join([*head, escape_controls(str(said.get("event", ""))), *rest])
    traces = [str(said[key]) for key in ("exception", "stack") if said.get(key)]
    beneath = [f"    {escape_controls(one)}" for trace in traces for one in trace.split("\n")]
    return "\n".join([whole, *beneath])


def _value(value: Any) -> str:
    return escape_controls(repr(value) if isinstance(value, str) and " " in value else str(value))


def _local_time(stamp: str) -> str:
    try:
        return f"{datetime.fromisoformat(stamp).astimezone():%Y-%m-%d %H:%M:%S}"
    except ValueError:
        return " " * 19
