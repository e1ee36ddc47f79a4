"""The start: how long until a person can type, and what a loaded, idle Parlance weighs.

The command of `make run` is started in a pseudo-terminal, over a data directory that a first start
has already set up.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import pty
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from pathlib import Path

import psutil

from bench.rows import Row

_PROMPT = "›".encode()
_READY_S = 120.0
_CONFIG = Path(__file__).parents[1] / "config.yaml"


@contextlib.asynccontextmanager
async def _started(data: Path) -> AsyncIterator[tuple[int, int]]:
    """`python -m bot run` in a pseudo-terminal: its process id, and the terminal's descriptor."""
    leader, follower = pty.openpty()
    environment = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("DISCORD_", "SLACK_", "PARLANCE_DATA"))
    }
    environment.pop("PYTHONDONTWRITEBYTECODE", None)  # a second start has what the first compiled
    environment |= {"PARLANCE_DATA_DIR": str(data), "TERM": "xterm", "COLUMNS": "100"}
    environment["PARLANCE_CONFIG"] = str(_CONFIG)  # where one is named, no set-up is offered
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "bot", "run",
        stdin=follower, stdout=follower, stderr=asyncio.subprocess.DEVNULL,
        env=environment, start_new_session=True,
    )  # fmt: skip
    os.close(follower)
    try:
        yield process.pid, leader
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.send_signal(signal.SIGTERM)
        await asyncio.wait_for(process.wait(), 20)
        os.close(leader)


async def _until(leader: int, marker: bytes, limit_s: float) -> bytes:
    """Read the terminal until `marker` shows. Raises `TimeoutError`."""
    seen = b""
    end = time.monotonic() + limit_s
    os.set_blocking(leader, False)
    while marker not in seen:
        if time.monotonic() > end:
            raise TimeoutError(f"{marker!r} did not show within {limit_s:.0f} s: {seen[-400:]!r}")
        try:
            seen += os.read(leader, 65536)
        except BlockingIOError:
            await asyncio.sleep(0.01)
    return seen


async def _time_to_prompt(data: Path) -> tuple[float, float]:
    """Seconds until the prompt shows, and those that the process computed for it."""
    began = time.perf_counter()
    async with _started(data) as (pid, leader):
        await _until(leader, _PROMPT, _READY_S)
        took = time.perf_counter() - began
        spent = psutil.Process(pid).cpu_times()
        return took, spent.user + spent.system


def _time_of_help() -> float:
    began = time.perf_counter()
    subprocess.run([sys.executable, "-m", "bot", "--help"], stdout=subprocess.DEVNULL, check=True)
    return time.perf_counter() - began


async def _resident(data: Path) -> float:
    """Megabytes, after both default models have worked and a pause."""
    async with _started(data) as (pid, leader):
        await _until(leader, _PROMPT, _READY_S)
        os.write(leader, b"/ask How do I write a skill?\r")
        await _until(leader, b"Writing plugins", _READY_S)
        await _until(leader, _PROMPT, _READY_S)
        await asyncio.sleep(2.0)
        processes = [psutil.Process(pid), *psutil.Process(pid).children(recursive=True)]
        return sum(p.memory_info().rss for p in processes) / 1e6


async def rows(quick: bool) -> list[Row]:
    """The rows of the start."""
    with tempfile.TemporaryDirectory() as folder:
        data = Path(folder)
        await _time_to_prompt(data)
        starts = [await _time_to_prompt(data) for _ in range(1 if quick else 5)]
        megabytes = await _resident(data)
    start, computed = (statistics.median(one) for one in zip(*starts, strict=True))
    listed = statistics.median([_time_of_help() for _ in range(1 if quick else 5)])
    return [
        Row("second start until the prompt is ready", start, "s", "≤ 1", start <= 1),
        Row("… of it computed, in processor time", computed, "s", "", None),
        Row("`parlance --help`", listed, "s", "≤ 0.5", listed <= 0.5),
        Row("resident, default models loaded, idle", megabytes, "MB", "≤ 500", megabytes <= 500),
    ]
