"""Shows the progress of an ingestion, and what of it went wrong, for `parlance docs`."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncGenerator
from contextlib import aclosing

from rich.progress import BarColumn, MofNCompleteColumn

from bot.adapters.terminal.screen import make_progress
from bot.cli.console import errors, say
from bot.control_characters import escape_controls
from bot.values import Ingested, SyncFailure

SCAN_HINT = (
    "Scans are read where `knowledge.ocr` in config.yaml is `enabled`; `parlance doctor` says what "
    "that needs."
)


async def show_ingestion(events: AsyncGenerator[Ingested, None]) -> Counter[str]:
    """Show the progress of an ingestion; returns the number of documents by final state."""
    states: Counter[str] = Counter()
    passed: list[str] = []
    unread = 0
    columns = (BarColumn(), MofNCompleteColumn())
    quiet = not errors.is_terminal  # a bar would leave an empty line in a pipe
    with make_progress(errors, *columns, transient=True, disable=quiet) as bar:
        task = bar.add_task("Reading", total=None)
        async with aclosing(events):
            async for event in events:
                if event.state == "passed":
                    passed.append(event.detail)
                    continue
                name = (event.location.rsplit("/", 1)[-1] or event.location)[-40:]
                name = escape_controls(f"{name}: {event.within}" if event.within else name)
                part = event.passages / event.passages_total if event.within else 0
                done = event.done + part
                bar.update(task, completed=done, total=event.total, description=name)
                if event.state != "working":
                    states[event.state] += 1
                if event.state == "refused":
                    say(format_refusal(event.location, event.detail))
                unread += event.unread_pages
                if event.recognized_pages:
                    say(f"{event.location}: {describe_recognition(event.recognized_pages)}.")
                if event.left_out:
                    say(f"{event.location}: not read: {event.left_out}.")
    for sentence in passed:
        say(sentence)
    if unread:
        say(SCAN_HINT)
    return states


def format_refusal(location: str, why: str) -> str:
    """The reason of a refusal, with the document's whole location."""
    name = location.rsplit("/", 1)[-1]
    if name and why.startswith(name):
        return location + why.removeprefix(name)
    return why if location in why else f"{location}: {why}"


def describe_recognition(pages: int, confidence: float = 0.0) -> str:
    """How a document with scans was read: `read by text recognition, 12 pages, 97 % sure`."""
    if not pages:
        return ""
    told = f"read by text recognition, {pages:,} page{'s' * (pages != 1)}"
    return f"{told}, {confidence:.0%} sure".replace("%", " %") if confidence else told


def describe_failure(failure: SyncFailure) -> str:
    """Since when a source cannot be read, and why."""
    since = failure.since.astimezone()
    return f"{failure.location} cannot be read since {since:%Y-%m-%d %H:%M}: {failure.why}"
