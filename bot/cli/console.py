"""Output of the commands: tables, JSON, sentences on standard error, progress bars."""

from __future__ import annotations

import dataclasses
import functools
import json
import sys
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.table import Table
from rich.text import Text

from bot.adapters.terminal.screen import Screen, make_progress
from bot.control_characters import escape_controls, strip_controls

if TYPE_CHECKING:
    from rich.progress import Progress

    from bot.observability.redaction import Redactor

console = Screen()
errors = Screen(stderr=True)

_secrets: tuple[str, ...] = ()

_UNWRAPPED_COLUMNS = frozenset({"id", "base", "added"})
_MAX_PIPE_COLUMNS = 2_000
"""Columns of a table that goes into a pipe or a file, at most."""

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")]


def to_json_value(value: Any) -> Any:
    """Convert a value to what JSON can hold; dataclasses become mappings."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {f.name: to_json_value(getattr(value, f.name)) for f in dataclasses.fields(value)}
    if isinstance(value, Mapping):
        return {str(key): to_json_value(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [to_json_value(inner) for inner in value]
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, Path):
        return str(value)
    return value


def set_secrets(known: Iterable[str]) -> None:
    """Set the secrets that are redacted in all later output."""
    global _secrets
    _secrets = tuple(known)


def redact(text: str) -> str:
    """Remove the known secrets from a text."""
    return _redactor(_secrets)(text)


@functools.cache
def _redactor(known: tuple[str, ...]) -> Redactor:
    from bot.observability.redaction import Redactor  # with all of the configuration

    return Redactor(known)


def say(text: str) -> None:
    """Print a sentence on standard error; a terminal wraps it, a pipe gets one line."""
    errors.print(redact(escape_controls(text)), soft_wrap=True)


def write(text: str, *, to_errors: bool = False, end: bool = True) -> None:
    """Print a text of several lines without wrapping."""
    typer.echo(redact(strip_controls(text)), err=to_errors, nl=end)


def show_json(value: Any, *, lines: bool = True) -> None:
    """Print a value as JSON on standard output, in one line without `lines`; what its encoding
    lacks is escaped."""
    indent = 2 if lines else None
    text = redact(json.dumps(to_json_value(value), indent=indent, ensure_ascii=False))
    try:
        text.encode(sys.stdout.encoding)
    except UnicodeEncodeError:
        text = redact(json.dumps(to_json_value(value), indent=indent))
    typer.echo("\n".join(map(escape_controls, text.split("\n"))))


def show(
    rows: Sequence[Mapping[str, Any]], *, as_json: bool, empty: str = "There is nothing."
) -> None:
    """Print rows that have the same keys: a table, or a JSON list."""
    if as_json:
        show_json(list(rows))
        return
    if not rows:
        console.print(empty)
        return
    grid = Table(box=None, pad_edge=False, header_style="bold")
    numbers = {key for key in rows[0] if isinstance(rows[0][key], int | float)}
    for key in rows[0]:
        justify = "right" if key in numbers else "left"
        # An id is copied and a number is read at a glance: neither is cut in two.
        whole = key in numbers or key in _UNWRAPPED_COLUMNS
        grid.add_column(key.replace("_", " "), justify=justify, overflow="fold", no_wrap=whole)  # type: ignore[arg-type]
    for row in rows:
        grid.add_row(*(Text(_format_cell(value)) for value in row.values()))
    # In a pipe each row is a line, for whatever reads it.
    (console if console.is_terminal else Screen(width=_MAX_PIPE_COLUMNS)).print(grid)


def _format_cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.3g}"
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, datetime):
        return value.astimezone().strftime("%Y-%m-%d %H:%M")
    return redact(escape_controls(str(value)))


def format_size(count: int) -> str:
    """Format a number of bytes for people."""
    return f"{count / 1e9:.1f} GB" if count >= 1e9 else f"{count / 1e6:.0f} MB"


def download_bar() -> Progress:
    """A progress bar for a download, on standard error."""
    from rich.progress import (
        BarColumn,
        DownloadColumn,
        TimeRemainingColumn,
        TransferSpeedColumn,
    )

    return make_progress(
        errors, BarColumn(), DownloadColumn(), TransferSpeedColumn(), TimeRemainingColumn()
    )
