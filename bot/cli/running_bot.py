"""The commands `parlance status` and `stop`, and asking a running bot."""

from __future__ import annotations

import time
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from bot.cli.console import AsJson, console, format_size, redact, show, show_json
from bot.cli.loop import run_async
from bot.cli.options import ConfigPath, read_installation
from bot.control.client import ask
from bot.control.client import stop as stop_running
from bot.control.protocol import COMMAND_TIMEOUT_S, STATUS_TIMEOUT_S, ControlError, NotRunning
from bot.control_characters import escape_controls
from bot.errors import StorageError
from bot.storage.data_dir_lock import find_holder

if TYPE_CHECKING:
    from bot.installation import Installation

WATCH_S = 2.0
"""Pause between two looks of `parlance status --watch`, in seconds."""


async def ask_async(here: Installation, command: str) -> Any | None:
    """What the bot that runs here answers; None if none runs. Raises `ControlError`."""
    timeout_s = STATUS_TIMEOUT_S if command == "status" else COMMAND_TIMEOUT_S
    try:
        return await ask(here.config.data_dir, command, timeout_s)
    except NotRunning:
        return None


def ask_running_bot(here: Installation, command: str) -> Any | None:
    """What the bot that runs here answers; None if none runs. Raises `ControlError`."""
    return run_async(ask_async(here, command))


def check_running_bot(here: Installation) -> list[dict[str, object]]:
    """A row of `check` about the bot that runs here, if one does."""
    try:
        told = ask_running_bot(here, "status")
    except ControlError as error:
        return [{"what": "running bot", "ok": False, "detail": str(error)}]
    return [] if told is None else [describe_running_bot(here, told)]


def describe_running_bot(here: Installation, told: Any) -> dict[str, object]:
    """A row of `check` and `doctor` about the bot that answered."""
    same = told["configuration"] == here.fingerprint
    note = "" if same else "; it was started with another configuration: restart it to apply this"
    detail = f"process {told['pid']} since {_local_time(told['since'])}{note}"
    return {"what": "running bot", "ok": True, "detail": detail}


def status(
    config: ConfigPath = None,
    as_json: AsJson = False,
    watch: Annotated[
        bool, typer.Option("--watch", "-w", help="Show it again every two seconds.")
    ] = False,
) -> None:
    """Show how the bot does: platforms, models, queue, disk, what is wrong, the last errors."""
    here = read_installation(config)
    while True:
        try:
            told = ask_running_bot(here, "status")
        except ControlError as error:  # a bot that waits for its database says nothing
            raise ControlError(f"{error}{_database_trouble(here)}") from None
        if told is None and as_json:
            show_json({"running": False})
            raise typer.Exit(1)
        if told is None:
            raise not_running(here)
        if "disk" not in told:
            raise ControlError("The running bot is of an earlier version; restart it.")
        if as_json:
            show_json({"running": True, **told}, lines=not watch)
        else:
            if watch and console.is_terminal:
                console.clear()
            _show_status(told)
        if not watch:
            return
        time.sleep(WATCH_S)


def _show_status(told: dict[str, Any]) -> None:
    console.print(
        f"Parlance runs since {_local_time(told['since'])} (process {told['pid']}).",
        soft_wrap=True,
    )
    disk, newest = told["disk"], told["newest_backup"]
    rows = [
        {"what": one["name"], "state": one["state"], "detail": one["detail"]}
        for one in told["platforms"]
    ]
    rows += [
        {"what": _model_name(one), "state": one["state"], "detail": _describe_model(one)}
        for one in told["models"]
    ]
    rows += [
        {"what": "open turns", "state": f"{told['open_turns']:,}", "detail": ""},
        {
            "what": "queue",
            "state": f"{told['queue']:,}",
            "detail": "requests that wait for a model",
        },
        {"what": "documents", "state": f"{told['documents']:,}", "detail": ""},
        *describe_vectors(told["vectors"]),
        {
            "what": "disk",
            "state": f"{format_size(disk['free'])} free",
            "detail": f"database {format_size(disk['database'])}",
        },
        {
            "what": "newest backup",
            "state": _local_time(newest) if newest else "none",
            "detail": "" if newest else "`parlance backup` makes one",
        },
    ]
    show(rows, as_json=False)
    for trouble in told["troubles"]:
        console.print()
        console.print(_plain(f"Since {_local_time(trouble['since'])}: {trouble['what']}"))
    if told["errors"]:
        console.print()
        show([_describe_error(one) for one in reversed(told["errors"])], as_json=False)
        console.print("`parlance logs --turn ID` shows what led to one.")


def describe_vectors(told: dict[str, str]) -> list[dict[str, str]]:
    """The row of the Chroma server, where there is one."""
    if not told["server"]:
        return []
    state = "cannot be used" if told["trouble"] else "in a server"
    return [{"what": "vectors", "state": state, "detail": told["trouble"] or told["server"]}]


def _describe_error(error: dict[str, Any]) -> dict[str, str]:
    stamp = error.get("timestamp")
    return {
        "last errors": _local_time(stamp) if stamp else "",
        "id": error.get("error_id") or error.get("turn", "")[:8],
        "what": error["event"],
        "reason": error.get("reason", ""),
    }


def _plain(text: str) -> str:
    return redact(escape_controls(text))


def stop(
    config: ConfigPath = None,
    within: Annotated[
        float | None,
        typer.Option(
            min=1.0,
            max=7200.0,
            help="Longest time to wait, in seconds.",
        ),
    ] = None,
) -> None:
    """End the running bot in order, and wait until it is gone."""
    here = read_installation(config)
    try:
        within = here.config.limits.end_s if within is None else within
        pid = run_async(stop_running(here.config.data_dir, within))
    except NotRunning:
        raise not_running(here) from None
    console.print(f"Parlance (process {pid}) has stopped.")


def _database_trouble(here: Installation) -> str:
    """What keeps the bot's database server from being used, as a further sentence; "" if nothing
    does."""
    from bot.storage.blocking import revision_at  # it takes time

    try:
        if not isinstance(here.database, Path):
            revision_at(here.database)
    except StorageError as error:
        return f" {error}"
    return ""


def not_running(here: Installation) -> NotRunning:
    """What is raised where no bot runs here; it says who else has the data folder."""
    holder = find_holder(here.config.data_dir)
    if holder is None:
        return NotRunning("Parlance is not running here.")
    return NotRunning(
        f"Parlance is not running here, but {here.config.data_dir} is in use by {holder}: another "
        "command, or a bot that is just starting or ending."
    )


def _model_name(row: dict[str, Any]) -> str:
    number = f" ({row['replica'] + 1})" if row["replica"] else ""
    return f"model {row['model']}{number}"


def _describe_model(row: dict[str, Any]) -> str:
    loaded = {True: "loaded", False: "not loaded", None: ""}[row["resident"]]
    busy = f"{row['busy']} of {row['slots']} slots busy, {row['queue']} waiting"
    error = f"last error: {row['last_error']}" if row["last_error"] else ""
    return "; ".join(part for part in (loaded, busy, row["detail"], error) if part)


def _local_time(since: str) -> str:
    return datetime.fromisoformat(since).astimezone().strftime("%Y-%m-%d %H:%M")
